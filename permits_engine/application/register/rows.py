"""A row of a register, checked and made a record, or the code and reason of its rejection.

Only whether the row can be read and does not contradict itself is checked, not whether its decision was right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec
import phonenumbers
from pydantic import TypeAdapter, ValidationError

from permits_engine.application.register.countries import country_code
from permits_engine.application.register.csv_file import COLUMNS, NEEDED
from permits_engine.application.register.text import word
from permits_engine.commands import fields
from permits_engine.commands.holders import MOST_OTHER_NAMES
from permits_engine.domain.partial_dates import PartialDate
from permits_engine.domain.periods import ONE_DAY, term_end
from permits_engine.domain.rules.policy import Policy

CODES: dict[str, str] = {
    "row.unreadable": "quotation marks out of order, or bytes that are not text in the file's encoding",
    "row.cells": "more or fewer cells than the header has columns",
    "row.too_long": "a cell or the whole row is longer than a register's can be",
    "row.text": "a cell holds control characters, a line break, or more than its field takes",
    "row.missing": "a cell that must be filled is empty",
    "row.date": "not a date in one of the three forms, outside 1900 to 2199, or after today where it lies behind",
    "row.birth": "born after the filing",
    "row.order": "dates contradict one another: filing, decision, start and end follow in this order",
    "row.term": "the card is longer than the longest that the law knows",
    "row.sex": "neither F, M (or H) nor X",
    "row.nationality": "neither the code of a country nor its name in French, English or Arabic",
    "row.prefecture": "neither the code nor the name of an office of the jurisdiction",
    "row.category": "not a category of the jurisdiction, or filed before its operation began",
    "row.criterion": "not a criterion of the category",
    "row.decision": "neither granted nor refused, or dates that do not belong to the decision",
    "row.language": "not a BCP 47 language tag",
    "row.email": "not an e-mail address",
    "row.phone": "not a telephone number",
    "row.changed": "the file number is known with another content",
    "row.erased": "the file number is known and its holder's data were erased; it is not imported again",
    "row.refused": "the rules in force cannot place the row",
}
"""The codes of a rejects file, with their meaning."""

FILLERS = frozenset({"-", "–", "—", ".", "FNU", "LNU", "XXX"})
"""What registers write for the given name of a person with one name."""
_SEXES = {"f": "F", "m": "M", "h": "M", "x": "X"} | dict.fromkeys(("femme", "feminin", "female"), "F")
_SEXES |= dict.fromkeys(("homme", "masculin", "male"), "M")
_DECISIONS = dict.fromkeys(("accordee", "accorde", "granted"), "granted")
_DECISIONS |= dict.fromkeys(("refusee", "refuse", "refused"), "refused")
_CATEGORIES = {"ordinaire": "ordinary", "refugie": "refugee", "temporaire": "temporary", "mineur": "minor"}
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


class Record(msgspec.Struct, frozen=True):
    """The content of a good row; the same row in another spelling is equal to it."""

    jurisdiction: str
    file_number: str
    family_name: str
    given_names: str | None
    birth_date: str
    sex: str
    nationality: str
    prefecture: str
    category: str
    lodged_on: date
    criterion: str | None = None
    decision: str | None = None
    decided_on: date | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    language: str | None = None
    email: str | None = None
    phone: str | None = None
    also_known_as: list[dict[str, str]] | None = None

    def __repr__(self) -> str:
        return "<Record>"

    def canonical(self) -> bytes:
        """Return the content as bytes, to be compared; empty fields do not count."""
        filled = [(k, v) for k, v in msgspec.structs.asdict(self).items() if v is not None]
        return msgspec.json.encode(["register/v1", sorted(filled)])


class Checks:
    """Checks rows against the policy of one jurisdiction as known today."""

    def __init__(self, policy: Policy, today: date) -> None:
        self.policy = policy
        self.today = today
        self.rules = policy.at(today)
        self.offices = _offices(policy)

    def record(self, cells: Mapping[str, str]) -> Record:
        """Return the record of a row's cells by English column name; raise ``BadRow``."""
        given = {field: cell for field, value in cells.items() if (cell := value.strip())}
        for field in NEEDED:
            if field not in given:
                raise BadRow("row.missing", f"{_named(field)} is empty; fill it")
        lodged_on = self._past("lodged_on", given)
        category = self._category(given["category"], lodged_on)
        granted = _decision(given)
        record = Record(
            jurisdiction=self.policy.jurisdiction,
            file_number=_line("file_number", given["file_number"]),
            family_name=_name("family_name", given["family_name"]),
            given_names=_given_names(given.get("given_names")),
            birth_date=_birth_date(given["birth_date"]),
            sex=_sex(given["sex"]),
            nationality=_checked("nationality", _nationality, given),
            prefecture=self._prefecture(given["prefecture"]),
            category=category,
            lodged_on=lodged_on,
            criterion=self._criterion(given.get("criterion"), category, lodged_on),
            decision=granted,
            decided_on=self._past("decided_on", given) if granted else None,
            valid_from=_date("valid_from", given["valid_from"]) if granted == "granted" else None,
            valid_until=_date("valid_until", given["valid_until"]) if granted == "granted" else None,
            language=_checked("language", _language, given),
            email=_checked("email", _email, given),
            phone=_phone(given.get("phone"), self.policy.jurisdiction),
            also_known_as=_other_names(given.get("also_known_as")),
        )
        self._in_order(record)
        return record

    # --- dates --------------------------------------------------------------------------------------------

    def _past(self, field: str, given: Mapping[str, str]) -> date:
        day = _date(field, given[field])
        if day > self.today:
            raise BadRow("row.date", f"{_named(field)} {day} lies after today, {self.today}")
        return day

    def _in_order(self, r: Record) -> None:
        if PartialDate.of(r.birth_date).earliest > r.lodged_on:
            raise BadRow(
                "row.birth", f"{_named('birth_date')} {r.birth_date} lies after the filing on {r.lodged_on}"
            )
        for earlier, later in (
            ("lodged_on", "decided_on"),
            ("lodged_on", "valid_from"),
            ("valid_from", "valid_until"),
            ("decided_on", "valid_until"),
        ):
            first, second = getattr(r, earlier), getattr(r, later)
            if first is not None and second is not None and second < first:
                raise BadRow("row.order", f"{_named(later)} {second} lies before {_named(earlier)} {first}")
        if r.valid_from is None or r.valid_until is None:
            return
        kind = self.title_kind(r.category, r.lodged_on)
        scope = {"category": r.category, "stage": "renewal", "title_kind": kind}
        # A card from before the law's first day is checked by the law of today.
        longest = self.rules.get("term.maximum", r.valid_from, scope) or self.rules.get(
            "term.maximum", self.today, scope
        )
        # Old registers count a card either to the day before its anniversary or to the day itself.
        if longest is not None and r.valid_until > term_end(r.valid_from, longest) + ONE_DAY:
            raise BadRow(
                "row.term",
                f"a card from {r.valid_from} to {r.valid_until} is longer than {longest.in_words()}, "
                "the longest that the law knows; check both dates",
            )

    def title_kind(self, category: str, lodged_on: date) -> str:
        """Return a category's kind of title by the rules of the filing; for a filing before them, by today's."""
        scope = {"category": category, "stage": "application"}
        kind = self.rules.get("title.kind", lodged_on, scope)
        return str(kind or self.rules.need("title.kind", self.today, scope))

    # --- what the jurisdiction knows ----------------------------------------------------------------------

    def _prefecture(self, cell: str) -> str:
        found = self.offices.get(cell.upper()) or self.offices.get(word(cell))
        if found is None:
            raise BadRow(
                "row.prefecture",
                f"{_named('prefecture')} {_said(cell)} is no office of {self.policy.jurisdiction}; "
                "write its code (ISO 3166-2), or its name as the policy's list of offices has it",
            )
        return found

    def _category(self, cell: str, lodged_on: date) -> str:
        wanted = word(cell).replace("_", "-")
        wanted = _CATEGORIES.get(wanted, wanted)
        known = self.rules.get("categories", lodged_on, {}) or self.rules.need("categories", self.today, {})
        if wanted not in known:
            raise BadRow("row.category", f"{_named('category')} {_said(cell)} is none of {', '.join(known)}")
        opens = self._opening(wanted)
        if opens is not None and lodged_on < opens:
            raise BadRow(
                "row.category",
                f"{wanted} took applications from {opens} on, and this one was filed on {lodged_on}",
            )
        return wanted

    def _opening(self, category: str) -> date | None:
        """Return the first day of an operation; files taken after its last day are accepted as recorded."""
        windows = self.policy.parameters.get("campaign.window", ())
        days = [
            v.value[0] for v in windows if v.covers({"category": category}) and isinstance(v.value, tuple)
        ]
        return min(days) if days else None

    def _criterion(self, cell: str | None, category: str, lodged_on: date) -> str | None:
        if cell is None:
            return None
        scope = {"category": category, "stage": "application"}
        known = self.rules.get("campaign.criteria", lodged_on, scope) or ()
        if cell.upper() not in known:
            listed = f"none of {', '.join(known)}" if known else f"given, and {category} has no criteria"
            raise BadRow("row.criterion", f"{_named('criterion')} {_said(cell)} is {listed}")
        return cell.upper()


# --- cells ------------------------------------------------------------------------------------------------


def _decision(given: Mapping[str, str]) -> str | None:
    cell = given.get("decision")
    about = [field for field in ("decided_on", "valid_from", "valid_until") if field in given]
    if cell is None:
        if about:
            raise BadRow(
                "row.decision", f"{_named(about[0])} is given and {_named('decision')} is empty; fill both"
            )
        return None
    decision = _DECISIONS.get(word(cell))
    if decision is None:
        raise BadRow(
            "row.decision", f"decision {_said(cell)} is neither accordee (granted) nor refusee (refused)"
        )
    needed = ("decided_on", "valid_from", "valid_until") if decision == "granted" else ("decided_on",)
    for field in needed:
        if field not in given:
            raise BadRow("row.missing", f"{_named(field)} is empty, and the decision is {decision}; fill it")
    for field in about:
        if field not in needed:
            raise BadRow("row.decision", f"{_named(field)} is given, and the decision is {decision}")
    return decision


def _date(field: str, cell: str) -> date:
    day = _day(cell)
    if day is None:
        raise BadRow(
            "row.date",
            f"{_named(field)} {_said(cell)} is not a day of the calendar written 2014-03-10, 10/03/2014 "
            "or 10-03-2014",
        )
    if not fields.EARLIEST <= day <= fields.LATEST:
        raise BadRow("row.date", f"{_named(field)} {day} lies outside {fields.EARLIEST} to {fields.LATEST}")
    return day


@lru_cache(maxsize=65536)
def _birth_date(cell: str) -> str:
    """Return what a register knows of a birth date: a day, a month or a year; zeros and XX are unknown parts."""
    day = _day(cell)
    try:
        if day is None and (match := _PART_OF_DATE.fullmatch(cell)):
            parts = [match[name] or match[f"{name}_first"] for name in ("year", "month", "day")]
            known = PartialDate.known(
                *(int(part) if part and part not in _UNKNOWN else None for part in parts)
            )
        else:
            known = PartialDate.of(_date("birth_date", cell))
    except ValueError:
        if _DAY_FIRST.fullmatch(cell) or _ISO.fullmatch(cell):
            _date("birth_date", cell)
        reason = "is not a day, month or year such as 10/03/1990, 03/1990, XX/03/1990, 1990-03 or 1990"
        raise BadRow("row.date", f"{_named('birth_date')} {_said(cell)} {reason}") from None
    if not fields.EARLIEST <= known.earliest <= fields.LATEST:
        reason = f"lies outside {fields.EARLIEST} to {fields.LATEST}"
        raise BadRow("row.date", f"{_named('birth_date')} {known} {reason}")
    return str(known)


@lru_cache(maxsize=65536)
def _day(cell: str) -> date | None:
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


def _line(field: str, cell: str) -> str:
    if _DAMAGED.search(cell):
        raise BadRow(
            "row.unreadable", f"{_named(field)} {_said(cell)} holds bytes that are no text; retype it"
        )
    if len(cell) <= _LONGEST_LINE and cell.isascii() and cell.isprintable():
        return cell
    try:
        return _LINE.validate_python(cell)
    except ValidationError as problem:
        raise BadRow("row.text", f"{_named(field)} {_why(problem)}") from None


def _name(field: str, cell: str) -> str:
    line = _line(field, cell)
    if not line.isalpha():
        try:
            return _NAME.validate_python(line)
        except ValidationError as problem:
            raise BadRow("row.text", f"{_named(field)} {_said(line)} {_why(problem)}") from None
    return line


def _given_names(cell: str | None) -> str | None:
    """Return the given names; none for a person with one name, also where the register has a filler."""
    if cell is None or cell.upper() in FILLERS:
        return None
    return _name("given_names", cell)


def _other_names(cell: str | None) -> list[dict[str, str]] | None:
    """Return other names, written ``NAME, GIVEN; NAME, GIVEN``."""
    found = []
    for each in re.split("[;؛]", cell or ""):
        family, *given = (part.strip() for part in re.split("[,،]", each))
        if not family and not any(given):
            continue
        if len(given) > 1:
            reason = f"{_named('also_known_as')} {_said(each)} has more than one comma; write NAME, GIVEN; NAME, GIVEN"
            raise BadRow("row.text", reason)
        name = {"family_name": _name("also_known_as", family)}
        if given and given[0] and (first := _given_names(given[0])):
            name["given_names"] = first
        found.append(name)
    if len(found) > MOST_OTHER_NAMES:
        raise BadRow("row.text", f"{_named('also_known_as')} has more than {MOST_OTHER_NAMES} names")
    return found or None


def _sex(cell: str) -> str:
    sex = _SEXES.get(word(cell))
    if sex is None:
        raise BadRow("row.sex", f"{_named('sex')} {_said(cell)} is none of F, M (or H) and X")
    return sex


def _checked(field: str, read: Callable[[str], str], given: Mapping[str, str]) -> Any:
    """Return a cell as the commands read it; raise ``BadRow`` with their reason."""
    cell = given.get(field)
    if cell is None:
        return None
    try:
        return read(cell)
    except ValidationError as problem:
        raise BadRow(f"row.{field}", f"{_named(field)} {_said(cell)} {_why(problem)}") from None


_LINE: TypeAdapter[str] = TypeAdapter(fields.Line)
_NAME: TypeAdapter[str] = TypeAdapter(fields.Name)
_NATIONALITY: TypeAdapter[str] = TypeAdapter(fields.Nationality)
_LANGUAGE: TypeAdapter[str] = TypeAdapter(fields.Language)
_EMAIL: TypeAdapter[str] = TypeAdapter(fields.Email)
_PHONE: TypeAdapter[str] = TypeAdapter(fields.Phone)


@lru_cache(maxsize=1024)
def _nationality(cell: str) -> str:
    return _NATIONALITY.validate_python(country_code(cell))


@lru_cache(maxsize=1024)
def _language(cell: str) -> str:
    return _LANGUAGE.validate_python(cell)


def _email(cell: str) -> str:
    local, _, domain = cell.rpartition("@")
    if _PLAIN_LOCAL.fullmatch(local):
        return f"{local}@{_domain(domain)}"
    return _EMAIL.validate_python(cell)


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    # Checking a whole address takes longer than the rest of the row, and domains repeat.
    return _EMAIL.validate_python(f"name@{domain}").partition("@")[2]


def _phone(cell: str | None, jurisdiction: str) -> str | None:
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
        raise BadRow("row.phone", f"{_named('phone')} {_said(cell)} {reason}")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _offices(policy: Policy) -> dict[str, str]:
    """Return offices by code, and by each name that only one office has."""
    by_name: dict[str, set[str]] = {}
    for code, office in policy.offices.items():
        for name in office.names.values():
            by_name.setdefault(word(name), set()).add(code)
    sure = {name: next(iter(codes)) for name, codes in by_name.items() if len(codes) == 1}
    return sure | {code: code for code in policy.offices}


def _named(field: str) -> str:
    """Return a column's name in French and English."""
    french = COLUMNS[field]
    return french if french == field else f"{french} ({field})"


def _said(cell: str) -> str:
    short = cell if len(cell) <= 40 else f"{cell[:40]}…"
    return f"“{''.join(char if char.isprintable() else '?' for char in short)}”"


def _why(problem: ValidationError) -> str:
    fault = problem.errors(include_url=False, include_input=False, include_context=False)[0]
    if fault["type"] in {"string_too_long", "string_too_short"}:
        return fault["msg"].replace("String should have", "should have")
    return str(fault["msg"]).removeprefix("Value error, ")
