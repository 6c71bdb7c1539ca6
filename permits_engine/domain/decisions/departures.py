"""What a decision departs from, said in a sentence: it is recorded, since it happened, and it stands out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from permits_engine.domain.events.base import Event
from permits_engine.domain.phrases import Phrase

KINDS = ("shorter_term", "due_as_of_right", "relaxed", "other_title")
"""What a decision may depart from: the law's term, a right to the title, a relaxation, the title that was due."""


def kind_of(rule: str) -> str:
    """The kind of a departure by the id of the rule that it departs from (``ma.term.first@2010-04-19``)."""
    parameter = rule.partition("@")[0].partition(".")[2]
    if parameter.startswith("term."):
        return "shorter_term"
    if parameter == "relaxation":
        return "relaxed"
    return "due_as_of_right" if parameter in {"title.requires", "title.expects"} else "other_title"


def in_words(event: Event, rule: Mapping[str, Any]) -> Phrase:
    """What a decision departs from, as a sentence; ``rule`` is the rule as it then stood."""
    norm, parameter = rule["norm"], str(rule["parameter"])
    relaxed = getattr(event, "relaxed", ())
    match parameter:
        case "relaxation":
            return Phrase("departs.relaxation", criteria=tuple(relaxed), norm=norm)
        case "title.requires" | "title.expects":
            return Phrase("departs.right", norm=norm)
        case "title.from_age":
            return Phrase("departs.age", norm=norm, age=rule["value"])
        case "title.follows":
            return Phrase("departs.order", norm=norm, kinds=tuple(rule["value"]))
    return Phrase("departs.law", norm=norm, value=rule["value"])
