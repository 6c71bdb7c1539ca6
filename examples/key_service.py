"""A key service for trying things out: it keeps one key, wraps and unwraps under it, and never gives it away.

    KEY_SERVICE_TOKEN=secret python -m examples.key_service 8200 service.key

A real one is an HSM or a cloud's key management behind the same two requests.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def key_in(file: Path) -> bytes:
    """The service's key, made where there is none yet."""
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as made:
            made.write(AESGCM.generate_key(256))
    return file.read_bytes()


def serve(port: int, key: bytes, token: str) -> ThreadingHTTPServer:
    """A server on this machine only; 0 takes any free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if not compare_digest(self.headers.get("Authorization", ""), f"Bearer {token}"):
                self._answer(401, {})
                return
            asked: dict[str, str] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            label = asked["label"].encode()
            try:
                if self.path == "/wrap":
                    nonce = os.urandom(12)
                    wrapped = nonce + AESGCM(key).encrypt(nonce, base64.b64decode(asked["plain"]), label)
                    self._answer(200, {"wrapped": base64.b64encode(wrapped).decode()})
                elif self.path == "/unwrap":
                    whole = base64.b64decode(asked["wrapped"])
                    plain = AESGCM(key).decrypt(whole[:12], whole[12:], label)
                    self._answer(200, {"plain": base64.b64encode(plain).decode()})
                else:
                    self._answer(404, {})
            except InvalidTag:
                self._answer(400, {})

        def _answer(self, code: int, said: dict[str, str]) -> None:
            body = json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing: what it is asked is secret."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main() -> None:
    """Serve until stopped."""
    port, file = int(sys.argv[1]), Path(sys.argv[2])
    serve(port, key_in(file), os.environ["KEY_SERVICE_TOKEN"]).serve_forever()


if __name__ == "__main__":
    main()
