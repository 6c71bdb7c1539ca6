"""The real engine against a small model written from the law's documents alone (``peer.py``, ``verdicts.py``).

Random files in Morocco live through random commands, on the day and recorded late, while days pass and the
scheduler makes its rounds. After every step both must tell the same: the answer to the command, and on days
past, present and to come the statuses, the term, the receipt and the lawfulness of the stay.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from permits_engine.domain.errors import PermitsError
from permits_engine.testing import Office
from permits_engine.testing.builders import a_holder
from tests.law import removals
from tests.law import verdicts as law
from tests.law.counting import DAY, months
from tests.law.peer import BODIES, OPEN, Peer, Term

REASONS = {"reasons_in_fact": "a finding", "reasons_in_law": "an article"}
BLANK = REASONS | {"reasons_in_law": " "}
EXCLUSION = {"fact": "a judgment", **REASONS}
STARTS = st.sampled_from(
    [
        ("regularisation-2014", date(2014, 3, 3)),
        ("regularisation-2014", date(2014, 12, 31)),
        ("regularisation-2016", date(2016, 12, 20)),
        ("regularisation-2016", date(2017, 11, 30)),
        ("ordinary", date(2016, 2, 29)),
        ("ordinary", date(2020, 9, 28)),
        ("ordinary", date(2021, 3, 1)),
        ("ordinary", date(2023, 2, 20)),
    ]
)
MISSING = st.sampled_from([(), (), (), ("photos",), ("means", "photos")])
BACK = st.sampled_from([0, 0, 0, 0, 1, 3, 20, 100])
GROUNDS = st.sampled_from(
    ["after-refusal", "after-expiry", "grave-threat", "state-security", "morals", "practice"]
)
NEAR = st.sampled_from([-1, 0, 1, 2])


class TheFile(RuleBasedStateMachine):
    """One file, told twice."""

    def __init__(self) -> None:
        super().__init__()
        self.office = Office.in_memory(date(2014, 1, 1))
        self.engine = self.office.engine
        self.second: Peer | None = None
        self.second_id = ""
        self.orders: list[removals.Order] = []

    def teardown(self) -> None:
        self.office.close()

    # --- telling both ---

    def tell(self, verdict: frozenset[str], name: str, on: date, *, file: str = "", **fields: Any) -> bool:
        """Give the engine a command; its answer must be among the peer's. True where it was accepted."""
        file = file or self.id
        if file == self.id and self.peer.closed is not None and name != "notify_decision":
            late = on < self.peer.closed[0]
            verdict = verdict | {law.NO} if late else verdict & {"input.invalid"} | {law.NO}
        before = self.engine.permit(file).version
        note(f"{on} {name} {fields} (today {self.peer.today}); the documents: {sorted(verdict)}")
        try:
            self.office.do(name, on, permit_id=file, **fields)
            answer = law.ACCEPTED
        except PermitsError as refused:
            answer = refused.code
            assert self.engine.permit(file).version == before, "a refused command left an event"
        assert answer in verdict, (
            f"{name} on {on}: the engine says {answer!r}, the documents {sorted(verdict)}"
        )
        return answer == law.ACCEPTED

    def day(self, back: int) -> date:
        """A day not later than today and not before the filing."""
        return max(self.peer.today - timedelta(days=back), self.peer.requests[0].on)

    @initialize(start=STARTS, missing=MISSING, stage=st.integers(0, 5), wait=st.integers(0, 40))
    def filed(self, start: tuple[str, date], missing: tuple[str, ...], stage: int, wait: int) -> None:
        """Most files have a title soon, and many of these a request to renew it."""
        category, first = start
        self.peer = Peer(category, first, set() if stage > 1 else set(missing))
        self.office.at(first)
        self.holder = self.office.execute(a_holder(), self.office.actor("counter")).holder_id or ""
        self.id = self.lodged(category, first, tuple(self.peer.requests[0].missing))
        if self.peer.campaign and stage > 0:
            self.opinion(favourable=True)
        if stage > 1:
            self.wait(wait)
            self.issue(0)
        term = self.peer.term(self.peer.today)
        if stage > 3 and term is not None:
            last = term.end
            self.until(last - timedelta(days=wait - 10))
            self.ask_for_renewal(0, missing if stage == 5 else ())

    def lodged(self, category: str, on: date, missing: tuple[str, ...]) -> str:
        """A file of the person; the engine's id."""
        criterion = "R5" if category != "ordinary" else None
        fields = {"holder_id": self.holder, "jurisdiction": "MA", "prefecture": "MA-RAB"}
        more = {"category": category, "criterion": criterion, "missing": missing}
        return self.office.do("lodge_application", on, **fields, **more).permit_id or ""

    # --- time ---

    def until(self, day: date) -> None:
        if day > self.peer.today:
            for each in (self.peer, *self.peer.others):
                each.today = day
            self.office.at(day)

    @rule(days=st.sampled_from([1, 7, 14, 16, 30, 61, 92, 184, 350]))
    def wait(self, days: int) -> None:
        self.until(self.peer.today + timedelta(days=days))

    @rule(data=st.data(), near=NEAR)
    def wait_for_a_limit(self, data: st.DataObject, near: int) -> None:
        ahead = [day + timedelta(days=near) for day in self.limits()]
        ahead = [d for d in ahead if self.peer.today < d < self.peer.today + timedelta(days=1200)]
        if ahead:
            self.until(data.draw(st.sampled_from(sorted(set(ahead)))))

    def limits(self) -> list[date]:
        """The last days that the peer knows of."""
        peer, found = self.peer, []
        for n, request in enumerate(peer.requests):
            due = peer.silence_after(n)
            end = peer.paper(n, peer.today)
            found += [end, end - timedelta(days=7)] if end is not None else []
            found += [d for d in (due, peer.documents_due(request)) if d is not None]
            found += [peer.answer_due(request)] if request.asked and request.on >= law.REFORM else []
            found += [law.franc(due + DAY, 60, peer.today)] if due is not None else []
        for term in peer.life(peer.today)[0]:
            found += [term.end, peer.closes(term, peer.today)]
        for appeal in peer.appeals:
            silent = peer.silent(appeal)
            found += [silent - DAY, law.franc(silent, 15, peer.today)] if silent is not None else []
            found += [law.franc(told, 15, peer.today) for told in appeal.told]
        for decision in peer.decisions:
            for told in decision.told:
                found += [told + timedelta(days=15)]
                found += [law.franc(told, n, peer.today) for n in (15, 60)]
        return found + [months(left, 6) for left, _ in peer.absences]

    @rule()
    def a_pass(self) -> None:
        note(f"{self.peer.today} a pass")
        self.office.run_scheduler(self.peer.today)

    # --- decisions ---

    @precondition(lambda self: self.peer.campaign)
    @rule(favourable=st.booleans())
    def opinion(self, favourable: bool) -> None:
        today = self.peer.today
        answers = frozenset({law.ACCEPTED, law.NO})
        fields = {"body": "local_commission", "favourable": favourable, "reasons": "seen"}
        if self.tell(answers, "record_opinion", today, **fields):
            self.peer.opinions.append((today, favourable))

    @rule(back=BACK)
    def issue(self, back: int) -> None:
        on = self.day(back)
        if self.tell(law.issue_permit(self.peer, on), "issue_permit", on):
            law.decided(self.peer, "grant", on, years=1)

    @rule(back=BACK, blank=st.sampled_from([False, False, False, True]), renewal=st.booleans())
    def refuse(self, back: int, blank: bool, renewal: bool) -> None:
        on, name = self.day(back), "refuse_renewal" if renewal else "refuse_application"
        verdict = law.refuse(self.peer, on, renewal=renewal, blank=blank)
        if self.tell(verdict, name, on, **(BLANK if blank else REASONS)):
            law.decided(self.peer, "refusal", on)

    @rule(back=BACK, term=st.sampled_from([None, None, "P1Y"]), excluded=st.booleans())
    def renew(self, back: int, term: str | None, excluded: bool) -> None:
        on = self.day(back)
        with_reasons = excluded and term is not None and self.peer.campaign and on >= law.COMMUNIQUE
        fields: dict[str, Any] = {"term": term} if term else {}
        fields |= {"exclusion": EXCLUSION} if with_reasons else {}
        if self.tell(law.renew_permit(self.peer, on, term, with_reasons), "renew_permit", on, **fields):
            law.decided(self.peer, "grant", on, years=law.renewed_years(self.peer, on, term))

    @rule(back=BACK, blank=st.sampled_from([False, False, False, True]))
    def revoke(self, back: int, blank: bool) -> None:
        on = self.day(back)
        fields = {"ground": "judicial-ban", **(BLANK if blank else REASONS)}
        if self.tell(law.revoke_permit(self.peer, on, blank=blank), "revoke_permit", on, **fields):
            law.decided(self.peer, "revocation", on)

    @rule(document=st.sampled_from(["passport-original", "passport-original", "lease"]))
    def ask_for_documents(self, document: str) -> None:
        on = self.peer.today
        number = self.peer.latest(on)
        if number is not None and self.peer.requests[number].asked and on < law.REFORM:
            return  # how often before the reform the documents do not say
        verdict = law.request_documents(self.peer, on, [document])
        if self.tell(verdict, "request_documents", on, documents=[document], reason="a doubt"):
            assert number is not None
            if self.peer.requests[number].asked is None:
                self.peer.requests[number].asked, self.peer.requests[number].wanted = on, document

    # --- facts ---

    @rule(back=st.sampled_from([0, 0, 1, 1, 10, 40]), missing=MISSING)
    def ask_for_renewal(self, back: int, missing: tuple[str, ...]) -> None:
        on = self.day(back)
        if self.tell(law.request_renewal(self.peer, on), "request_renewal", on, missing=missing):
            self.peer.requests.append(self.peer.request(on, set(missing)))

    @rule(back=BACK, data=st.data())
    def supply(self, back: int, data: st.DataObject) -> None:
        on = self.day(back)
        number = self.peer.latest(on)
        wanted = sorted(self.peer.requests[number].missing) if number is not None else []
        if self.peer.application(on) == frozenset({"suspended"}) or not wanted:
            asked = self.peer.requests[number].wanted if number is not None else ""
            wanted = [asked or "passport-original"]
        elif len(wanted) > 1 and data.draw(st.booleans()):
            wanted = wanted[:1]
        verdict = law.supply_documents(self.peer, on, wanted)
        if self.tell(verdict, "supply_documents", on, documents=wanted):
            law.supplied(self.peer, on, wanted)

    @rule(
        back=BACK,
        how=st.sampled_from(
            [("written", True)] * 3 + [("electronic", True), ("oral", True), ("written", False)]
        ),
    )
    def notify(self, back: int, how: tuple[str, bool]) -> None:
        on, (mode, proof) = self.day(back), how
        fields = {"mode": mode} | ({"proof": "signed"} if proof else {})
        if self.tell(law.notify_decision(self.peer, on), "notify_decision", on, **fields):
            law.told(self.peer, on, mode, proof)

    @rule(back=BACK, body=st.sampled_from(BODIES))
    def appeal(self, back: int, body: str) -> None:
        on = self.day(back)
        if self.tell(law.lodge_appeal(self.peer, on, body), "lodge_appeal", on, body=body):
            law.appealed(self.peer, on, body)

    @rule(outcome=st.sampled_from(["upheld", "upheld", "dismissed", "withdrawn"]))
    def rule_on_the_appeal(self, outcome: str) -> None:
        on, found = self.peer.today, law.answerable(self.peer, self.peer.today)
        if not found or on < law.last_decided(self.peer):
            return
        appeal = found[-1]
        fields = {"body": appeal.body, "outcome": outcome, "reasons": "because"}
        if self.tell(frozenset({law.ACCEPTED}), "decide_appeal", on, **fields):
            law.ruled(self.peer, on, appeal, outcome)

    @rule(back=st.sampled_from([0, 0, 3]))
    def leave(self, back: int) -> None:
        known = [d.on for d in self.peer.decisions] + [r.on for r in self.peer.requests]
        on = max([self.day(back), *known, *(left for left, _ in self.peer.absences)])
        if self.peer.title(on) != frozenset({"active"}):
            return  # whether an absence counts that began before the title the documents do not say
        if self.tell(law.record_exit(self.peer, on), "record_exit", on):
            self.peer.absences.append((on, None))

    @rule(back=BACK)
    def come_back(self, back: int) -> None:
        on = max([self.day(back), *(left for left, _ in self.peer.absences)])
        if self.tell(law.record_return(self.peer, on), "record_return", on):
            law.returned(self.peer, on)

    @precondition(lambda self: self.peer.closed is None)
    @rule(reason=st.sampled_from(["naturalised", "departed", "other_title"]), sure=st.integers(0, 5))
    def close(self, reason: str, sure: int) -> None:
        on = self.peer.today
        if sure == 5 and self.tell(frozenset({law.ACCEPTED, law.NO}), "close_permit", on, reason=reason):
            self.peer.closed = (on, reason)

    # --- a second file of the same person, and removal ---

    @precondition(lambda self: self.second is None and self.peer.closed is None)
    @rule()
    def a_second_file(self) -> None:
        today = self.peer.today
        self.second_id = self.lodged("ordinary", today, ())
        self.second = Peer("ordinary", today, set())
        self.second.others, self.peer.others = [self.peer], [self.second]

    @precondition(lambda self: self.second is not None)
    @rule(name=st.sampled_from(["issue_permit", "issue_permit", "refuse_application", "notify_decision"]))
    def decide_the_second_file(self, name: str) -> None:
        second, on = self.second, self.peer.today
        assert second is not None
        if name == "issue_permit":
            if self.tell(law.issue_permit(second, on), name, on, file=self.second_id):
                law.decided(second, "grant", on, years=1)
        elif name == "refuse_application":
            verdict = law.refuse(second, on, renewal=False, blank=False)
            if self.tell(verdict, name, on, file=self.second_id, **REASONS):
                law.decided(second, "refusal", on)
        elif self.tell(
            law.notify_decision(second, on), name, on, file=self.second_id, mode="written", proof="x"
        ):
            law.told(second, on, "written", True)

    @rule(ground=GROUNDS)
    def order_to_leave(self, ground: str) -> None:
        on = self.peer.today
        verdict = removals.order_removal(self.peer, on, ground, self.orders)
        at = datetime.combine(on, time(0, 30), UTC)
        if self.tell(verdict, "order_removal", on, ground=ground, notified_at=at):
            self.orders.append(removals.Order(on, ground))

    @rule()
    def carry_out(self) -> None:
        on = self.peer.today
        verdict = removals.carry_out_removal(self.peer, on, self.orders)
        if self.tell(verdict, "carry_out_removal", on, at=datetime.combine(on, time(12), UTC)):
            self.orders[-1].carried = on

    # --- what both must tell alike ---

    @invariant()
    def the_same_is_told_of_every_day(self) -> None:
        """On days past, today and to come, as far as the documents say anything."""
        for peer, file in ((self.peer, self.id), (self.second, self.second_id)):
            if peer is not None:
                self._told_alike(peer, file)

    def _told_alike(self, peer: Peer, file: str) -> None:
        past = max([d.annulled for d in peer.decisions if d.annulled is not None], default=date.min)
        around = {peer.today + timedelta(days=n) for n in (-400, -30, -1, 0, 1, 16, 31, 100, 400)}
        around |= {d + timedelta(days=n) for d in self.limits() for n in (0, 1) if d >= peer.today}
        for day in sorted(d for d in around if d >= peer.requests[0].on):
            expected = {"lawful_stay": peer.lawful(day), "receipt_until": peer.receipt(day)}
            expected["appeal_status"] = peer.appeal_status(day)
            term = peer.term(day)
            if day >= past:
                expected |= {"title_status": peer.title(day), "application_status": peer.application(day)}
            if day >= past and term is not None:
                expected |= {n: frozenset({v}) for n, v in _shown(term).items()}
            if file == self.id:
                expected["removal_status"] = removals.removal_status(peer, day, self.orders)
            shown = self.engine.permit(file, as_of=day)
            found = {name: getattr(shown, name) for name in expected}
            wrong = {
                name: (found[name], sorted(map(str, allowed)))
                for name, allowed in expected.items()
                if allowed != OPEN and found[name] not in allowed
            }
            assert not wrong, f"on {day} (today {peer.today}), the engine and what the documents say: {wrong}"
        self._bodies(peer, file)

    def _bodies(self, peer: Peer, file: str) -> None:
        """The bodies that may still be seised today, and until when."""
        wanted = law.open_bodies(peer, peer.today)
        found = {
            clock["body"]: (date.fromisoformat(clock["due_on"] or ""), clock["latest"])
            for clock in self.engine.deadlines(file)
            if clock["kind"] == "appeal_closes" and clock.get("against") != "removal"
        }
        if wanted is not None:
            plain = {body: (due, last and last.isoformat()) for body, (due, last) in wanted.items()}
            assert found == plain, f"on {peer.today}"


def _shown(term: Term) -> dict[str, Any]:
    return {"term_number": term.number, "valid_from": term.start, "valid_until": term.end}


TheFile.TestCase.settings = settings(
    max_examples=max(1, settings().max_examples // 4),
    stateful_step_count=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class TestTheEngineAndItsPeer(TheFile.TestCase):
    """Whatever happens to a file, the engine tells of it what the law's documents say."""
