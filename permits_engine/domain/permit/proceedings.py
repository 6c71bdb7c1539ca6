"""The appeals against decisions on one date: which wait for an answer, and what silence has answered."""

from datetime import date
from typing import NamedTuple

from permits_engine.domain.cached import cached_property
from permits_engine.domain.periods import ONE_DAY
from permits_engine.domain.permit.examination import Examination
from permits_engine.domain.permit.state import Appeal
from permits_engine.domain.rules.policy import Silence, Value, count_of

ROADS = {
    "national_commission": "commission",
    "administrative_tribunal": "tribunal",
    "gracious": "administration",
    "hierarchical": "administration",
    "administrative_authority": "administration",
}
"""The bodies, and the road of each: appeals on different roads run beside one another."""


class Answer(NamedTuple):
    """The outcome of an appeal, its day, and whether it came by silence."""

    outcome: str
    on: date
    by_silence: bool = False


class Proceedings(Examination):
    """The requests of a permit on a date, with the appeals."""

    def ruling_rule(self, appeal: Appeal) -> Value | None:
        """Return the rule on the time to answer an appeal, where there is one."""
        found = self.rules.find("appeal.ruling", appeal.on, self.scope(body=appeal.body))
        return None if found is None or isinstance(found.value, Silence) else found

    def ruling_due(self, appeal: Appeal, words: list[str] | None = None) -> date | None:
        """Return the last day to answer an appeal, where there is one."""
        limit = self.ruling_rule(appeal)
        return None if limit is None else self.rules.due(appeal.on, count_of(limit.value), words=words)

    def silent_on(self, appeal: Appeal) -> date | None:
        """Return the day on which silence rejects an appeal, unless it is answered before (law 41-90, article 23)."""
        effect = self.rules.get("appeal.silence", appeal.on, self.scope(body=appeal.body))
        due = self.latest(lambda s: s.ruling_due(appeal)) if effect == "rejection" else None
        return due + ONE_DAY if due is not None else None

    def answer(self, appeal: Appeal) -> Answer | None:
        """Return the answer to an appeal by the day: express, by silence, or none left to give (withdrawn)."""
        if appeal.decided_on is not None and appeal.decided_on <= self.day:
            return Answer(appeal.outcome or "", appeal.decided_on)
        silent = self.silent_on(appeal)
        ended = self._annulled(appeal)
        if ended is not None and appeal.on <= ended <= self.day and (silent is None or ended < silent):
            return Answer(
                "withdrawn", ended
            )  # another body has annulled the decision: nothing is left to decide
        return (
            Answer("dismissed", silent, by_silence=True)
            if silent is not None and silent <= self.day
            else None
        )

    def _annulled(self, appeal: Appeal) -> date | None:
        """Return the day on which what the appeal is against was annulled; of a silence, recorded or not."""
        decision = self.permit.decision(appeal.against)
        if decision is not None:
            return decision.annulled_on
        request = self.permit.request(appeal.request)
        return request.reopened_on if request is not None else None

    @cached_property
    def appeals(self) -> list[tuple[Appeal, Answer | None]]:
        """The appeals lodged by the day, each with its answer, the latest last."""
        lodged = sorted((a for a in self.permit.appeals if a.on <= self.day), key=lambda a: (a.on, a.version))
        return [(a, self.answer(a)) for a in lodged]

    @cached_property
    def pending_appeals(self) -> list[Appeal]:
        """The appeals that wait for an answer on the day."""
        return [appeal for appeal, answer in self.appeals if answer is None]

    @property
    def pending_appeal(self) -> Appeal | None:
        """The latest of the appeals that wait for an answer."""
        return self.pending_appeals[-1] if self.pending_appeals else None

    @property
    def answerable(self) -> list[Appeal]:
        """The appeals that can still be answered expressly: also those that silence has rejected."""
        found = [a for a, answer in self.appeals if answer is None or answer.by_silence]
        return sorted(found, key=lambda a: a in self.pending_appeals)

    def pending_on_road(self, body: str) -> Appeal | None:
        """Return the appeal that waits for an answer on the road of a body."""
        road = ROADS.get(body)
        return next((a for a in self.pending_appeals if ROADS.get(a.body) == road), None)

    @property
    def appeal_status(self) -> str:
        """Return pending while an appeal waits for an answer, else the latest outcome, or none."""
        if self.pending_appeals:
            return "pending"
        answers = [answer for _, answer in self.appeals if answer is not None]
        return max(answers, key=lambda answer: answer.on).outcome if answers else "none"
