"""The buttons of the portal: which fields each command asks for, and how a filled form becomes a command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from permits_engine.commands import Command, parse
from permits_engine.domain.errors import invalid

Field = tuple[str, str]
"""Name and kind of a field: text, line, date, flag, words, or the choices with bars between them."""

_REASONS: list[Field] = [("reasons_in_fact", "text"), ("reasons_in_law", "text")]

FORMS: dict[str, list[Field]] = {
    "supply_documents": [("documents", "words")],
    "request_documents": [("documents", "words"), ("reason", "text")],
    "issue_permit": [("card_number", "line")],
    "refuse_application": _REASONS,
    "request_renewal": [("missing", "words")],
    "renew_permit": [("card_number", "line")],
    "refuse_renewal": _REASONS,
    "notify_decision": [("mode", "written|electronic|oral"), ("proof", "line")],
    "record_exit": [("on", "date")],
    "record_return": [("on", "date")],
    "transfer_file": [("prefecture", "line")],
}
"""What this portal offers of the engine's commands."""


def command_of(name: str, permit_id: str, filled: Mapping[str, str]) -> Command:
    """A filled form as a command; ``version`` is the one that the officer saw. Raises ``input.invalid``."""
    if name not in FORMS:
        raise invalid("name", f"{name} is no button of this portal")
    fields: dict[str, Any] = {"permit_id": permit_id}
    if version := filled.get("version"):
        fields["expected_version"] = int(version) if version.isdecimal() else version
    if command_id := filled.get("command_id"):
        fields["command_id"] = command_id  # the same form sent twice is carried out once
    for field, kind in FORMS[name]:
        value = filled.get(field, "")
        if kind == "words":
            fields[field] = value.split()
        elif value:
            fields[field] = value
    return parse(name, fields)
