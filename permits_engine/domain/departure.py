"""What a decision departs from, said in a sentence: it is recorded, since it happened, and it stands out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from permits_engine.domain.event import Event

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


def in_words(event: Event, rule: Mapping[str, Any]) -> str:
    """What a decision departs from, as a sentence; ``rule`` is the rule as it then stood."""
    norm, parameter = rule["norm"], str(rule["parameter"])
    relaxed = getattr(event, "relaxed", ())
    match parameter:
        case "relaxation":
            return f"departs from what was relaxed for {', '.join(relaxed).replace('_', ' ')}: {norm}"
        case "title.requires" | "title.expects":
            return (
                f"departs from the law: {norm} gives this title as of right, but for a threat to public order"
            )
        case "title.from_age":
            return f"departs from the law: {norm} gives this title from the age of {rule['value']}"
        case "title.follows":
            kinds = ", ".join(rule["value"])
            return f"departs from the order of titles: {norm}; beside a title in force it follows {kinds}"
    return f"departs from the law: {norm} gives {rule['value']}"
