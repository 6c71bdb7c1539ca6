"""The history as CloudEvents 1.0 in JSON Lines: one event to a line, structured mode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from permits_engine.audit.exports.columns import said
from permits_engine.audit.exports.source import Stream, Told
from permits_engine.store.events.timestamps import moment


class Writer:
    """Writes streams to a file.

    ``sequence`` (the store's position, as wide as any), ``partitionkey``, ``correlationid`` and ``causationid`` are
    the extensions that the specification's own list documents; ``schemaversion`` is the layout of ``data``.
    """

    def __init__(self, place: Path, *, personal: bool, about: Mapping[str, str]) -> None:
        self._source = f"urn:uuid:{about['origin'].rpartition('/')[2]}"
        self._file = place.open("wb")
        self._encode = msgspec.json.Encoder().encode

    def write(self, streams: list[Stream]) -> int:
        """Take whole streams; gives how many events were written."""
        lines = [self._encode(self._event(each)) for stream in streams for each in stream]
        if lines:
            self._file.write(b"\n".join(lines) + b"\n")
        return len(lines)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    abandon = close

    def _event(self, told: Told) -> dict[str, Any]:
        event, record = told.event, told.record
        at = moment(record.recorded_at).isoformat(timespec="microseconds").replace("+00:00", "Z")
        found = {
            "specversion": "1.0",
            "id": event.event_id,
            "source": self._source,
            "type": event.NAME,
            "subject": record.stream,
            "time": at,
            "datacontenttype": "application/json",
            "sequence": f"{record.position:019d}",
            "partitionkey": told.context.permit_id or told.context.holder_id or record.stream,
            "correlationid": event.correlation_id,
            "causationid": event.causation_id,
            "schemaversion": int(record.name.rpartition("@")[2]),
            "data": _data(told),
        }
        # An attribute without a value is left out: null is none of the specification's values.
        return {name: value for name, value in found.items() if value is not None}


def _data(told: Told) -> dict[str, Any]:
    event, record, context = told.event, told.record, told.context
    where = {
        "permit_id": context.permit_id,
        "holder_id": context.holder_id,
        "jurisdiction": context.jurisdiction,
        "office": told.office,
    }
    found: dict[str, Any] = {
        "position": record.position,
        "version": record.version,
        "effective_on": event.effective_on.isoformat(),
        "actor": msgspec.to_builtins(event.actor),
        "operator": event.operator,
        "command_id": event.command_id,
        "basis": msgspec.to_builtins(event.basis) if event.basis else None,
        **where,
        **said(told),
    }
    return {name: value for name, value in found.items() if value is not None}
