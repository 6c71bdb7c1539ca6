"""Departures of a decision from the rules, in words: such a decision is recorded all the same, and marked."""

from collections.abc import Mapping
from typing import Any

from permits_engine.domain.events.base import Event
from permits_engine.domain.phrases import Phrase

KINDS = ("shorter_term", "due_as_of_right", "relaxed", "other_title")
"""What a decision can depart from: the law's term, a right to the title, a relaxation, the title due."""


def kind_of(rule: str) -> str:
    """Return the kind of a departure from the id of its rule (``ma.term.first@2010-04-19``)."""
    parameter = rule.partition("@")[0].partition(".")[2]
    if parameter.startswith("term."):
        return "shorter_term"
    if parameter == "relaxation":
        return "relaxed"
    return "due_as_of_right" if parameter in {"title.requires", "title.expects"} else "other_title"


def in_words(event: Event, rule: Mapping[str, Any]) -> Phrase:
    """Return what a decision departs from, as a phrase; ``rule`` is the rule as it was on that day."""
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
