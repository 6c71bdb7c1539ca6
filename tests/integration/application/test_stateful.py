"""An office at work on a real store: random commands on random days, with passes of the scheduler between.

After every step the store must keep its word: rows equal rebuilt rows, refusals leave no event, nothing that
is due is left by a pass, and what a person may rely on is there on every day.
"""

from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from permits_engine import Actor, Engine
from permits_engine.application.handlers import families
from permits_engine.commands import parse
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import fold
from permits_engine.scheduler.delivery.memory import sink_routes
from permits_engine.scheduler.passes.run import run_pass
from permits_engine.testing.clock import FakeClock

PERSON = {
    "family_name": "Holder",
    "given_names": "Example",
    "birth_date": "1990-01-01",
    "sex": "F",
    "nationality": "SEN",
    "language": "fr",
    "email": "holder@example.org",
}
COUNTER = Actor("counter", "counter", "MA-RAB")
DECIDER = Actor("decider", "decider", "MA-RAB")
ACTORS = {
    "local_commission": Actor("commission", "local_commission", "MA-RAB"),
    "national_commission": Actor("national", "national_commission"),
    "administrative_tribunal": Actor("court", "court"),
    "gracious": DECIDER,
    "hierarchical": Actor("superior", "hierarchy"),
}
REASONS = {"reasons_in_fact": "a finding", "reasons_in_law": "an article"}
DECISIONS = st.sampled_from(
    [
        ("issue_permit", {}),
        ("refuse_application", REASONS),
        ("renew_permit", {}),
        ("renew_permit", {"term": "P1Y"}),
        ("refuse_renewal", REASONS),
        ("refuse_renewal", REASONS | {"reasons_in_law": " "}),
        ("revoke_permit", REASONS | {"ground": "judicial-ban"}),
        ("request_documents", {"documents": ["passport-original"], "reason": "a doubt"}),
        ("extend_decision", {"reason": "inquiry", "until": "2024-06-03"}),
    ]
)
FACTS = st.sampled_from(
    [
        ("request_renewal", {}),
        ("request_renewal", {"missing": ["photos"]}),
        ("supply_documents", {"documents": ["photos"]}),
        ("supply_documents", {"documents": ["passport-original"]}),
        ("notify_decision", {"mode": "written", "proof": "signed"}),
        ("notify_decision", {"mode": "oral"}),
        ("lodge_appeal", {"body": "administrative_tribunal"}),
        ("lodge_appeal", {"body": "gracious"}),
        ("lodge_appeal", {"body": "national_commission"}),
        ("record_exit", {}),
        ("record_return", {}),
        ("replace_card", {"reason": "lost"}),
    ]
)
PROTECTIONS = st.sampled_from(
    [
        {"kind": "pregnant", "since": "2014-09-01", "until": "2015-05-31"},
        {"kind": "pregnant", "since": "2018-01-01", "until": "2018-09-30"},
        {"kind": "hearing_receipt", "since": "2023-01-01"},
    ]
)
STARTS = st.sampled_from(
    [
        ("regularisation-2014", date(2014, 3, 3)),
        ("regularisation-2016", date(2016, 12, 20)),
        ("ordinary", date(2016, 2, 29)),
        ("ordinary", date(2021, 2, 22)),
        ("ordinary", date(2023, 4, 3)),
    ]
)
WAITS = st.sampled_from([1, 7, 14, 16, 30, 61, 92, 184, 350, 366])


class Office(RuleBasedStateMachine):
    """Two files of one holder in one store."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.engine = Engine.open("sqlite://", clock=self.clock)
        self.routes, self.sink = sink_routes()
        self.files: list[str] = []
        self.closed: dict[str, date] = {}
        self.ties: list[tuple[str, str]] = []

    def teardown(self) -> None:
        self.engine.close()

    @property
    def today(self) -> date:
        return self.engine.queries.today()

    @initialize(start=STARTS, opinion=st.booleans(), granted=st.integers(0, 2))
    def a_file_is_opened(self, start: tuple[str, date], opinion: bool, granted: int) -> None:
        self.category, first = start
        self.clock.at(first)
        outcome = self.engine.execute(parse("register_holder", dict(PERSON)), actor=COUNTER)
        self.holder = outcome.holder_id
        self.another_file()
        if opinion or granted:
            self._opinion(self.files[0])
        if granted:
            self.engine.execute(parse("issue_permit", {"permit_id": self.files[0]}), actor=DECIDER)

    def _opinion(self, permit_id: str) -> None:
        if self.category != "ordinary":
            given = {"body": "local_commission", "favourable": True, "reasons": "seen"}
            command = parse("record_opinion", {"permit_id": permit_id, **given})
            self.engine.execute(command, actor=ACTORS["local_commission"])

    def another_file(self) -> None:
        fields: dict[str, Any] = {"holder_id": self.holder, "jurisdiction": "MA", "prefecture": "MA-RAB"}
        if self.category != "ordinary":
            fields["criterion"] = "R5"
        command = parse("lodge_application", {**fields, "category": self.category})
        permit_id = self.engine.execute(command, actor=COUNTER).permit_id
        assert permit_id is not None
        self.files.append(permit_id)

    def _do(self, permit_id: str, name: str, fields: dict[str, Any], actor: Actor, back: int = 0) -> None:
        on = self.today - timedelta(days=back)
        before = self.engine.permit(permit_id).version
        head = self.engine.queries.status()["head"]
        closed = permit_id in self.closed
        try:
            command = parse(name, {"permit_id": permit_id, "on": on, **fields})
            outcome = self.engine.execute(command, actor=actor)
        except PermitsError as refused:
            assert refused.code and refused.message
            assert self.engine.permit(permit_id).version == before
            assert self.engine.queries.status()["head"] == head, "a refused command left an event"
        else:
            assert outcome.version == before + len(outcome.events)
            assert not closed or on < self.closed[permit_id] or name in {"notify_decision", "record_fact"}
            if name == "close_permit":
                self.closed[permit_id] = on

    @rule(data=st.data(), decision=DECISIONS)
    def decide(self, data: st.DataObject, decision: tuple[str, dict[str, Any]]) -> None:
        self._do(data.draw(st.sampled_from(self.files)), *decision, DECIDER)

    @rule(data=st.data(), fact=FACTS, back=st.sampled_from([0, 0, 0, 2, 40]))
    def record(self, data: st.DataObject, fact: tuple[str, dict[str, Any]], back: int) -> None:
        self._do(data.draw(st.sampled_from(self.files)), *fact, COUNTER, back)

    @rule(data=st.data(), outcome=st.sampled_from(["upheld", "dismissed", "withdrawn"]))
    def rule_on_an_appeal(self, data: st.DataObject, outcome: str) -> None:
        permit_id = data.draw(st.sampled_from(self.files))
        body = self.engine.queries.pending_body(permit_id, self.today)
        if body is not None:
            self._do(permit_id, "decide_appeal", {"outcome": outcome, "reasons": "because"}, ACTORS[body])

    @rule(data=st.data(), fact=PROTECTIONS)
    def record_a_protection(self, data: st.DataObject, fact: dict[str, Any]) -> None:
        fields = {**fact, "evidence": "a paper"}
        self._do(data.draw(st.sampled_from(self.files)), "record_fact", fields, COUNTER)

    @rule(data=st.data(), ban=st.booleans())
    def remove(self, data: st.DataObject, ban: bool) -> None:
        permit_id = data.draw(st.sampled_from(self.files))
        at = f"{self.today}T08:00:00Z"
        self._do(permit_id, "order_removal", {"ground": "after-expiry", "notified_at": at}, DECIDER)
        if ban:
            until = self.today + timedelta(days=300)
            fields = {"until": until, "observations": "heard", **REASONS}
            self._do(permit_id, "order_entry_ban", fields, DECIDER)

    @rule(data=st.data())
    def annul_a_removal(self, data: st.DataObject) -> None:
        court = ACTORS["administrative_tribunal"]
        self._do(data.draw(st.sampled_from(self.files)), "annul_removal", {}, court)

    @precondition(lambda self: len(self.files) == 2)
    @rule(way=st.booleans())
    def tie_one_file_to_the_other(self, way: bool) -> None:
        below, above = self.files if way else self.files[::-1]
        fields = {"kind": "family_of_resident", "since": "2014-01-01", "of": above, "evidence": "a deed"}
        self._do(below, "record_fact", fields, COUNTER)
        self.ties.append((above, below))

    @precondition(lambda self: len(self.files) < 2)
    @rule()
    def file_again(self) -> None:
        try:
            self.another_file()
        except PermitsError as refused:
            assert refused.code == "campaign.closed"
        else:
            self._opinion(self.files[-1])

    @precondition(lambda self: len(self.closed) < 1)
    @rule(reason=st.sampled_from(["naturalised", "departed"]), sure=st.integers(0, 4))
    def close(self, reason: str, sure: int) -> None:
        if sure == 4:
            self._do(self.files[-1], "close_permit", {"reason": reason}, DECIDER)

    @rule(days=WAITS)
    def wait(self, days: int) -> None:
        self.clock.at(self.today + timedelta(days=days))

    @rule(data=st.data())
    def wait_for_a_deadline(self, data: st.DataObject) -> None:
        found = self.engine.deadlines(data.draw(st.sampled_from(self.files)))
        days = sorted({date.fromisoformat(str(d["due_on"])) for d in found if d.get("due_on")})
        if days:
            day = data.draw(st.sampled_from(days)) + timedelta(days=data.draw(st.sampled_from([-1, 0, 1])))
            self.clock.at(max(self.today, day))

    @rule()
    def pass_of_the_scheduler(self) -> None:
        days = [self.today + timedelta(days=n) for n in (-400, -20, -1, 0, 1, 20, 100, 400)]
        looks = {p: [self._look(p, day) for day in days] for p in self.files}
        before = {p: len(self.engine.history(p)) for p in self.files}
        run_pass(self.engine.context, self.routes)
        for permit_id in self.files:
            new = [event["name"] for event in self.engine.history(permit_id)[before[permit_id] :]]
            if "permit.renewed" in new:
                continue
            for day, was in zip(days, looks[permit_id], strict=True):
                now = self._look(permit_id, day)
                assert now[:2] == was[:2], f"{day}: a pass changed the status ({new})"
                assert now[2] == was[2] or (now[2] and "permit.receipt_extended" in new), day
        for above, below in self.ties:
            assert self._untold(above, below) is None, "a pass left the end of a title untold"
        letters = len(self.sink.letters)
        assert all(found["does"] == "notice" for found in self.engine.preview()), "a pass left an act undone"
        run_pass(self.engine.context, self.routes)
        assert len(self.sink.letters) == letters, "a second pass wrote again"

    def _untold(self, above: str, below: str) -> Any:
        """What a file would still have to be told about another one."""
        with self.engine.database.read() as unit:
            policy = self.engine.context.policies.current(unit, "MA")
            load = self.engine.context.load
            upper, lower = fold(above, load(unit, above)), fold(below, load(unit, below))
        assert upper is not None
        assert lower is not None
        return families.pending_change(situation_on(upper, self.today, policy.at(self.today)), lower)

    def _look(self, permit_id: str, day: date) -> tuple[str, str, bool]:
        shown = self.engine.permit(permit_id, as_of=day)
        return shown.title_status, shown.application_status, shown.lawful_stay

    @invariant()
    def rows_equal_rebuilt_rows(self) -> None:
        """Live read models are what history gives."""
        if self.files:
            assert self.engine.store.rebuild(check=True).differences == []

    @invariant()
    def closed_stays_closed(self) -> None:
        """Today and on every later day."""
        for permit_id in self.closed:
            assert self._look(permit_id, self.today)[0] == "closed"
            assert self._look(permit_id, self.today + timedelta(days=900))[0] == "closed"

    @invariant()
    def no_protected_person_is_removed(self) -> None:
        """No order was recorded after a fact that forbade it on its day, through either file."""
        events = [e for p in self.files for e in self.engine.history(p)]
        facts = [e for e in events if e["name"] == "permit.fact_recorded" and e["of"] is None]
        for order in (e for e in events if e["name"] == "permit.removal_ordered"):
            day = order["effective_on"]
            for fact in facts:
                known = fact["position"] < order["position"]
                assert not known or day < fact["since"] or day > (fact["until"] or "9999"), (order, fact)

    @invariant()
    def a_ban_goes_with_a_removal(self) -> None:
        """It lasts a year at most, and only while the removal does."""
        for permit_id in self.files:
            shown = self.engine.permit(permit_id)
            if shown.entry_ban_until is not None:
                assert shown.removal_status in {"ordered", "suspended"}
                assert shown.entry_ban_until <= self.today + timedelta(days=366)

    @invariant()
    def no_silence_grants_and_no_title_doubles(self) -> None:
        """Morocco never grants by silence; the holder has one title of the kind at a time by a decision."""
        for permit_id in self.files:
            assert self.engine.permit(permit_id).application_status != "implicitly_granted"


Office.TestCase.settings = settings(
    max_examples=settings().max_examples // 4,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class TestOffice(Office.TestCase):
    """Random work of an office leaves a store that keeps its word."""
