"""The arguments and options that commands share, and how dates, instants, ids and offices are read."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from permits_engine.commands import fields
from permits_engine.domain.errors import invalid

_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
LANGUAGES = ("fr", "ar", "en")
"""The languages of pages and explanations."""
Parser = Callable[[str], Any]


def option(
    name: str,
    metavar: str,
    meaning: str,
    parser: Parser | None = None,
    *,
    min: int | None = None,
    max: int | None = None,
) -> Any:
    """Describe an option that takes a value; ``parser`` raises ``input.invalid``."""
    return typer.Option(name, metavar=metavar, help=meaning, parser=parser, min=min, max=max)


def argument(metavar: str, meaning: str, parser: Parser | None = None, *, min: int | None = None) -> Any:
    """Describe an argument; ``parser`` raises ``input.invalid``."""
    return typer.Argument(metavar=metavar, help=meaning, parser=parser, min=min)


def flag(name: str, meaning: str) -> Any:
    """Describe an option without a value."""
    return typer.Option(name, help=meaning)


def day(name: str, meaning: str) -> Any:
    """Describe an option that takes a calendar date."""
    return option(name, "D", meaning, checked(fields.day_of, name))


def instant(name: str, meaning: str) -> Any:
    """Describe an option that takes an instant with its offset."""
    return option(name, "T", meaning, checked(_instant, name))


def one_of(name: str, metavar: str, meaning: str, *values: str) -> Any:
    """Describe an option that takes one of several words."""

    def parse(text: str) -> str:
        if text not in values:
            raise invalid(name, f"{text!r} is none of {', '.join(values)}")
        return text

    return option(name, metavar, meaning, parse)


def id_argument(meaning: str, listed_by: str, metavar: str = "ID") -> Any:
    """Describe an argument that takes the id of a permit, holder or notice; ``listed_by`` is where ids are shown."""
    return argument(metavar, meaning, partial(_id, listed_by, metavar))


def id_option(name: str, meaning: str, listed_by: str) -> Any:
    """Describe an option that takes such an id."""
    return option(name, "ID", meaning, partial(_id, listed_by, name))


def checked(check: Parser, name: str) -> Parser:
    """Return a parser that says of which option the ``ValueError`` of a check is."""

    def parse(text: str) -> Any:
        try:
            return check(text)
        except ValueError as problem:
            raise invalid(name, f"{text!r} {problem}") from None

    return parse


def _instant(text: str) -> datetime:
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not an instant with its offset such as 2017-01-31T09:00:00Z") from None


def _id(listed_by: str, name: str, text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise invalid(name, f"{text!r} is not a UUID; {listed_by} shows the ids") from None


def office(meaning: str) -> Any:
    """Describe the option that takes the code of an office."""
    return option("--prefecture", "P", meaning, checked(fields.office, "--prefecture"))


PermitId = Annotated[str, id_argument("The permit's id (permits list shows them).", "permits list")]
HolderId = Annotated[str, id_argument("The holder's id.", "permits list")]
After = Annotated[
    str | None, option("--after", "CURSOR", "Go on after the last page, from the cursor it gave.")
]
Limit = Annotated[int, option("--limit", "N", "Show so many rows at most.", min=1, max=1_000_000)]
AsOf = Annotated[date | None, day("--as-of", "The legal date asked about; it may lie ahead [today].")]
KnownAt = Annotated[
    datetime | None, instant("--known-at", "Only what was recorded and published by then [now].")
]
OutFile = Annotated[Path | None, option("--out", "FILE", "Write it there [standard output].")]
Workers = Annotated[int, option("--workers", "N", "Processes of this machine.")]
