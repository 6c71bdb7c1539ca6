"""The golden vectors of the legal reference, each on the whole engine: what goes in, and the day that comes out.

G6 counts hours of a removal and G15, G19, G22, G23 do not exist; each other vector is a test of its own.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from permits_engine import Actor, Engine
from permits_engine.commands import parse
from permits_engine.domain.errors import PermitsError
from permits_engine.scheduler.delivery.memory import sink_routes
from permits_engine.scheduler.passes.run import run_pass
from permits_engine.testing.clock import FakeClock

REASONS = {"reasons_in_fact": "a finding", "reasons_in_law": "law 02-03 article 14"}
OFFICES = {"MA": "MA-RAB", "ES": "ES-M"}


class File:
    """One permit in a store of its own; every act is done on its day by an actor who may."""

    def __init__(self, jurisdiction: str = "MA") -> None:
        self.jurisdiction = jurisdiction
        self.clock = FakeClock()
        self.engine = Engine.open("sqlite://", clock=self.clock)
        self.routes, self.sink = sink_routes()
        self.permit_id = ""

    def do(self, day: str, name: str, **fields: Any) -> tuple[str, ...]:
        """Carry out a command; gives the names of its events."""
        on = date.fromisoformat(day)
        self.clock.at(on)
        body = fields.get("body") if name == "record_opinion" else None
        if name == "decide_appeal":
            body = self.engine.queries.pending_body(self.permit_id, on)
        role = next(iter(self.engine.queries.roles(self.jurisdiction, name, on, body)))
        actor = Actor("somebody", role, OFFICES[self.jurisdiction])
        outcome = self.engine.execute(
            parse(name, {"permit_id": self.permit_id, "on": on, **fields}), actor=actor
        )
        return outcome.events

    def lodge(self, day: str, category: str = "ordinary", **fields: Any) -> None:
        """File an application."""
        self.clock.at(date.fromisoformat(day))
        office = OFFICES[self.jurisdiction]
        actor = Actor("somebody", "counter", office)
        person = {"family_name": "Holder", "given_names": "Example", "birth_date": "1990-01-01"}
        person |= {"sex": "F", "nationality": "SEN", "language": "fr", "email": "holder@example.org"}
        holder = self.engine.execute(parse("register_holder", person), actor=actor).holder_id
        filed = {"holder_id": holder, "jurisdiction": self.jurisdiction, "category": category}
        command = parse("lodge_application", {**filed, "prefecture": office, "on": day, **fields})
        self.permit_id = str(self.engine.execute(command, actor=actor).permit_id)

    def campaign(self, filed: str, opinion: str, issued: str) -> None:
        """A card of one of the two operations, granted on a day."""
        year = "2014" if filed < "2015" else "2016"
        self.lodge(filed, f"regularisation-{year}", criterion="R5")
        self.do(opinion, "record_opinion", body="local_commission", favourable=True, reasons="shown")
        self.do(issued, "issue_permit")

    def refused(self, code: str, day: str, name: str, **fields: Any) -> None:
        """The command is refused with a code, and leaves nothing."""
        before = len(self.engine.history(self.permit_id))
        with pytest.raises(PermitsError) as caught:
            self.do(day, name, **fields)
        assert caught.value.code == code
        assert len(self.engine.history(self.permit_id)) == before

    def on(self, day: str) -> Any:
        """The view on a day, seen from that day."""
        self.clock.at(date.fromisoformat(day))
        return self.engine.permit(self.permit_id, as_of=date.fromisoformat(day))

    def due(self, day: str, kind: str, body: str | None = None) -> str | None:
        """When a deadline that is listed on a day is due; none where it is not listed."""
        found = [d for d in self.on(day).as_dict()["deadlines"] if d["kind"] == kind]
        return next((d["due_on"] for d in found if body is None or d.get("body") == body), None)

    def pass_on(self, day: str) -> list[str]:
        """A pass of the scheduler; gives the names of the permit's new events."""
        before = len(self.engine.history(self.permit_id))
        self.clock.at(date.fromisoformat(day))
        run_pass(self.engine.context, self.routes, on=date.fromisoformat(day))
        return [event["name"] for event in self.engine.history(self.permit_id)[before:]]


@pytest.fixture
def file() -> Iterator[File]:
    """An empty store of Morocco."""
    made = File()
    yield made
    made.engine.close()


@pytest.fixture
def spanish() -> Iterator[File]:
    """An empty store in which Spain is asked."""
    made = File("ES")
    yield made
    made.engine.close()


def test_g1_the_window_closes_fifteen_days_after_the_title(file: File) -> None:
    """A title until 2018-03-15 may be renewed until the end of 2018-03-30, and from the 31st there is no stay."""
    file.campaign("2016-12-20", "2017-02-20", "2017-03-16")
    assert file.due("2018-03-15", "renewal_window_closes") == "2018-03-30"
    assert file.on("2018-03-30").lawful_stay
    last = file.on("2018-03-31")
    assert (last.title_status, last.lawful_stay) == ("expired", False)
    file.refused("window.closed", "2018-03-31", "request_renewal")


def test_g2_fifteen_clear_days_from_16_july_2019_end_on_1_august(file: File) -> None:
    """A refusal notified on Tuesday 2019-07-16 may be brought to the tribunal until 2019-08-01, and no later."""
    file.lodge("2019-01-07")
    file.do("2019-07-10", "refuse_application", **REASONS)
    file.do("2019-07-16", "notify_decision", mode="written", proof="signed")
    assert file.due("2019-07-16", "appeal_closes", "administrative_tribunal") == "2019-08-01"
    file.refused("appeal.out_of_time", "2019-08-02", "lodge_appeal", body="administrative_tribunal")


def test_g5_an_oral_refusal_starts_no_clock(file: File) -> None:
    """Told by word of mouth, a refusal runs out no appeal and asks no one to leave."""
    file.lodge("2019-01-07")
    file.do("2019-07-10", "refuse_application", **REASONS)
    file.do("2019-07-16", "notify_decision", mode="oral")
    assert file.due("2019-07-16", "appeal_closes") is None
    assert file.due("2019-07-16", "departure_due") is None
    assert file.on("2019-09-30").lawful_stay
    assert file.do("2019-09-30", "lodge_appeal", body="administrative_tribunal") == ("permit.appealed",)


@pytest.mark.parametrize(("filed", "until"), [("2019-11-30", "2020-02-29"), ("2018-11-30", "2019-02-28")])
def test_g8_a_receipt_of_the_thirtieth_ends_with_february(file: File, filed: str, until: str) -> None:
    """Three months from 30 November end on the last day of February."""
    file.lodge(filed)
    assert file.on(filed).receipt_until == date.fromisoformat(until)


def test_g10_sixty_clear_days_roll_off_labour_day(file: File) -> None:
    """A file complete on 2021-03-01 is decided by 2021-05-03: 1 May is Labour Day and a Saturday."""
    file.lodge("2021-03-01")
    assert file.due("2021-03-01", "decision_due") == "2021-05-03"


def test_g11_the_clock_starts_with_the_complete_file(file: File) -> None:
    """No clock runs from an incomplete file; completed on day 20, it runs from that day."""
    file.lodge("2021-02-22", missing=["means"])
    assert file.due("2021-02-22", "decision_due") is None
    assert file.due("2021-02-22", "documents_due") == "2021-03-25"
    file.do("2021-03-14", "supply_documents", documents=["means"])
    assert file.due("2021-03-14", "decision_due") == "2021-05-17"  # 14 May is a holiday in that year


def test_g11b_a_file_not_completed_is_returned_and_protects_until_then(file: File) -> None:
    """The receipt of an incomplete file protects until the return, the day after the last one to complete it."""
    file.lodge("2021-02-22", missing=["means"])
    assert file.on("2021-03-25").lawful_stay
    returned = file.on("2021-03-26")
    assert (returned.application_status, returned.lawful_stay) == ("returned", False)
    assert file.pass_on("2021-03-26") == ["permit.application_returned"]


def test_g12_fifteen_suspended_days_move_the_unrolled_day(file: File) -> None:
    """Asked on day 20 and supplied 15 days later: 1 May moves to the 16th, a Sunday, and rolls to the 17th."""
    file.lodge("2021-03-01")
    file.do("2021-03-21", "request_documents", documents=["passport-original"], reason="a doubt")
    file.do("2021-04-05", "supply_documents", documents=["passport-original"])
    assert file.due("2021-04-05", "decision_due") == "2021-05-17"


def test_g13_no_originals_are_asked_for_on_day_40(file: File) -> None:
    """Day 40 of 60 lies past the first half; day 30 does not."""
    file.lodge("2021-03-01")
    asked = {"documents": ["passport-original"], "reason": "a doubt"}
    file.refused("documents.too_late", "2021-04-10", "request_documents", **asked)
    file.refused("documents.too_late", "2021-04-01", "request_documents", **asked)
    file.do("2021-03-31", "request_documents", **asked)


def test_g14_no_second_request(file: File) -> None:
    """What was asked for once is not asked for again."""
    file.lodge("2021-03-01")
    file.do("2021-03-10", "request_documents", documents=["passport-original"], reason="a doubt")
    file.do("2021-03-12", "supply_documents", documents=["passport-original"])
    file.refused(
        "documents.second_request",
        "2021-03-15",
        "request_documents",
        documents=["means-original"],
        reason="another doubt",
    )


def test_g14b_a_lease_that_the_receipt_did_not_name_is_not_asked_for(file: File) -> None:
    """The receipt listed only the criminal record; on day 12 a lease is not on the list."""
    file.lodge("2021-02-22", missing=["criminal-record"])
    file.do("2021-02-25", "supply_documents", documents=["criminal-record"])
    file.refused(
        "documents.not_listed",
        "2021-03-06",
        "request_documents",
        documents=["residence-proof"],
        reason="lease",
    )


def test_g16_one_year_three_times_and_then_three_years(file: File) -> None:
    """A card of 2014 has terms of 12, 12 and 12 months, carried over in 2015 and 2016, and then of 36."""
    file.campaign("2014-03-03", "2014-04-03", "2014-09-10")
    assert file.pass_on("2015-09-09") == ["permit.renewed"]
    assert file.pass_on("2016-09-09") == ["permit.renewed"]
    assert file.pass_on("2017-09-09") == []
    file.do("2017-09-11", "request_renewal")
    file.do("2017-09-20", "renew_permit")
    ends = [file.on(day).valid_until for day in ("2015-09-01", "2016-09-01", "2017-09-01", "2017-10-01")]
    assert [str(end) for end in ends] == ["2015-09-09", "2016-09-09", "2017-09-09", "2020-09-09"]


def test_g17_an_unresolved_allegation_denies_nothing_by_itself(file: File) -> None:
    """A shorter term needs a person, a fact and reasons; without them the three years hold."""
    file.campaign("2014-03-03", "2014-04-03", "2016-09-10")
    file.do("2017-08-20", "request_renewal")
    file.refused("exclusion.reasons_missing", "2017-08-28", "renew_permit", term="P1Y")
    assert file.pass_on("2017-08-29") == []
    file.do("2017-08-30", "renew_permit")
    assert file.on("2017-08-30").valid_until == date(2020, 9, 9)


def test_g18_sixty_days_of_silence_refuse_and_grant_nothing(file: File) -> None:
    """Silence is a refusal that can be appealed, and the stay stays lawful."""
    file.lodge("2021-03-01")
    assert file.on("2021-05-03").application_status == "under_review"
    assert file.pass_on("2021-05-04") == ["permit.implicitly_refused"]
    shown = file.on("2021-05-04")
    assert (shown.application_status, shown.title_status, shown.lawful_stay) == (
        "implicitly_refused",
        "none",
        True,
    )


def test_g20_a_late_filing_inside_the_window_stays_timely(file: File) -> None:
    """Filed on 2018-03-20 for a title until 2018-03-15; however long the office loses the file, no day is lost."""
    file.campaign("2016-12-20", "2017-02-20", "2017-03-16")
    file.do("2018-03-20", "request_renewal")
    assert file.on("2020-03-20").lawful_stay
    file.do("2020-03-20", "renew_permit")
    assert file.on("2020-03-20").valid_from == date(2018, 3, 16)


@pytest.mark.parametrize(
    ("day", "code"), [("2025-05-19", "window.not_open"), ("2025-05-20", None), ("2025-05-21", None)]
)
def test_g21_in_spain_the_day_of_filing_selects_the_rule(spanish: File, day: str, code: str | None) -> None:
    """60 days before 2025-07-19 are 05-20, two months are 05-19: on the 19th the old rules still say no."""
    spanish.lodge("2024-06-03", "temporary")
    spanish.do("2024-07-20", "issue_permit")
    assert spanish.on("2024-07-20").valid_until == date(2025, 7, 19)
    if code is not None:
        spanish.refused(code, day, "request_renewal")
    else:
        spanish.do(day, "request_renewal")
        assert spanish.on("2025-12-01").lawful_stay


def test_g21_filed_before_and_decided_after_stays_under_the_old_rules(spanish: File) -> None:
    """90 days after 2025-02-19 are 05-20, three months only 05-19: filed on the 19th it is timely when decided."""
    spanish.lodge("2024-01-08", "temporary")
    spanish.do("2024-02-20", "issue_permit")
    assert spanish.on("2024-02-20").valid_until == date(2025, 2, 19)
    spanish.do("2025-05-19", "request_renewal")
    spanish.do("2025-06-16", "renew_permit")
    shown = spanish.on("2025-06-16")
    assert (shown.valid_from, shown.valid_until) == (date(2025, 2, 20), date(2029, 2, 19))


def test_g24_a_day_off_announced_late_moves_a_deadline_and_the_old_day_stays_readable(file: File) -> None:
    """24 April 2023 became a day off on the 15th: seen from the 14th an appeal closes on the 24th, then a day later."""
    file.lodge("2023-03-01")
    file.do("2023-04-03", "refuse_application", **REASONS)
    file.do("2023-04-08", "notify_decision", mode="written", proof="signed")
    assert file.due("2023-04-14", "appeal_closes", "administrative_tribunal") == "2023-04-24"
    then = file.clock.instant
    assert file.due("2023-04-20", "appeal_closes", "administrative_tribunal") == "2023-04-25"
    as_it_was = file.engine.permit(file.permit_id, as_of=date(2023, 4, 20), known_at=then).as_dict()
    closes = [d["due_on"] for d in as_it_was["deadlines"] if d.get("body") == "administrative_tribunal"]
    assert closes == ["2023-04-24"]
