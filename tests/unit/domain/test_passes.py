"""What the law does by date waits for no pass: a file answers the same with one every day, with one at last, with none.

Three copies of a file live through the same commands, some of them recorded late. No rule becomes known
meanwhile: such a change is the one thing for which the day of a pass counts.
"""

from datetime import date, timedelta
from typing import Any, NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from permits_engine.domain.decisions.case import Draft
from permits_engine.domain.decisions.lifecycle import allowed_commands
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.permit import rights
from permits_engine.domain.permit.explanations import explained
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.view import view
from tests.unit.domain.lives import (
    NAMES,
    ONE_DAY,
    PERMIT,
    REASONS,
    SELDOM,
    File,
    _begin,
    _days_of,
    _fields,
    _wait,
)

KNOWN = date(2031, 1, 1)
STARTS = [
    ("MA", "regularisation-2014", date(2014, 1, 2)),
    ("MA", "regularisation-2014", date(2014, 8, 31)),
    ("MA", "regularisation-2014", date(2014, 12, 31)),
    ("MA", "ordinary", date(2018, 1, 3)),
    ("MA", "ordinary", date(2021, 3, 1)),
    ("FR", "temporary", date(2024, 1, 2)),
    ("ES", "temporary", date(2024, 2, 29)),
    ("ES", "temporary", date(2025, 6, 2)),
]
OF_THE_RECORD = {"version", "receipt_paper_until"}
"""What a view says of the record itself and not of the law."""
PROBES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("supply_documents", {"documents": ["photos"]}),
    ("request_documents", {"documents": ["passport-original"], "reason": "a doubt"}),
    ("extend_decision", {"reason": "inquiry", "until": KNOWN}),
    ("issue_permit", {}),
    ("refuse_application", REASONS),
    ("request_renewal", {"missing": []}),
    ("renew_permit", {}),
    ("refuse_renewal", REASONS),
    ("revoke_permit", {"ground": "judicial-ban", **REASONS}),
    ("notify_decision", {"mode": "written", "proof": "signed"}),
    ("lodge_appeal", {"body": "administrative_tribunal"}),
    ("lodge_appeal", {"body": "gracious"}),
    ("decide_appeal", {"outcome": "upheld", "reasons": "because"}),
    ("record_exit", {}),
    ("record_return", {}),
    ("replace_card", {"reason": "lost"}),
    ("close_permit", {"reason": "departed"}),
)
VERSIONS = {"decision_version", "request", "of_version", "exit_version", "order_version", "appeal_version"}


class Copies(NamedTuple):
    """The same file: with a pass on every day, with one when asked, and with none."""

    daily: File
    late: File
    never: File

    def wait_until(self, day: date) -> None:
        """Let days pass, with their passes."""
        while self.daily.today < day:
            self.daily.today += ONE_DAY
            self.daily.run_pass()
        self.late.today = self.never.today = day

    def verdicts(self, name: str, on: date, fields: dict[str, Any]) -> list[Any]:
        """What each copy answers to a command."""
        return [_verdict(file, name, on, fields) for file in self]


def _verdict(file: File, name: str, on: date, fields: dict[str, Any]) -> Any:
    try:
        return _plain(file.do(name, on=on, **fields))
    except PermitsError as problem:
        details = {
            k: v for k, v in problem.details.items() if k in {"state", "allowed", "closes", "later_event"}
        }
        return problem.code, details


def _plain(drafts: list[Draft]) -> list[Any]:
    """Drafts without the places of events in the history."""
    return [
        (d.kind.NAME, d.effective_on, {k: v for k, v in d.fields.items() if k not in VERSIONS})
        for d in drafts
    ]


def _answers(file: File, day: date, *, spans: bool) -> dict[str, Any]:
    """Everything that a file answers on a day, but for what it says of its own record."""
    s = file.situation(day)
    shown: dict[str, Any] = {k: v for k, v in msgspec.to_builtins(view(s)).items() if k not in OF_THE_RECORD}
    clocks = [
        {k: v for k, v in clock.items() if k != "anchor"}
        for clock in explained(file.situation(day))
        if clock["kind"] != "receipt_expiry"
    ]
    opened = rights.rights(s) if spans else [rights.right_of(s, each) for each in rights.RIGHTS]
    return shown | {"deadlines": clocks, "allowed": allowed_commands(s), "rights": opened}


def _same(copies: Copies, day: date, *, spans: bool = False) -> None:
    never = _answers(copies.never, day, spans=spans)
    for name in ("daily", "late"):
        other = _answers(getattr(copies, name), day, spans=spans)
        wrong = {k: (other[k], never[k]) for k in never if other[k] != never[k]}
        assert not wrong, f"on {day}, seen on {copies.never.today}, a {name} pass and none: {wrong}"


def _live(draw: Any, copies: Copies) -> None:
    """Some days pass, a command is given to each copy, and each gives the same answer."""
    never = copies.never
    if draw(st.booleans()):
        today = never.today
        _wait(draw, never)
        ahead, never.today = min(never.today, today + timedelta(days=250)), today
        copies.wait_until(ahead)
    s, seldom = never.situation(), draw(st.integers(0, 3)) == 3
    allowed = [name for name in allowed_commands(s) if name in NAMES and (seldom or name not in SELDOM)]
    name = draw(st.sampled_from(allowed if allowed and draw(st.integers(0, 5)) else NAMES))
    back = draw(st.sampled_from([0, 0, 0, 1, 3, 20, 100]))
    on = max(never.today - timedelta(days=back), never.history[0][1].effective_on)
    found = copies.verdicts(name, on, _fields(draw, name, s))
    assert found[0] == found[2], f"{name} on {on} after daily passes and after none"
    assert found[1] == found[2], f"{name} on {on} after a late pass and after none"


@given(st.data(), st.sampled_from(STARTS))
@settings(max_examples=max(1, settings().max_examples // 2))
def test_a_file_answers_the_same_with_a_pass_on_every_day_with_a_late_one_and_with_none(
    data: st.DataObject, start: tuple[str, str, date]
) -> None:
    """Views, deadlines, rights, what is allowed, and the answer to every command, on every day."""
    first = File(*start, known=KNOWN)
    _begin(data.draw, first)
    copies = Copies(*(_copy(first) for _ in range(3)))
    for _ in range(data.draw(st.integers(2, 9))):
        _live(data.draw, copies)
        if data.draw(st.integers(0, 4)) == 4:
            copies.late.run_pass()
    copies.wait_until(copies.never.today + timedelta(days=data.draw(st.sampled_from([0, 16, 93, 200]))))
    copies.daily.run_pass()
    copies.late.run_pass()
    days = _days_of(copies.never)
    for day in days:
        _same(copies, day)
    _same(copies, copies.never.today, spans=True)
    for name, fields in PROBES:
        length = [len(file.history) for file in copies]
        on = data.draw(st.sampled_from([day for day in days if day <= copies.never.today]))
        tried = [_verdict(_copy(file), name, on, fields) for file in copies]
        assert tried[0] == tried[1] == tried[2], f"{name} on {on}"
        assert length == [len(file.history) for file in copies]


def _copy(file: File) -> File:

    other = File(file.jurisdiction, file.category, file.today, file.known)
    other.history, other.permit = list(file.history), fold(PERMIT, file.history)
    return other
