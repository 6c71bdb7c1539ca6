"""A key service over HTTP, as an example of the interface for keys that never leave their machine.

Each call is a POST of JSON with base64: ``/wrap`` {"plain", "label"} gives {"wrapped"}, ``/unwrap`` {"wrapped",
"label"} gives {"plain"}. Only https is used, except for a service on this machine.
"""

from __future__ import annotations

import base64
import json
from binascii import Error as BinasciiError
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from permits_engine.domain.errors import PermitsError, error, invalid

SECONDS = 10
MOST_BYTES = 1 << 20
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class HttpKeyService:
    """Wraps and unwraps by a service; ``token`` is sent as a bearer token."""

    __slots__ = ("_token", "_url", "name")

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in {"http", "https"}:
            raise invalid("PERMITS_KEY_SERVICE", "is no address such as https://keys.example.org")
        if parts.scheme == "http" and parts.hostname not in _HERE:
            raise invalid("PERMITS_KEY_SERVICE", "would send keys in clear: name it with https")
        if parts.username or parts.password:
            raise invalid("PERMITS_KEY_SERVICE", "holds a password: use PERMITS_KEY_SERVICE_TOKEN")
        self.name = f"{parts.scheme}://{parts.netloc}"
        self._url = url.rstrip("/")
        self._token = token

    def __repr__(self) -> str:
        return f"<HttpKeyService {self.name}>"

    def wrap(self, plain: bytes, label: str) -> bytes:
        """Return the secret in a form that only the service opens; raise ``store.unavailable``."""
        return self._ask("wrap", "plain", plain, "wrapped", label)

    def unwrap(self, wrapped: bytes, label: str) -> bytes:
        """Return the secret; raise ``store.unavailable``."""
        return self._ask("unwrap", "wrapped", wrapped, "plain", label)

    def _ask(self, act: str, given: str, value: bytes, wanted: str, label: str) -> bytes:
        body = json.dumps({given: base64.b64encode(value).decode(), "label": label}).encode()
        head = {"Content-Type": "application/json"}
        if self._token is not None:
            head["Authorization"] = f"Bearer {self._token}"
        request = Request(f"{self._url}/{act}", data=body, headers=head, method="POST")  # noqa: S310
        try:
            # An opener of its own: no proxy of the environment sees a key.
            with build_opener(ProxyHandler({})).open(request, timeout=SECONDS) as answer:
                found: Any = json.loads(answer.read(MOST_BYTES))
            return base64.b64decode(found[wanted], validate=True)
        except (URLError, OSError, TimeoutError) as problem:
            reason = (
                getattr(problem, "code", None) or getattr(problem, "reason", None) or type(problem).__name__
            )
            raise self._silent(
                f"does not {act} the master key ({reason}): check the service and the token"
            ) from None
        except (ValueError, KeyError, TypeError, BinasciiError):
            raise self._silent(f"gives no answer to {act} that could be read") from None

    def _silent(self, reason: str) -> PermitsError:
        return error("store.unavailable", f"the key service {self.name} {reason}", service=self.name)
