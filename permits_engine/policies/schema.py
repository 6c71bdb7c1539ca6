"""The shape of a policy text and its rows; each row needs its legal basis."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from permits_engine.commands.fields import Country, Day, Line, Office, Text, clean
from permits_engine.domain import legal_time
from permits_engine.domain.rules.parameters import SCOPES
from permits_engine.domain.rules.policy import RANKS

Rank = Literal[RANKS]  # type: ignore[valid-type]
Confidence = Literal["high", "medium", "low"]
Said = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(clean)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _day_of_year(value: str) -> str:
    try:
        date.fromisoformat(f"2000-{value}")
    except ValueError:
        raise ValueError("is not a day of the year such as 01-11 (month, day)") from None
    return value


def _time_zone(value: str) -> str:
    try:
        legal_time.zone(value)
    except (OSError, ValueError, KeyError):
        raise ValueError("is not a time zone such as Europe/Paris") from None
    return value


def _weekend(values: list[int]) -> list[int]:
    if len(set(values)) != len(values) or len(values) == 7:
        raise ValueError("is not a list of different days, from 1 (Monday) to 7 (Sunday), fewer than seven")
    return values


def _days_only(value: str) -> str:
    if re.fullmatch(r"P\d{1,2}D", value) is None:
        raise ValueError("is not a number of days such as P4D")
    return value


def _circumstances(values: dict[str, list[str]]) -> dict[str, list[str]]:
    for name, allowed in values.items():
        if name not in SCOPES:
            raise ValueError(f"{name!r} is none of {', '.join(sorted(SCOPES))}")
        if not allowed:
            raise ValueError(f"{name} names nothing; leave it out where the value is meant for all")
    return values


class _Source(Model):
    text: Said
    article: Said | None = None


class Row(Model):
    name: Line
    value: Any
    since: Day = Field(alias="from")
    until: Day | None = None
    known: Day
    rank: Rank
    source: _Source
    confidence: Confidence
    applies: Annotated[dict[str, list[Line]], AfterValidator(_circumstances)] = Field(default_factory=dict)
    counting: Literal["calendar", "franc"] = "calendar"
    roll: Literal["none", "next_working_day"] = "none"
    note: Text | None = None
    id: Line | None = None


class PolicyPart(Model):
    policy: Country
    title: Said
    parameters: list[Row] = Field(min_length=1)


class _Based(Model):
    source: _Source
    rank: Rank
    confidence: Confidence


class _Fixed(_Based):
    name: Line
    day: Annotated[str, AfterValidator(_day_of_year)]
    since: Day = Field(alias="from")
    until: Day | None = None
    known: Day


class _Days(Model):
    on: list[Day] = Field(min_length=1)
    known: Day


class Moving(_Based):
    name: Line
    key: Line
    estimated: _Days | None = None
    official: _Days | None = None


class _Condition(Model):
    feast: Line
    on: Day


class Exceptional(_Based):
    name: Line
    on: list[Day] = Field(min_length=1)
    known: Day
    condition: _Condition | None = Field(default=None, alias="if")


class _Covers(Model):
    since: Day = Field(alias="from")
    until: Day
    spread: Annotated[str, AfterValidator(_days_only)]


class CalendarPart(_Based):
    calendar: Country
    time_zone: Annotated[str, AfterValidator(_time_zone)]
    weekend: Annotated[list[Annotated[int, Field(ge=1, le=7, strict=True)]], AfterValidator(_weekend)]
    covers: _Covers | None = None
    fixed: list[_Fixed] = Field(default_factory=list)
    moving: list[Moving] = Field(default_factory=list)
    exceptional: list[Exceptional] = Field(default_factory=list)


class _OfficeRow(Model):
    code: Office
    name: dict[str, Line] = Field(min_length=1)


class OfficesPart(_Based):
    offices: Country
    list_: list[_OfficeRow] = Field(alias="list", min_length=1)


MODELS: dict[str, type[Model]] = {
    "policy": PolicyPart,
    "calendar": CalendarPart,
    "offices": OfficesPart,
}
