"""``permits what-if``: what another policy would have made of a history, by office and year."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

import msgspec

from permits_engine.audit.replay.counterfactual import (
    Counterfactual,
    CounterfactualFile,
    MessageDue,
    valid_events,
)
from permits_engine.audit.replay.external_facts import external_facts
from permits_engine.audit.replay.parallel import Run
from permits_engine.audit.replay.sources import File, Part, Source
from permits_engine.domain.decisions import timeline
from permits_engine.domain.decisions.recorded import day_of, is_time_effect
from permits_engine.domain.events import (
    Appealed,
    ApplicationLodged,
    DocumentsSupplied,
    Event,
    ImplicitlyGranted,
    Issued,
    Lapsed,
    LostByAbsence,
    Refused,
    RenewalRefused,
    RenewalRequested,
    Renewed,
    Transferred,
)
from permits_engine.domain.permit import notices
from permits_engine.domain.permit.fold import corrected, fold
from permits_engine.domain.rules.policy import Policy
from permits_engine.policies.loading import compile_text, completed, country_and_missing, digest_of

FIGURES = (
    "permits",
    "refusals",
    "renewals",
    "automatic_renewals",
    "lapses",
    "losses",
    "office_visits",
    "letters",
)
"""The figures compared: first titles; refused requests; renewals by an office, and by time alone; lapses; titles lost
by absence; visits of holders to the counter; messages to the holder."""
KINDS = ("figure", "spared", "refused", "undetermined")

_FIGURE: dict[type[Event], str] = {
    Issued: "permits",
    ImplicitlyGranted: "permits",
    Refused: "refusals",
    RenewalRefused: "refusals",
    Lapsed: "lapses",
    LostByAbsence: "losses",
    Renewed: "renewals",
}
_VISITS = (ApplicationLodged, RenewalRequested, DocumentsSupplied, Appealed)

Offices = list[tuple[date, str]]


class Cell(msgspec.Struct):
    """One figure of one office in one year: in history, under the other policy, and the permits where it differs."""

    history: int = 0
    other: int = 0
    permits: list[str] = msgspec.field(default_factory=list)


class WhatIf(msgspec.Struct):
    """A history compared with another policy; ``cells`` by (kind, name, office, year), joined by ``|``.

    Kinds are ``figure``, ``spared`` (acts without an occasion), ``refused`` (acts that would have been refused, by
    error) and ``undetermined`` (files that cannot be followed further, by reason).
    """

    files: int = 0
    elsewhere: int = 0
    differ: int = 0
    cells: dict[str, Cell] = msgspec.field(default_factory=dict)

    def count(self, key: tuple[str, str, str, int], permit_id: str, history: int, other: int) -> None:
        """Count one permit in a cell; there it is listed once."""
        cell = self.cells.setdefault("|".join(map(str, key)), Cell())
        cell.history += history
        cell.other += other
        if history != other and cell.permits[-1:] != [permit_id]:
            cell.permits.append(permit_id)


def what_if(source: Source, policy: str, until: date | None, run: Run) -> WhatIf:
    """Compare a whole history with another policy text until a legal day (default: that of the last event)."""
    text = complete_policy(source, policy)
    day = until or day_of(source.end(), compile_text(text).calendar.time_zone)
    task = partial(compare_part, text=text, until=day)
    return run.over(source, f"what-if {compile_text(text).digest} {day}", task, WhatIf())


def complete_policy(source: Source, text: str) -> str:
    """Return a policy text with its missing parts taken from the one in use; raises ``policy.invalid``."""
    code, missing = country_and_missing(text)
    return completed(text, source.text(code)) if missing else text


def compare_part(source: Source, part: Part, *, text: str, until: date) -> WhatIf:
    """Compare every file of a part."""
    policy, found = compile_text(text), WhatIf()
    own = source.policy(policy.jurisdiction, digest_of(source.text(policy.jurisdiction)))
    for file in source.files(part, notices=True):
        first = file.history[0][1]
        if isinstance(first, ApplicationLodged) and first.jurisdiction == policy.jurisdiction:
            _compare(_with_time_effects(file, source, until), policy, own, source, until, found)
        else:
            found.elsewhere += 1
    return found


def _compare(file: File, policy: Policy, own: Policy, source: Source, until: date, found: WhatIf) -> None:
    """Count one file, in history and as it would have been; ``own`` is the policy in use."""
    found.files += 1
    facts, term_ends = external_facts(file.history, file.recorded)
    other, again = (
        CounterfactualFile(file.permit_id, each, source, term_ends).run(facts, until)
        for each in (policy, own)
    )
    recorded = _recorded(file, own)
    if again.undetermined is None and _outline(again, until) == _outline(recorded, until):
        # Compare the messages that daily passes would have sent under either policy.
        recorded.messages = again.messages
    # Offices are those of the history under either policy: a transfer is a fact.
    offices: Offices = [
        (x.effective_on, x.prefecture)
        for _, x in file.history
        if isinstance(x, ApplicationLodged | Transferred)
    ]
    end = other.undetermined[0] if other.undetermined is not None else date.max
    counts: dict[tuple[str, str, str, int], list[int]] = {}
    for side, course in enumerate((recorded, other)):
        for name, on, office in _figures(course, offices):
            if on <= until and on < end:
                counts.setdefault(("figure", name, office, on.year), [0, 0])[side] += 1
    found.differ += any(history != changed for history, changed in counts.values())
    acts = [("spared", *each) for each in other.spared] + [("refused", *each) for each in other.refused]
    if other.undetermined is not None:
        acts.append(("undetermined", *other.undetermined))
    for key, (history, changed) in sorted(counts.items()):
        found.count(key, file.permit_id, history, changed)
    for kind, on, name in acts:
        found.count((kind, name, _office(offices, on), on.year), file.permit_id, 1, 0)


def _with_time_effects(file: File, source: Source, until: date) -> File:
    """Return the file with the time effects due on a day that no pass had recorded yet."""
    permit = fold(file.permit_id, file.history)
    digest = next((x.basis.policy for _, x in reversed(file.history) if x.basis is not None), None)
    if permit is None or digest is None:
        return file
    last = permit.version
    _, effects = timeline.settle(permit, source.policy(permit.jurisdiction, digest), until)
    events = [(version, effect.unrecorded()) for version, effect in enumerate(effects, last + 1)]
    recorded = file.recorded + [file.recorded[-1]] * len(events)
    return file._replace(history=file.history + events, recorded=recorded)


def _recorded(file: File, own: Policy) -> Counterfactual:
    """Return the file as it was."""
    events = [event for _, event in corrected(file.history)]
    return Counterfactual(
        valid_events(events, fold(file.permit_id, file.history), own),
        [MessageDue(x.effective_on, x.kind, x.office) for x in file.notices if x.to == notices.HOLDER],
    )


def _outline(course: Counterfactual, until: date) -> list[tuple[str, date, date | None]]:
    """Return the events that are counted; no pass may have recorded an implicit refusal."""
    return sorted(
        (event.NAME, event.effective_on, getattr(event, "valid_until", None))
        for event in course.events
        if event.effective_on <= until and type(event) in _FIGURE
    )


def _figures(course: Counterfactual, offices: Offices) -> Iterator[tuple[str, date, str]]:
    """Yield what is counted: the figure, the day and the office."""
    for event in course.events:
        on = event.effective_on
        figure = _FIGURE.get(type(event))
        if figure == "renewals" and is_time_effect(event):
            figure = "automatic_renewals"
        if figure is not None:
            yield figure, on, _office(offices, on)
        if isinstance(event, _VISITS):
            yield "office_visits", on, _office(offices, on)
    for message in course.messages:
        yield "letters", message.on, message.office


def _office(offices: Offices, on: date) -> str:
    current = offices[0][1]
    for since, office in offices:
        if since <= on:
            current = office
    return current


def summary(found: WhatIf) -> dict[str, Any]:
    """Return the figures as plain values: each in total, by office and by year, with its cells and their permits."""
    groups: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in KINDS}
    groups["figure"] = {name: _empty() for name in FIGURES}
    for key, cell in sorted(found.cells.items()):
        kind, name, office, year = key.split("|")
        figure = groups[kind].setdefault(name, _empty())
        by_office, by_year = figure["by_office"], figure["by_year"]
        for group in (figure, by_office.setdefault(office, _zero()), by_year.setdefault(year, _zero())):
            group["history"] += cell.history
            group["other"] += cell.other
        figure["cells"].append({"office": office, "year": int(year), **msgspec.to_builtins(cell)})
    return {"figures": groups.pop("figure"), **groups}


def _empty() -> dict[str, Any]:
    return {**_zero(), "by_office": {}, "by_year": {}, "cells": []}


def _zero() -> dict[str, int]:
    return {"history": 0, "other": 0}
