"""What another policy would have made of a history: figures by office and year, with the permits behind each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from permits_engine.audit.replay.counterfactual import Alternative, Letter, Life
from permits_engine.audit.replay.external_facts import Fact, Held, facts_of
from permits_engine.audit.replay.parallel import Hands, Run
from permits_engine.audit.replay.sources import File, Part, Source
from permits_engine.domain.decisions import time_effects, timeline
from permits_engine.domain.decisions.recorded import Numbered, is_time_effect
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
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy
from permits_engine.policies.loading import compile_text, digest_of

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
"""What is compared: titles first granted; requests refused; renewals by an office, and by time alone; lapses; titles
lost by absence; what a holder comes to the counter for; messages to the holder."""

_FIGURE: dict[type[Event], str] = {
    Issued: "permits",
    ImplicitlyGranted: "permits",
    Refused: "refusals",
    RenewalRefused: "refusals",
    Lapsed: "lapses",
    LostByAbsence: "losses",
}
_COUNTED: tuple[type[Event], ...] = (*_FIGURE, Renewed)
_VISITS = (ApplicationLodged, RenewalRequested, DocumentsSupplied, Appealed)


class Cell(msgspec.Struct):
    """One figure of one office in one year: in history, under the other policy, and the permits where it differs."""

    history: int = 0
    other: int = 0
    permits: list[str] = msgspec.field(default_factory=list)


class WhatIf(msgspec.Struct):
    """A history beside what it would have been; ``cells`` by (kind, name, office, year), joined by ``|``.

    Kinds are ``figure``, ``spared`` (acts without an occasion), ``refused`` (acts that would have been refused,
    by their error) and ``undetermined`` (files that cannot be told further, by the reason).
    """

    files: int = 0
    elsewhere: int = 0
    differ: int = 0
    cells: dict[str, Cell] = msgspec.field(default_factory=dict)

    def add(self, more: WhatIf) -> None:
        """Count another part."""
        self.files += more.files
        self.elsewhere += more.elsewhere
        self.differ += more.differ
        for key, cell in more.cells.items():
            mine = self.cells.setdefault(key, Cell())
            mine.history += cell.history
            mine.other += cell.other
            mine.permits += cell.permits

    def count(
        self, kind: str, name: str, office: str, on: date, permit_id: str, history: int, other: int
    ) -> None:
        """Count something of one permit."""
        cell = self.cells.setdefault(f"{kind}|{name}|{office}|{on.year}", Cell())
        cell.history += history
        cell.other += other
        if history != other and (not cell.permits or cell.permits[-1] != permit_id):
            cell.permits.append(permit_id)


def compare(file: File, policy: Policy, own: Policy, source: Source, until: date, told: WhatIf) -> None:
    """Count one file, as it was and as it would have been; ``own`` is the policy in use."""
    told.files += 1
    file = completed(file, source.policy, until)
    facts, held = facts_of(file.history, file.recorded)
    life = _otherwise(file, policy, source, facts, held, until)
    before = life.undetermined[0] if life.undetermined is not None else None
    lived = _recorded(file, own)
    again = _otherwise(file, own, source, facts, held, until)
    if again.undetermined is None and _outline(again, until) == _outline(lived, until):
        # Like with like: what daily passes would have sent, under either policy.
        lived.letters = again.letters
    # Offices are where the file was, under either policy: a transfer is a fact.
    offices = _offices(file.history)
    counts: dict[tuple[str, str, int], list[int]] = {}
    for side, each in ((0, lived), (1, life)):
        for name, on, office in _counted(each, offices):
            if on <= until and (before is None or on < before):
                counts.setdefault((name, office, on.year), [0, 0])[side] += 1
    for (name, office, year), (history, other) in sorted(counts.items()):
        told.count("figure", name, office, date(year, 1, 1), file.permit_id, history, other)
    told.differ += any(history != other for history, other in counts.values())
    for kind, acts in (("spared", life.spared), ("refused", life.refused)):
        for on, name in acts:
            told.count(kind, name, _office(offices, on), on, file.permit_id, 1, 0)
    if life.undetermined is not None:
        on, reason = life.undetermined
        told.count("undetermined", reason, _office(offices, on), on, file.permit_id, 1, 0)


def completed(file: File, policy_of: Callable[[str, str], Policy], until: date) -> File:
    """The file with the acts of the clock that were due on a day and that nobody had recorded yet."""
    permit = fold(file.permit_id, file.history)
    digest = next((x.basis.policy for _, x in reversed(file.history) if x.basis is not None), None)
    if permit is None or digest is None:
        return file
    policy = policy_of(permit.jurisdiction, digest)
    history, recorded = list(file.history), list(file.recorded)
    seen = permit.version
    for version, effect in enumerate(timeline.settle(permit, policy, until)[1], seen + 1):
        history.append((version, effect.unrecorded()))
        recorded.append(recorded[-1])
    return file._replace(history=history, recorded=recorded)


def _outline(life: Life, until: date) -> list[tuple[str, date, date | None]]:
    """What is counted, to be compared with what happened otherwise; no pass may have recorded a silence."""
    return sorted(
        (event.NAME, event.effective_on, getattr(event, "valid_until", None))
        for event in life.events
        if event.effective_on <= until and isinstance(event, _COUNTED)
    )


def _standing(events: list[Event], permit: Permit | None, policy: Policy) -> list[Event]:
    """What happened, without lapses and losses that something recorded later has made void."""
    if permit is None or not (permit.lapses or permit.losses):
        return events
    rules = policy.at(date.max)
    lapses, losses = time_effects.valid_lapses(permit, rules), time_effects.valid_losses(permit, rules)
    return [
        x
        for x in events
        if (not isinstance(x, Lapsed) or (x.effective_on, x.term_number) in lapses)
        and (not isinstance(x, LostByAbsence) or x.effective_on in losses)
    ]


def _otherwise(
    file: File, policy: Policy, source: Source, facts: list[Fact], held: Held, until: date
) -> Life:
    """The file as it would have been."""
    other = Alternative(file.permit_id, policy, source.policy, source.known, held)
    life = other.live(facts, until)
    life.events = _standing(life.events, other.permit, policy)
    return life


def _recorded(file: File, own: Policy) -> Life:
    """The file as it was."""
    events = [event for _, event in corrected(file.history)]
    events = _standing(events, fold(file.permit_id, file.history), own)
    letters = [Letter(x.effective_on, x.kind, x.office) for x in file.notices if x.to == notices.HOLDER]
    return Life(events=events, letters=letters)


def _counted(life: Life, offices: list[tuple[date, str]]) -> Iterable[tuple[str, date, str]]:
    for event in life.events:
        on = event.effective_on
        figure = _FIGURE.get(type(event))
        if isinstance(event, Renewed):
            figure = "automatic_renewals" if is_time_effect(event) else "renewals"
        if figure is not None:
            yield figure, on, _office(offices, on)
        if isinstance(event, _VISITS):
            yield "office_visits", on, _office(offices, on)
    for letter in life.letters:
        yield "letters", letter.on, letter.office


def _offices(history: list[Numbered]) -> list[tuple[date, str]]:
    return [
        (x.effective_on, x.prefecture) for _, x in history if isinstance(x, ApplicationLodged | Transferred)
    ]


def _office(offices: list[tuple[date, str]], on: date) -> str:
    current = offices[0][1]
    for since, office in offices:
        if since <= on:
            current = office
    return current


# --- over a whole history ---------------------------------------------------------------------------------


def part_compared(source: Source, part: Part, *, text: str, until: date) -> WhatIf:
    """Compare every file of a part."""
    policy, told = compiled(text), WhatIf()
    own = source.policy(policy.jurisdiction, digest_of(source.text(policy.jurisdiction)))
    for file in source.files(part, notices=True):
        first = file.history[0][1]
        if not isinstance(first, ApplicationLodged) or first.jurisdiction != policy.jurisdiction:
            told.elsewhere += 1
            continue
        compare(file, policy, own, source, until, told)
    return told


_compiled: dict[str, Policy] = {}


def compiled(text: str) -> Policy:
    """A policy text, compiled once for all parts of a run."""
    found = _compiled.get(text)
    if found is None:
        _compiled.clear()
        found = _compiled[text] = compile_text(text)
    return found


def what_if(
    source: Source,
    name: str,
    text: str,
    until: date,
    *,
    hands: Hands | None = None,
    state: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> WhatIf:
    """A whole history beside what it would have been under a policy text, until a legal day."""
    run = Run(
        f"what-if {compiled(text).digest} {until}", name, source, WhatIf(), WhatIf.add,
        hands=hands, state=state, progress=progress,
    )  # fmt: skip
    return run.resumed(WhatIf).over(partial(part_compared, text=text, until=until))


def summary(told: WhatIf) -> dict[str, Any]:
    """The figures as plain values: each in total, by office and by year, with its cells and their permits."""
    found: dict[str, dict[str, dict[str, Any]]] = {
        "figure": {},
        "spared": {},
        "refused": {},
        "undetermined": {},
    }
    for key in sorted(told.cells):
        cell = told.cells[key]
        kind, name, office, year = key.split("|")
        each = found[kind].setdefault(
            name, {"history": 0, "other": 0, "by_office": {}, "by_year": {}, "cells": []}
        )
        for group in (
            each,
            each["by_office"].setdefault(office, _zero()),
            each["by_year"].setdefault(year, _zero()),
        ):
            group["history"] += cell.history
            group["other"] += cell.other
        each["cells"].append({"office": office, "year": int(year), **msgspec.to_builtins(cell)})
    figures = {
        name: found["figure"].get(name, {**_zero(), "by_office": {}, "by_year": {}, "cells": []})
        for name in FIGURES
    }
    return {"figures": figures, **{kind: found[kind] for kind in ("spared", "refused", "undetermined")}}


def _zero() -> dict[str, int]:
    return {"history": 0, "other": 0}
