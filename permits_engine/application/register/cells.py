"""The cells of a register's row, each read as its field, or the code and reason of what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Annotated, Any

import phonenumbers
from pydantic import AfterValidator, TypeAdapter, ValidationError

from permits_engine.application.register.countries import country_code
from permits_engine.application.register.csv_file import COLUMNS
from permits_engine.application.register.text import word
from permits_engine.commands import fields
from permits_engine.commands.holders import MOST_OTHER_NAMES
from permits_engine.commands.nationality import of_register
from permits_engine.domain.partial_dates import PartialDate

FILLERS = frozenset({"-", "–", "—", ".", "FNU", "LNU", "XXX"})
"""What registers write for the given name of a person with one name."""
_SEXES = {"f": "F", "m": "M", "h": "M", "x": "X"} | dict.fromkeys(("femme", "feminin", "female"), "F")
_SEXES |= dict.fromkeys(("homme", "masculin", "male"), "M")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{2})([/-])(\d{2})\2(\d{4})", re.ASCII)
_PART_OF_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d{2}|XX)(?:-(?P<day>\d{2}|XX))?)?"
    r"|(?:(?P<day_first>\d{2}|XX)(?P<sep>[/-]))?(?P<month_first>\d{2}|XX)(?(sep)(?P=sep)|[/-])(?P<year_first>\d{4})",
    re.ASCII | re.IGNORECASE,
)
_UNKNOWN = frozenset({"00", "XX", "xx", "Xx", "xX"})
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_+-]{1,40}(?:\.[A-Za-z0-9_+-]{1,20}){0,2}", re.ASCII)
_DAMAGED = re.compile("[\ufffd\udc80-\udcff]")
_LONGEST_LINE = 200


class BadRow(Exception):
    """A row that cannot be imported: one of ``CODES``, and a reason with the column and the remedy."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def day_cell(field: str, cell: str) -> date:
    """Return a day in one of the three forms and in the range of legal dates; raise ``BadRow``."""
    found = _day_of(cell)
    if found is None:
        raise BadRow(
            "row.date",
            f"{named(field)} {said(cell)} is not a day of the calendar written 2014-03-10, 10/03/2014 "
            "or 10-03-2014",
        )
    if not fields.EARLIEST <= found <= fields.LATEST:
        raise BadRow("row.date", f"{named(field)} {found} lies outside {fields.EARLIEST} to {fields.LATEST}")
    return found


@lru_cache(maxsize=65536)
def birth_date(cell: str) -> str:
    """Return what a register knows of a birth date: a day, a month or a year; zeros and XX are unknown parts."""
    try:
        if _day_of(cell) is None and (match := _PART_OF_DATE.fullmatch(cell)):
            parts = [match[name] or match[f"{name}_first"] for name in ("year", "month", "day")]
            known = PartialDate.known(
                *(int(part) if part and part not in _UNKNOWN else None for part in parts)
            )
        else:
            known = PartialDate.of(day_cell("birth_date", cell))
    except ValueError:
        if _DAY_FIRST.fullmatch(cell) or _ISO.fullmatch(cell):
            day_cell("birth_date", cell)
        reason = "is not a day, month or year such as 10/03/1990, 03/1990, XX/03/1990, 1990-03 or 1990"
        raise BadRow("row.date", f"{named('birth_date')} {said(cell)} {reason}") from None
    if not fields.EARLIEST <= known.earliest <= fields.LATEST:
        reason = f"lies outside {fields.EARLIEST} to {fields.LATEST}"
        raise BadRow("row.date", f"{named('birth_date')} {known} {reason}")
    return str(known)


@lru_cache(maxsize=65536)
def _day_of(cell: str) -> date | None:
    if match := _ISO.fullmatch(cell):
        year, month, day = match.groups()
    elif match := _DAY_FIRST.fullmatch(cell):
        day, _, month, year = match.groups()
    else:
        return None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def line_cell(field: str, cell: str) -> str:
    """Return a cell as one line of text; raise ``BadRow``."""
    if _DAMAGED.search(cell):
        raise BadRow("row.unreadable", f"{named(field)} {said(cell)} holds bytes that are no text; retype it")
    if len(cell) <= _LONGEST_LINE and cell.isascii() and cell.isprintable():
        return cell
    try:
        return _LINE.validate_python(cell)
    except ValidationError as problem:
        raise BadRow("row.text", f"{named(field)} {_why(problem)}") from None


def name_cell(field: str, cell: str) -> str:
    """Return a cell as a name; raise ``BadRow``."""
    line = line_cell(field, cell)
    if not line.isalpha():
        try:
            return _NAME.validate_python(line)
        except ValidationError as problem:
            raise BadRow("row.text", f"{named(field)} {said(line)} {_why(problem)}") from None
    return line


def given_names(cell: str | None) -> str | None:
    """Return the given names; none for a person with one name, also where the register has a filler."""
    if cell is None or cell.upper() in FILLERS:
        return None
    return name_cell("given_names", cell)


def other_names(cell: str | None) -> list[dict[str, str]] | None:
    """Return other names, written ``NAME, GIVEN; NAME, GIVEN``."""
    found = []
    for each in re.split("[;؛]", cell or ""):
        family, *given = (part.strip() for part in re.split("[,،]", each))
        if not family and not any(given):
            continue
        if len(given) > 1:
            reason = f"{named('also_known_as')} {said(each)} has more than one comma; write NAME, GIVEN; NAME, GIVEN"
            raise BadRow("row.text", reason)
        other = {"family_name": name_cell("also_known_as", family)}
        if given and given[0] and (first := given_names(given[0])):
            other["given_names"] = first
        found.append(other)
    if len(found) > MOST_OTHER_NAMES:
        raise BadRow("row.text", f"{named('also_known_as')} has more than {MOST_OTHER_NAMES} names")
    return found or None


def sex(cell: str) -> str:
    """Return the code of a sex; raise ``BadRow``."""
    found = _SEXES.get(word(cell))
    if found is None:
        raise BadRow("row.sex", f"{named('sex')} {said(cell)} is none of F, M (or H) and X")
    return found


def checked(field: str, read: Callable[[str], str], given: Mapping[str, str]) -> Any:
    """Return a cell as the commands read it; raise ``BadRow`` with their reason."""
    cell = given.get(field)
    if cell is None:
        return None
    try:
        return read(cell)
    except ValidationError as problem:
        raise BadRow(f"row.{field}", f"{named(field)} {said(cell)} {_why(problem)}") from None


_LINE: TypeAdapter[str] = TypeAdapter(fields.Line)
_NAME: TypeAdapter[str] = TypeAdapter(fields.Name)
_NATIONALITY: TypeAdapter[str] = TypeAdapter(Annotated[str, AfterValidator(of_register)])
_LANGUAGE: TypeAdapter[str] = TypeAdapter(fields.Language)
_EMAIL: TypeAdapter[str] = TypeAdapter(fields.Email)
_PHONE: TypeAdapter[str] = TypeAdapter(fields.Phone)


@lru_cache(maxsize=1024)
def nationality(cell: str) -> str:
    """Return the code of a nationality as the register had it; raise ``ValidationError``."""
    return _NATIONALITY.validate_python(country_code(cell))


@lru_cache(maxsize=1024)
def language(cell: str) -> str:
    """Return a language tag; raise ``ValidationError``."""
    return _LANGUAGE.validate_python(cell)


def email(cell: str) -> str:
    """Return an e-mail address; raise ``ValidationError``."""
    local, _, domain = cell.rpartition("@")
    if _PLAIN_LOCAL.fullmatch(local):
        return f"{local}@{_domain(domain)}"
    return _EMAIL.validate_python(cell)


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    # Checking a whole address takes longer than the rest of the row, and domains repeat.
    return _EMAIL.validate_python(f"name@{domain}").partition("@")[2]


def phone(cell: str | None, jurisdiction: str) -> str | None:
    """Return a number in E.164; one without a country code belongs to the jurisdiction."""
    if cell is None:
        return None
    try:
        return _PHONE.validate_python(cell)
    except ValidationError as problem:
        reason = _why(problem)
    try:
        number = phonenumbers.parse(cell, jurisdiction)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or len(cell) > 30 or not phonenumbers.is_valid_number(number):
        raise BadRow("row.phone", f"{named('phone')} {said(cell)} {reason}")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def named(field: str) -> str:
    """Return a column's name in French and English."""
    french = COLUMNS[field]
    return french if french == field else f"{french} ({field})"


def said(cell: str) -> str:
    """Return a cell as a reason quotes it."""
    short = cell if len(cell) <= 40 else f"{cell[:40]}…"
    return f"“{''.join(char if char.isprintable() else '?' for char in short)}”"


def _why(problem: ValidationError) -> str:
    fault = problem.errors(include_url=False, include_input=False, include_context=False)[0]
    if fault["type"] in {"string_too_long", "string_too_short"}:
        return fault["msg"].replace("String should have", "should have")
    return str(fault["msg"]).removeprefix("Value error, ")
