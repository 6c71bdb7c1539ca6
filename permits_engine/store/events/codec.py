"""Events to stored bytes (JSON) and back, personal fields encrypted under the holder's key.

The closed registry ``EVENTS`` selects the class of a stored event; a stored name is never imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_type_hints

import msgspec

from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import EVENTS, Event, stored_name
from permits_engine.store.keys.encoding import framed
from permits_engine.store.keys.keyring import Cipher

ENCRYPTION_TAG = b"permits-engine/sealed/v1"

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: dict[str, Upcaster] = {}
"""The function that turns the clear fields of an old version into those of the next, by stored name."""

_encode = msgspec.json.Encoder().encode


class _Readers(dict[str, Callable[[bytes], Event]]):
    """Decoders by stored type, made on first use; a ``KeyError`` for an unknown one."""

    def __missing__(self, name: str) -> Callable[[bytes], Event]:
        if name in EVENTS:
            reader = self[name] = msgspec.json.Decoder(EVENTS[name]).decode
            return reader
        if name in UPCASTERS:
            return lambda payload: _upcast(name, msgspec.json.decode(payload, type=dict[str, Any]))
        raise KeyError(name)


_readers = _Readers()


def encode(
    event: Event, *, version: int, stream: str, holder_id: str | None = None, cipher: Cipher | None = None
) -> bytes:
    """Return the stored bytes of an event, its personal fields encrypted for this holder, stream and version.

    An event with personal fields and no ``cipher`` or ``holder_id`` is a ``ValueError``: no personal field is ever
    stored in clear.
    """
    personal = {
        name: value for name in _personal_fields(type(event)) if (value := getattr(event, name)) is not None
    }
    if personal:
        if cipher is None or holder_id is None:
            raise ValueError(f"{event.NAME} holds personal data: give the holder and their key")
        bound = _associated(holder_id, stream, version, stored_name(event))
        hidden: dict[str, Any] = dict.fromkeys(personal)
        hidden["sealed"] = cipher.encrypt(_encode(personal), bound)
        event = msgspec.structs.replace(event, **hidden)
    return _encode(event)


def decode(name: str, payload: bytes) -> Event:
    """Return the event of stored bytes, its personal fields still encrypted; raise ``integrity.broken``."""
    try:
        return _readers[name](payload)
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, RecursionError) as problem:
        if name in EVENTS or name in UPCASTERS:
            raise _broken(name, f"its content does not fit its type: {problem}") from problem
        raise _broken(name, "its type is unknown to this program") from None


def decrypt(
    event: Event, *, stream: str, version: int, holder_id: str, cipher: Cipher | None, name: str
) -> Event:
    """Return the event with its personal fields decrypted; without a cipher it stays as it is.

    ``name`` is the type under which it is stored. Raises ``integrity.broken`` if it was encrypted under another key
    or for another place.
    """
    if cipher is None or event.sealed is None:
        return event
    plain = cipher.decrypt(event.sealed, _associated(holder_id, stream, version, name))
    try:
        opened = msgspec.json.decode(plain, type=_personal(type(event)))
    except (msgspec.MsgspecError, ValueError) as problem:
        raise _broken(name, "its encrypted content does not fit its type") from problem
    return msgspec.structs.replace(event, sealed=None, **msgspec.structs.asdict(opened))


def check_chain(events: Mapping[str, type[Event]], upcasters: Mapping[str, Upcaster]) -> None:
    """Check that every older version of every event can be read; raise a ``RuntimeError`` that names the gap."""
    needed = {f"{kind.NAME}@{older}" for kind in events.values() for older in range(1, kind.SCHEMA)}
    if missing := sorted(needed - upcasters.keys()):
        raise RuntimeError(f"no upcaster reads {', '.join(missing)}")
    if unused := sorted(upcasters.keys() - needed):
        raise RuntimeError(f"upcasters lead nowhere: {', '.join(unused)}")


def _upcast(name: str, fields: dict[str, Any]) -> Event:
    while (upcaster := UPCASTERS.get(name)) is not None:
        fields = upcaster(fields)
        kind, _, number = name.rpartition("@")
        name = f"{kind}@{int(number) + 1}"
    return msgspec.convert(fields, EVENTS[name])


def _associated(holder_id: str, stream: str, version: int, name: str) -> bytes:
    return framed(ENCRYPTION_TAG, holder_id, stream, version, name)


@cache
def _personal_fields(kind: type[Event]) -> tuple[str, ...]:
    return tuple(sorted(kind.ENCRYPTED))


@cache
def _personal(kind: type[Event]) -> type[msgspec.Struct]:
    hints = get_type_hints(kind)
    fields = [(name, hints[name], None) for name in _personal_fields(kind)]
    return msgspec.defstruct(f"{kind.__name__}Personal", fields, forbid_unknown_fields=True)


def _broken(name: str, reason: str) -> PermitsError:
    return error("integrity.broken", f"a stored event of type {name} cannot be read: {reason}", type=name)


check_chain(EVENTS, UPCASTERS)
