"""A row of a register, checked and made a record, or the code and reason of its rejection.

Only whether the row can be read and does not contradict itself is checked, not whether its decision was right.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from permits_engine.application.register.cells import (
    BadRow,
    birth_date,
    checked,
    day_cell,
    email,
    given_names,
    language,
    line_cell,
    name_cell,
    named,
    nationality,
    other_names,
    phone,
    said,
    sex,
)
from permits_engine.application.register.csv_file import NEEDED
from permits_engine.application.register.text import word
from permits_engine.commands.nationality import FORMER, read
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

_DECISIONS = dict.fromkeys(("accordee", "accorde", "granted"), "granted")
_DECISIONS |= dict.fromkeys(("refusee", "refuse", "refused"), "refused")
_CATEGORIES = {"ordinaire": "ordinary", "refugie": "refugee", "temporaire": "temporary", "mineur": "minor"}


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
    nationality_read: str | None = None
    also_known_as: list[dict[str, str]] | None = None

    def __repr__(self) -> str:
        return "<Record>"

    def canonical(self) -> bytes:
        """Return the content as bytes, to be compared; empty fields do not count."""
        filled = [(k, v) for k, v in msgspec.structs.asdict(self).items() if v is not None]
        return msgspec.json.encode(["register/v1", sorted(filled)])


NOTES: dict[str, str] = {
    "given_names.filler": "a given name such as FNU, XXX or a dash was left out: the person has one name",
    "nationality.alias": "the code read is kept beside the one that is written today",
    "nationality.former": "the code was withdrawn before the filing; ask for today's nationality",
}
"""What is said of rows that were taken, by code."""


def notes_of(record: Record, cells: Mapping[str, str]) -> list[str]:
    """Return the codes of what is to be said of a good row."""
    former = FORMER.get(record.nationality)
    said = {
        "given_names.filler": record.given_names is None and bool(cells.get("given_names", "").strip()),
        "nationality.alias": record.nationality_read is not None,
        "nationality.former": former is not None and record.lodged_on > former[0],
    }
    return [code for code, holds in said.items() if holds]


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
                raise BadRow("row.missing", f"{named(field)} is empty; fill it")
        lodged_on = self._past("lodged_on", given)
        category = self._category(given["category"], lodged_on)
        granted = _decision(given)
        record = Record(
            jurisdiction=self.policy.jurisdiction,
            file_number=line_cell("file_number", given["file_number"]),
            family_name=name_cell("family_name", given["family_name"]),
            given_names=given_names(given.get("given_names")),
            birth_date=birth_date(given["birth_date"]),
            sex=sex(given["sex"]),
            nationality=checked("nationality", nationality, given),
            prefecture=self._prefecture(given["prefecture"]),
            category=category,
            lodged_on=lodged_on,
            criterion=self._criterion(given.get("criterion"), category, lodged_on),
            decision=granted,
            decided_on=self._past("decided_on", given) if granted else None,
            valid_from=day_cell("valid_from", given["valid_from"]) if granted == "granted" else None,
            valid_until=day_cell("valid_until", given["valid_until"]) if granted == "granted" else None,
            language=checked("language", language, given),
            email=checked("email", email, given),
            phone=phone(given.get("phone"), self.policy.jurisdiction),
            nationality_read=read(given["nationality"]),
            also_known_as=other_names(given.get("also_known_as")),
        )
        self._in_order(record)
        return record

    # --- dates --------------------------------------------------------------------------------------------

    def _past(self, field: str, given: Mapping[str, str]) -> date:
        day = day_cell(field, given[field])
        if day > self.today:
            raise BadRow("row.date", f"{named(field)} {day} lies after today, {self.today}")
        return day

    def _in_order(self, r: Record) -> None:
        if PartialDate.of(r.birth_date).earliest > r.lodged_on:
            raise BadRow(
                "row.birth", f"{named('birth_date')} {r.birth_date} lies after the filing on {r.lodged_on}"
            )
        for earlier, later in (
            ("lodged_on", "decided_on"),
            ("lodged_on", "valid_from"),
            ("valid_from", "valid_until"),
            ("decided_on", "valid_until"),
        ):
            first, second = getattr(r, earlier), getattr(r, later)
            if first is not None and second is not None and second < first:
                raise BadRow("row.order", f"{named(later)} {second} lies before {named(earlier)} {first}")
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
                f"{named('prefecture')} {said(cell)} is no office of {self.policy.jurisdiction}; "
                "write its code (ISO 3166-2), or its name as the policy's list of offices has it",
            )
        return found

    def _category(self, cell: str, lodged_on: date) -> str:
        wanted = word(cell).replace("_", "-")
        wanted = _CATEGORIES.get(wanted, wanted)
        known = self.rules.get("categories", lodged_on, {}) or self.rules.need("categories", self.today, {})
        if wanted not in known:
            raise BadRow("row.category", f"{named('category')} {said(cell)} is none of {', '.join(known)}")
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
            raise BadRow("row.criterion", f"{named('criterion')} {said(cell)} is {listed}")
        return cell.upper()


def _decision(given: Mapping[str, str]) -> str | None:
    cell = given.get("decision")
    about = [field for field in ("decided_on", "valid_from", "valid_until") if field in given]
    if cell is None:
        if about:
            raise BadRow(
                "row.decision", f"{named(about[0])} is given and {named('decision')} is empty; fill both"
            )
        return None
    decision = _DECISIONS.get(word(cell))
    if decision is None:
        raise BadRow(
            "row.decision", f"decision {said(cell)} is neither accordee (granted) nor refusee (refused)"
        )
    needed = ("decided_on", "valid_from", "valid_until") if decision == "granted" else ("decided_on",)
    for field in needed:
        if field not in given:
            raise BadRow("row.missing", f"{named(field)} is empty, and the decision is {decision}; fill it")
    for field in about:
        if field not in needed:
            raise BadRow("row.decision", f"{named(field)} is given, and the decision is {decision}")
    return decision


def _offices(policy: Policy) -> dict[str, str]:
    """Return offices by code, and by each name that only one office has."""
    by_name: dict[str, set[str]] = {}
    for code, office in policy.offices.items():
        for name in office.names.values():
            by_name.setdefault(word(name), set()).add(code)
    sure = {name: next(iter(codes)) for name, codes in by_name.items() if len(codes) == 1}
    return sure | {code: code for code in policy.offices}
