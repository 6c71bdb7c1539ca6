"""CloudEvents 1.0 in JSON Lines: one event a line, in structured mode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from permits_engine.audit.exports.columns import own_fields
from permits_engine.audit.exports.output_files import FileWriter
from permits_engine.audit.exports.source import ExportedEvent, Stream
from permits_engine.store.events.timestamps import iso

_encode = msgspec.json.Encoder().encode


class Writer(FileWriter):
    """Writer of CloudEvents.

    ``sequence`` (the zero-padded position), ``partitionkey``, ``correlationid`` and ``causationid`` are documented
    extensions of the specification; ``schemaversion`` is the layout of ``data``.
    """

    def __init__(self, path: Path, *, personal: bool, about: Mapping[str, str]) -> None:
        super().__init__(path.open("wb"))
        self._source = f"urn:uuid:{about['origin'].rpartition('/')[2]}"

    def write(self, streams: list[Stream]) -> None:
        """Append the events of whole streams."""
        self._file.writelines(_encode(self._event(each)) + b"\n" for stream in streams for each in stream)

    def _event(self, exported: ExportedEvent) -> dict[str, Any]:
        event, record, context = exported.event, exported.record, exported.context
        return _present(
            {
                "specversion": "1.0",
                "id": event.event_id,
                "source": self._source,
                "type": event.NAME,
                "subject": record.stream,
                "time": iso(record.recorded_at),
                "datacontenttype": "application/json",
                "sequence": f"{record.position:019d}",
                "partitionkey": context.permit_id or context.holder_id or record.stream,
                "correlationid": event.correlation_id,
                "causationid": event.causation_id,
                "schemaversion": int(record.name.rpartition("@")[2]),
                "data": _data(exported),
            }
        )


def _data(exported: ExportedEvent) -> dict[str, Any]:
    event, record, context = exported.event, exported.record, exported.context
    return _present(
        {
            "position": record.position,
            "version": record.version,
            "effective_on": event.effective_on.isoformat(),
            "actor": msgspec.to_builtins(event.actor),
            "operator": event.operator,
            "command_id": event.command_id,
            "basis": msgspec.to_builtins(event.basis) if event.basis else None,
            "permit_id": context.permit_id,
            "holder_id": context.holder_id,
            "jurisdiction": context.jurisdiction,
            "office": exported.office,
            **own_fields(exported),
        }
    )


def _present(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that have a value; the specification knows no null."""
    return {name: value for name, value in attributes.items() if value is not None}
