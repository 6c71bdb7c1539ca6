"""XES event log (IEEE 1849-2016) for process mining: one trace a permit.

``time:timestamp`` is the event's legal date, from which delays are counted, also in imported files;
``recorded_at`` is a separate attribute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from permits_engine.audit.exports.columns import own_fields
from permits_engine.audit.exports.source import ExportedEvent, Stream, TextFormat
from permits_engine.store.events.timestamps import moment

EXTENSIONS = {
    "concept": ("Concept", "http://www.xes-standard.org/concept.xesext"),
    "time": ("Time", "http://www.xes-standard.org/time.xesext"),
    "lifecycle": ("Lifecycle", "http://www.xes-standard.org/lifecycle.xesext"),
    "org": ("Organizational", "http://www.xes-standard.org/org.xesext"),
    "identity": ("Identity", "http://www.xes-standard.org/identity.xesext"),
}
_OF_TRACE = ("holder_id", "jurisdiction", "office", "category", "criterion", "nationality", "sex", "age")
_SPECIAL = re.compile(r'[<>&"]|[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


def text_format(*, personal: bool, about: Mapping[str, str]) -> TextFormat:
    """Return the format; holders, notices and policies are not cases and are left out."""
    return TextFormat(_trace, _head(about).encode(), b"</log>\n")


def _head(about: Mapping[str, str]) -> str:
    extensions = "".join(
        f'\t<extension name="{name}" prefix="{prefix}" uri="{uri}"/>\n'
        for prefix, (name, uri) in EXTENSIONS.items()
    )
    every_event = [
        _attribute("identity:id", "00000000-0000-0000-0000-000000000000", "id"),
        _attribute("concept:name", "event"),
        _attribute("time:timestamp", "1970-01-01T00:00:00.000+00:00", "date"),
        _attribute("lifecycle:transition", "complete"),
        _attribute("org:resource", "actor"),
        _attribute("org:role", "role"),
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">\n'
        f"{extensions}"
        f'\t<global scope="trace">\n{_attribute("concept:name", "permit")}\t</global>\n'
        f'\t<global scope="event">\n{"".join(every_event)}\t</global>\n'
        '\t<classifier name="Event" keys="concept:name"/>\n'
        '\t<classifier name="EventAndRole" keys="concept:name org:role"/>\n'
        f"{_attribute('concept:name', about['origin'])}"
        f"{_attribute('lifecycle:model', 'standard')}"
        f"{_attribute('position', about['position'], 'int')}"
    )


def _trace(stream: Stream) -> bytes:
    context = stream[0].context
    if context.family != "permit":
        return b""
    lines = ["\t<trace>\n", _attribute("concept:name", stream[0].record.stream)]
    lines += [_value(name, getattr(context, name)) for name in _OF_TRACE]
    lines += [_event(each) for each in stream]
    return "".join([*lines, "\t</trace>\n"]).encode()


def _event(exported: ExportedEvent) -> str:
    event, record = exported.event, exported.record
    recorded = moment(record.recorded_at).isoformat(timespec="milliseconds")
    lines = [
        _attribute("identity:id", event.event_id, "id"),
        _attribute("concept:name", event.NAME),
        _attribute("time:timestamp", f"{event.effective_on.isoformat()}T00:00:00.000+00:00", "date"),
        _attribute("lifecycle:transition", "complete"),
        _attribute("org:resource", event.actor.id),
        _attribute("org:role", event.actor.role),
        _value("org:group", event.actor.prefecture),
        _attribute("recorded_at", recorded, "date"),
        _attribute("position", str(record.position), "int"),
        _attribute("version", str(record.version), "int"),
        _value("office", exported.office),
        *(_value(name, value) for name, value in own_fields(exported).items()),
    ]
    return "".join(["\t\t<event>\n", *lines, "\t\t</event>\n"])


def _value(name: str, value: Any) -> str:
    """Return an attribute of the value's type, or nothing for None and an empty list."""
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return _attribute(name, "true" if value else "false", "boolean")
    if isinstance(value, int):
        return _attribute(name, str(value), "int")
    return _attribute(name, value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _attribute(name: str, value: str, kind: str = "string") -> str:
    # Most texts hold nothing special, and this check is three times quicker.
    if _SPECIAL.search(value) is not None:
        value = _NO_XML.sub(chr(0xFFFD), value).translate(_ESCAPES)
    return f'<{kind} key="{name}" value="{value}"/>\n'
