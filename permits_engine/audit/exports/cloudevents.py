"""CloudEvents 1.0 in JSON Lines: one event a line, in structured mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from permits_engine.audit.exports.columns import own_fields
from permits_engine.audit.exports.source import ExportedEvent, Stream, TextFormat
from permits_engine.store.events.timestamps import iso

_encode = msgspec.json.Encoder().encode


def text_format(*, personal: bool, about: Mapping[str, str]) -> TextFormat:
    """Return the format; the source of all events is the store."""
    source = f"urn:uuid:{about['origin'].rpartition('/')[2]}"

    def lines(stream: Stream) -> bytes:
        return b"".join(_encode(_event(each, source)) + b"\n" for each in stream)

    return TextFormat(lines)


def _event(exported: ExportedEvent, source: str) -> dict[str, Any]:
    """Return the attributes of an event.

    ``sequence`` (the zero-padded position), ``partitionkey``, ``correlationid`` and ``causationid`` are documented
    extensions of the specification; ``schemaversion`` is the layout of ``data``.
    """
    event, record, context = exported.event, exported.record, exported.context
    return _present(
        {
            "specversion": "1.0",
            "id": event.event_id,
            "source": source,
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
