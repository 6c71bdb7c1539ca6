"""The shape of a policy text: what each of its rows must say, its legal basis first of all."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from permits_engine.domain.policy import RANKS


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=20_000)


def _plain_date(value: object) -> object:
    if isinstance(value, date) or (isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)):
        return value
    raise ValueError("is not a date such as 2017-01-10")


Day = Annotated[date, BeforeValidator(_plain_date)]
Rank = Literal[RANKS]  # type: ignore[valid-type]
Confidence = Literal["high", "medium", "low"]


class _Source(Model):
    text: str = Field(min_length=1)
    article: str | None = None


class Row(Model):
    name: str
    value: Any
    since: Day = Field(alias="from")
    until: Day | None = None
    known: Day
    rank: Rank
    source: _Source
    confidence: Confidence
    applies: dict[str, list[str]] = Field(default_factory=dict)
    counting: Literal["calendar", "franc"] = "calendar"
    roll: Literal["none", "next_working_day"] = "none"
    note: str | None = None
    id: str | None = None


class PolicyPart(Model):
    policy: str = Field(pattern=r"^[A-Z]{2}$")
    title: str
    parameters: list[Row] = Field(min_length=1)


class _Based(Model):
    source: _Source
    rank: Rank
    confidence: Confidence


class _Fixed(_Based):
    name: str
    day: str = Field(pattern=r"^\d{2}-\d{2}$")
    since: Day = Field(alias="from")
    until: Day | None = None
    known: Day


class _Days(Model):
    on: list[Day] = Field(min_length=1)
    known: Day


class _Moving(_Based):
    name: str
    key: str
    estimated: _Days | None = None
    official: _Days | None = None


class _Exceptional(_Based):
    name: str
    on: list[Day] = Field(min_length=1)
    known: Day


class CalendarPart(_Based):
    calendar: str
    time_zone: str
    weekend: list[int]
    fixed: list[_Fixed] = Field(default_factory=list)
    moving: list[_Moving] = Field(default_factory=list)
    exceptional: list[_Exceptional] = Field(default_factory=list)


class _OfficeRow(Model):
    code: str = Field(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}(\.[A-Z0-9]{1,8})?$")
    name: dict[str, str]


class OfficesPart(_Based):
    offices: str
    list_: list[_OfficeRow] = Field(alias="list", min_length=1)


MODELS: dict[str, type[Model]] = {
    "policy": PolicyPart,
    "calendar": CalendarPart,
    "offices": OfficesPart,
}
