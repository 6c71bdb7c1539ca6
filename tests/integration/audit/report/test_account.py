"""The annual account, counted: each number is what the files say, on both databases."""

from pathlib import Path
from typing import Any

import pytest

from permits_engine.audit.report.tallies import AnnualReport, total
from permits_engine.scheduler.notices.bounce import Bounce
from permits_engine.testing import Office
from tests.integration.audit.exports.conftest import Past
from tests.integration.scheduler.conftest import Post, run

OPINION: dict[str, Any] = {"body": "local_commission", "favourable": True, "reasons": "shown"}
REFUSAL = {"reasons_in_fact": "no lease", "reasons_in_law": "law 02-03, article 14"}


def sums(account: AnnualReport, by: str) -> dict[str, int]:
    """All applications by outcome, added up over the groups of one kind."""
    return {name: n for name, n in total(account.applications[by].values(), ()).items() if n}


def test_every_application_counts_once_in_each_breakdown(past: Past) -> None:
    """By nationality, sex, office and category: the same sums."""
    account = past.office.engine.audit.account()
    assert account.permits == 3
    expected = {"granted": 1, "open": 2}
    assert {by: sums(account, by) for by in account.applications} == dict.fromkeys(
        ("nationality", "sex", "office", "category"), expected
    )
    assert account.applications["nationality"] == {
        "SEN": {"granted": 1},
        "SYR": {"open": 1},
        "MLI": {"open": 1},
    }
    assert {by: sum(n.values()) for by, n in account.ages.items()} == {"25–34": 3}


def test_an_application_counts_where_it_was_filed(past: Past) -> None:
    """The file that moved to Salé was Rabat's."""
    assert set(past.office.engine.audit.account().applications["office"]) == {"MA-RAB"}


def test_what_an_appeal_reopened_is_open_and_then_granted_after_an_appeal(past: Past) -> None:
    """A card that took an appeal is told from one that did not."""
    before = past.office.engine.audit.account().applications["nationality"]["SYR"]
    past.office.do("issue_permit", "2018-01-21", permit_id=past.refused)
    after = past.office.engine.audit.account()
    assert (before, after.applications["nationality"]["SYR"]) == ({"open": 1}, {"granted_on_appeal": 1})
    assert after.appeals == {"national_commission": {"upheld": 1}}
    assert after.ruling["national_commission"].quantile(0.5) == 43
    assert after.outcomes == {"granted": 1, "granted_on_appeal": 1, "refused": 0, "open": 1}


def test_an_opinion_after_its_two_months_is_late(office: Office) -> None:
    """Filed on 20 December: due on 20 February. One in time, one late, one overdue."""
    office.title()
    late = office.application(office.holder(family_name="Late"))
    office.do("record_opinion", "2017-02-21", permit_id=late, **OPINION)
    office.application(office.holder(family_name="Waiting"))
    office.at("2017-06-01")
    office.run_scheduler("2017-06-01")
    opinion = office.engine.audit.account().delays["opinion"]["MA-RAB"]
    assert (opinion.count, opinion.limited, opinion.late, opinion.overdue) == (2, 2, 1, 1)
    assert opinion.days == {31: 1, 63: 1}
    assert opinion.limit == 62
    assert (opinion.quantile(0.5), opinion.quantile(0.9)) == (31, 63)


def test_the_last_day_of_a_limit_is_in_time(office: Office) -> None:
    """20 February itself."""
    permit_id = office.application()
    office.do("record_opinion", "2017-02-20", permit_id=permit_id, **OPINION)
    opinion = office.engine.audit.account().delays["opinion"]["MA-RAB"]
    assert (opinion.late, opinion.days) == (0, {62: 1})


def test_a_decision_is_held_against_the_limit_of_its_own_file(office: Office) -> None:
    """Sixty full days from the complete file since 2020, none before; suspended days do not count."""

    def file(on: str, **fields: Any) -> str:
        return office.application(office.holder(), category="ordinary", criterion=None, on=on, **fields)

    early, decided = file("2019-03-01"), file("2021-03-01")
    office.do("issue_permit", "2019-09-01", permit_id=early)
    suspended = file("2021-03-01")
    office.do(
        *("request_documents", "2021-03-15"),
        permit_id=suspended,
        documents=["passport-original"],
        reason="in doubt",
    )
    office.do("supply_documents", "2021-04-04", permit_id=suspended, documents=["passport-original"])
    office.do("refuse_application", "2021-05-04", permit_id=decided, **REFUSAL)
    office.do("refuse_application", "2021-05-20", permit_id=suspended, **REFUSAL)
    decision = office.engine.audit.account().delays["decision"]["MA-RAB"]
    assert (decision.count, decision.limited, decision.late) == (3, 2, 1)
    assert sorted(decision.limits) == [63, 81]


def test_a_year_holds_the_acts_of_that_year(past: Past) -> None:
    """Filed in 2016 or in 2017; the appeal was ruled on in 2017, and nothing else."""
    first, second = (past.office.engine.audit.account(year=year) for year in (2016, 2017))
    assert [sums(each, "sex") for each in (first, second)] == [{"granted": 1}, {"open": 2}]
    assert (first.appeals, second.appeals) == ({}, {"national_commission": {"upheld": 1}})
    assert (first.first, first.last) == ("2016-01-01", "2016-12-31")
    assert past.office.engine.audit.account(year=2015).outcomes == dict.fromkeys(first.outcomes, 0)


def test_a_request_answers_the_last_reminder_before_it(office: Office) -> None:
    """One letter at 90 days, one at 60, then the request: the second was answered."""
    permit_id = office.title()
    for day in ("2017-11-03", "2017-12-03"):
        office.run_scheduler(day)
    office.do("request_renewal", "2017-12-20", permit_id=permit_id)
    account = office.engine.audit.account()
    assert account.reminders == {"P90D": {"sent": 1}, "P60D": {"sent": 1, "answered": 1}}
    assert account.terms == {"after_reminder": 1}


def test_a_request_without_any_reminder_is_unprompted(office: Office) -> None:
    """No one wrote to this holder."""
    permit_id = office.title()
    office.do("request_renewal", "2017-12-20", permit_id=permit_id)
    assert office.engine.audit.account().terms == {"unprompted": 1}


def test_a_lapse_says_whether_the_holder_was_reminded(office: Office) -> None:
    """One had a letter, the letter of the other came back, and the third was due no message in time."""
    office.title()
    unreached = office.title(office.holder(family_name="Moved"))
    run(office, "2018-01-25", Post())
    for row in office.engine.notices.list(permit_id=unreached):
        own = f"<{row['notice_id']}@example.org>"
        office.engine.notices.bounced(Bounce(row["notice_id"], own, "failed", "5.1.1", "user unknown"))
    office.title(office.holder(family_name="Silent"))
    office.run_scheduler("2018-02-17")
    account = office.engine.audit.account()
    assert account.lapses == {"2018": {"reminded": 1, "not_reached": 1, "not_reminded": 1}}
    assert account.endings == {"2018": {"lapsed": 3}}


def test_a_lapse_that_a_request_recorded_late_has_made_void_is_not_counted(office: Office) -> None:
    """The pass had recorded it; a title whose holder asked in time did not lapse, and a loss is counted alike."""
    asked, away = office.title(), office.title(office.holder(family_name="Away"))
    office.do("record_exit", "2017-05-02", permit_id=away)
    office.run_scheduler("2018-02-17")
    before = office.engine.audit.account()
    assert before.endings == {"2017": {"lost_by_absence": 1}, "2018": {"lapsed": 1}}
    assert sum(before.lapses["2018"].values()) == 1
    office.at("2018-02-20")
    office.do("request_renewal", "2018-01-22", permit_id=asked)
    office.do("record_return", "2017-09-04", permit_id=away)
    office.run_scheduler("2018-02-21")
    account = office.engine.audit.account()
    assert account.endings == {"2018": {"lapsed": 1}}  # of the one who came back and then asked for nothing
    assert sum(account.lapses["2018"].values()) == 1


@pytest.mark.parametrize(("name", "kind"), [("revoke_permit", "revoked"), ("close_permit", "closed")])
def test_titles_end_in_other_ways(office: Office, name: str, kind: str) -> None:
    """Revoked, closed: each in its year."""
    permit_id = office.title()
    fields: dict[str, Any] = {
        "revoked": {"ground": "judicial-ban", **REFUSAL},
        "closed": {"reason": "departed"},
    }
    office.do(name, "2017-05-02", permit_id=permit_id, **fields[kind])
    assert office.engine.audit.account().endings == {"2017": {kind: 1}}


def test_decisions_that_depart_from_the_law_are_counted_by_office(office: Office, tmp_path: Path) -> None:
    """A refugee's card of one year is in the account and on its page; no one was stopped from recording it."""
    permit_id = office.application(category="refugee", criterion=None)
    office.do("issue_permit", "2017-02-01", permit_id=permit_id, term="P1Y")
    assert office.engine.audit.account().departures == {"MA-RAB": {"shorter_term": 1}}
    assert office.engine.audit.account(year=2018).departures == {}
    for language, said in (("en", "depart"), ("fr", "écartent"), ("ar", "تخالف")):
        page = tmp_path / f"{language}.html"
        office.engine.audit.report(page, language=language)
        assert said in page.read_text(encoding="utf-8")
