"""What another policy would have made of a history: spared, refused, undetermined, and never guessed."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent

from permits_engine import Engine, PermitsError
from permits_engine.audit.replay import sources
from permits_engine.audit.replay.what_if import WhatIf, summary
from permits_engine.policies.loading import packaged
from permits_engine.store.events.recorder import TransactionRecorder
from permits_engine.testing import FakeClock, Office
from tests.corpus.test_corpus import CORPORA, read
from tests.integration.audit.replay.conftest import lapsed, refused, renewed
from tests.registers import GOOD, write

MA = packaged("MA")
THREE_YEARS = MA.replace(
    "name: term.first, value: P1Y, from: 2013-12-16", "name: term.first, value: P3Y, from: 2013-12-16"
)


def figures(told: WhatIf) -> dict[str, tuple[int, int]]:
    """Each figure that differs: in history, and otherwise."""
    found = summary(told)["figures"].items()
    return {name: (x["history"], x["other"]) for name, x in found if x["history"] != x["other"]}


def counted(told: WhatIf, kind: str) -> dict[str, int]:
    """How often each act was spared or refused, or each reason left a file undetermined."""
    return {name: each["history"] for name, each in summary(told)[kind].items()}


def with_corpus(path: Path) -> Engine:
    """A store in memory that holds a release's corpus."""
    lines = read(path)
    clock = FakeClock()
    clock.at(date(2027, 1, 1))
    engine = Engine.open("sqlite://", clock=clock, policies=[x["policy"] for x in lines if "policy" in x])
    with engine.database.write() as tx:
        for each in sorted((x for x in lines if "payload" in x), key=lambda x: x["recorded_at"]):
            record = StoredEvent(each["stream"], each["version"], each["name"], each["payload"].encode())
            TransactionRecorder(tx).insert_events([record], now=each["recorded_at"])
    return engine


@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_under_its_own_policy_every_scenario_goes_as_it_went(path: Path) -> None:
    """The outside facts of a release's scenarios alone lead to the same outcomes and letters, in three countries."""
    policies = [line["policy"] for line in read(path) if "policy" in line]
    assert len(policies) == 3
    with with_corpus(path) as engine:
        for policy in policies:
            told = engine.replays.what_if(policy)
            assert told.files > 5
            assert (figures(told), told.differ) == ({}, 0)
            assert [counted(told, kind) for kind in ("spared", "refused", "undetermined")] == [{}, {}, {}]


def test_under_its_own_policy_nothing_differs(office: Office) -> None:
    """Grants, refusals, renewals, lapses and visits are what they were."""
    renewed(office), refused(office)
    lapsed(office)
    office.run_scheduler("2018-05-10")
    told = office.engine.replays.what_if(MA, until=date(2018, 5, 10))
    assert (told.files, told.differ, figures(told)) == (3, 0, {})
    # Nor where no pass was ever made: both sides have the letters that daily ones would have sent.
    office.title()
    assert office.engine.replays.what_if(MA, until=date(2018, 5, 10)).differ == 0


def test_what_a_late_record_has_made_void_is_counted_on_neither_side(office: Office) -> None:
    """A lapse behind a request that was made in time, a loss behind a return in time; nothing differs either."""
    asked, away = office.title(), office.title(office.holder(family_name="Away"))
    office.do("record_exit", "2017-05-02", permit_id=away)
    office.run_scheduler("2018-02-17")
    rows = summary(office.engine.replays.what_if(MA, until=date(2018, 2, 17)))["figures"]
    assert [(rows[name]["history"], rows[name]["other"]) for name in ("lapses", "losses")] == [(1, 1), (1, 1)]
    office.at("2018-02-20")
    office.do("request_renewal", "2018-01-22", permit_id=asked)
    office.do("record_return", "2017-09-04", permit_id=away)
    told = office.engine.replays.what_if(MA, until=date(2018, 2, 20))
    rows = summary(told)["figures"]
    assert (rows["lapses"]["history"], rows["lapses"]["other"]) == (1, 1)  # of the one who came back
    assert "losses" not in rows or rows["losses"]["history"] == rows["losses"]["other"] == 0
    assert told.differ == 0


def test_what_comes_after_the_last_day_does_not_count(office: Office) -> None:
    """On neither side: until the day before, there was no renewal."""
    renewed(office)
    told = office.engine.replays.what_if(THREE_YEARS, until=date(2018, 1, 24))
    assert counted(told, "spared") == {}
    assert "renewals" not in figures(told)
    assert summary(told)["figures"]["renewals"]["history"] == 0


def test_a_longer_first_term_spares_the_renewal(office: Office) -> None:
    """The request of the second year has no occasion, so it and its decision are spared, with their visit."""
    permit_id = renewed(office)
    told = office.engine.replays.what_if(THREE_YEARS, until=date(2018, 5, 10))
    assert counted(told, "spared") == {"request_renewal": 1, "renew_permit": 1}
    found = figures(told)
    assert (found["renewals"], found["office_visits"]) == ((1, 0), (2, 1))
    cells = summary(told)["figures"]["renewals"]["cells"]
    assert cells == [{"office": "MA-RAB", "year": 2018, "history": 1, "other": 0, "permits": [permit_id]}]
    assert counted(told, "undetermined") == {}


def test_a_lapse_that_is_spared_leaves_the_next_end_undetermined(office: Office) -> None:
    """It is unknown whether a person who let one year pass would have renewed after three: it is counted apart."""
    permit_id = lapsed(office)
    early = office.engine.replays.what_if(THREE_YEARS, until=date(2019, 1, 1))
    assert figures(early)["lapses"] == (1, 0)
    assert counted(early, "undetermined") == {}
    later = summary(office.engine.replays.what_if(THREE_YEARS, until=date(2021, 1, 1)))
    [(reason, found)] = later["undetermined"].items()
    assert "unknown whether the holder would renew" in reason
    assert found["cells"][0]["permits"] == [permit_id]
    assert found["by_year"] == {"2020": {"history": 1, "other": 0}}
    assert (later["figures"]["lapses"]["history"], later["figures"]["lapses"]["other"]) == (1, 0)


def test_an_act_that_was_not_done_leaves_the_file_undetermined(office: Office) -> None:
    """Where another policy wants an opinion that was never given, no grant is made up."""
    permit_id = office.application(category="ordinary", criterion=None)
    office.do("issue_permit", "2017-02-01", permit_id=permit_id)
    told = office.engine.replays.what_if(_opinions(MA, "ordinary"), until=date(2017, 5, 1))
    assert counted(told, "undetermined") == {"issue_permit: opinion.missing": 1}
    assert counted(told, "spared") == {}


def test_a_refusal_remains_only_on_the_same_grounds(office: Office) -> None:
    """Where the criteria differ, whether it would have been refused cannot be said."""
    permit_id = refused(office)
    told = office.engine.replays.what_if(_criteria(MA), until=date(2017, 5, 1))
    assert counted(told, "undetermined") == {"refused under another campaign.criteria": 1}
    [cell] = summary(told)["undetermined"]["refused under another campaign.criteria"]["cells"]
    assert cell["permits"] == [permit_id]


def test_a_filing_outside_another_campaign_would_have_been_refused(office: Office) -> None:
    """Then everything after it has no occasion either."""
    office.title()
    shut = MA.replace("opens: 2016-12-15, closes: 2017-12-31", "opens: 2016-12-15, closes: 2016-12-16")
    told = office.engine.replays.what_if(shut, until=date(2017, 5, 1))
    assert counted(told, "refused") == {"lodge_application: campaign.closed": 1}
    assert counted(told, "spared") == {"record_opinion": 1, "issue_permit": 1}
    assert figures(told)["permits"] == (1, 0)


def test_what_an_old_register_tells_stays_as_it_is(office: Office, tmp_path: Path) -> None:
    """It was decided elsewhere: another policy here changes nothing of it."""
    office.at("2026-06-10")
    office.engine.store.import_register(write(tmp_path / "register.csv", [GOOD]))
    told = office.engine.replays.what_if(THREE_YEARS)
    assert (told.files, told.differ) == (1, 0)


def test_several_processes_count_as_one_does(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same figures with the same permits behind them, in the same order."""
    for _ in range(3):
        renewed(office)
    monkeypatch.setattr(sources, "PART", 2)
    given: dict[str, Any] = {"until": date(2018, 5, 10)}
    one = office.engine.replays.what_if(THREE_YEARS, **given)
    assert figures(one)["renewals"] == (3, 0)
    assert office.engine.replays.what_if(THREE_YEARS, workers=2, **given) == one


def test_a_text_that_lacks_parts_has_those_in_use(office: Office) -> None:
    """Only the rules are given: calendar and offices are those of the history."""
    renewed(office)
    rules = THREE_YEARS.split("\n---\n")[0]
    given: dict[str, Any] = {"until": date(2018, 5, 10)}
    assert office.engine.replays.what_if(rules, **given) == office.engine.replays.what_if(
        THREE_YEARS, **given
    )


def test_a_text_that_cannot_be_used_is_refused(office: Office) -> None:
    """With the line, as for an adoption."""
    with pytest.raises(PermitsError) as found:
        office.engine.replays.what_if("policy: MA\nvalues: []\n")
    assert found.value.code == "policy.invalid"


def test_other_countries_are_left_out_and_counted(office: Office) -> None:
    """A policy is of one jurisdiction; files of others are elsewhere."""
    office.title()
    told = office.engine.replays.what_if(packaged("FR"))
    assert (told.files, told.elsewhere) == (0, 1)


def _opinions(text: str, category: str) -> str:
    start = text.index("name: opinion.required")
    return text[:start] + text[start:].replace("[regularisation-2014", f"[{category}, regularisation-2014", 1)


def _criteria(text: str) -> str:
    start = text.index("name: campaign.criteria")
    return text[:start] + text[start:].replace("[R1, ", "[R0, R1, ", 1)
