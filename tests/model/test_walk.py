"""The model check to a shallow depth (`make model` goes deeper), and that it finds what it looks for."""

from datetime import date
from pathlib import Path

import pytest

from permits_engine.domain.permit import standing
from permits_engine.domain.permit.situation import Situation
from permits_engine.testing.scenario_files import load
from tests.model.abstraction import key
from tests.model.walk import FILINGS, LODGED, Broken, roots, two_files, walk
from tests.model.world import Act, after, commands, days_ahead, decided, lodged, waited

ROOTS = roots()


@pytest.mark.parametrize("start", ROOTS, ids=lambda start: str(start.memory["root"]))
def test_every_state_near_a_filing_or_a_title_keeps_what_the_law_asks(start) -> None:
    """No invariant is violated within a few steps of a filing, a title or a request to renew it."""
    count = walk(start, 4 if start.history[-1][0] <= LODGED else 3)
    assert count.states > 30
    assert count.transitions > count.states


@pytest.mark.parametrize("start", two_files(), ids=lambda start: str(start.memory["root"]))
def test_no_one_who_may_stay_by_any_file_can_be_removed_on_another(start) -> None:
    """Two files of one person: refused, filed, granted, ordered to leave and carried out in every order."""
    assert walk(start, 4).states > 100


def test_the_roots_are_all_filings_with_their_titles() -> None:
    """Each kind of filing is walked from the filing, and each complete one from a title and from a request."""
    names = [str(start.memory["root"]) for start in ROOTS]
    assert len(set(names)) == len(names) == 3 * len(FILINGS) - 2 * sum(bool(f[3]) for f in FILINGS.values())


def test_the_commands_tried_are_those_of_the_table() -> None:
    """Every row of the lifecycle's table is tried, but the transfer of a file, which changes its office only."""
    from permits_engine.domain.decisions.lifecycle import TRANSITIONS

    tried = set()
    for start in ROOTS:
        later = waited(start, date.fromordinal(start.today.toordinal() + 1))
        tried |= {act.command for act in commands(later)}
    start = lodged("MA", "ordinary", date(2021, 3, 1))
    for name, fields in (
        ("issue_permit", ()),
        ("notify_decision", (("mode", "written"), ("proof", "signed"))),
    ):
        act = Act(name, start.today, fields)
        start = after(start, act, decided(start, act))
    tried |= {act.command for act in commands(start)}
    assert {each.command for each in TRANSITIONS} - tried == {"transfer_file"}


def test_states_are_equal_whatever_the_days_are_called() -> None:
    """The same life a week later has the same canonical form; another life has another one."""
    one, other = lodged("MA", "ordinary", date(2021, 3, 1)), lodged("MA", "ordinary", date(2021, 3, 8))
    assert key(one) == key(other)
    later = waited(one, days_ahead(one)[0])
    assert key(later) != key(one)


def test_a_fault_is_found_and_told_as_a_shortest_scenario(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a law that forgets pending request and receipt the walk stops at the first day without lawful stay."""
    real = standing._by_request

    def forgetful(s: Situation) -> object:
        found = real(s)
        return None if found is not None and found.because in {"pending_request", "receipt"} else found

    monkeypatch.setattr(standing, "_by_request", forgetful)
    with pytest.raises(Broken, match="law 02-03 article 8") as found:
        walk(lodged("MA", "ordinary", date(2021, 3, 1)), 3)
    text = str(found.value).split("\n\n", 1)[1]
    (tmp_path / "found.yaml").write_text(text, encoding="utf-8")
    scenario = load(tmp_path / "found.yaml")
    assert scenario.steps[0].do == "lodge_application"
    assert len(scenario.steps) <= 3
