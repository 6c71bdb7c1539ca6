"""given, when, then: a test of a rule as one sentence, on a real engine in memory.

    given(*a_title()).when(RequestRenewal(permit_id=PERMIT_ID, on=date(2018, 1, 10))).then(
        "permit.renewal_requested", "permit.receipt_issued", application_status="under_review"
    )

Commands are really decided, stored and read again. After each sentence every stored event is decoded and encoded once
more and must give the same bytes, and the read model computed anew must give the same rows.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from permits_engine.application.outcome import Outcome
from permits_engine.commands import Command
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import Actor
from permits_engine.store.events import codec, history
from permits_engine.testing.office import Office

Given = Command | tuple[Command, Actor]


class Unmet(AssertionError):
    """What came is not what the sentence expects."""


def given(*past: Given, office: Office | None = None) -> Story:
    """Carry out what has happened: commands on their own days, by the competent actor or the one named with it."""
    story = Story(office or Office.in_memory())
    for each in past:
        story.give(each)
    return story


class Story:
    """What has happened, what is done now, and what follows."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self._outcome: Outcome | None = None
        self._refusal: PermitsError | None = None
        self._names: list[str] = []
        self._notices: list[dict[str, Any]] = []
        self._permit_id: str | None = None
        self._day: date | None = None

    def give(self, each: Given) -> None:
        """Carry out one more command of the past; raises its refusal."""
        command, actor = each if isinstance(each, tuple) else (each, None)
        outcome = self.office.execute(command, actor)
        self._permit_id = outcome.permit_id or self._permit_id

    def when(self, command: Command, actor: Actor | None = None) -> Story:
        """Give a command now; ``then`` says whether it succeeds."""
        mark = self.office.position()
        self._outcome = self._refusal = None
        self._day = command.on
        try:
            self._outcome = self.office.execute(command, actor)
            self._permit_id = self._outcome.permit_id or self._permit_id
        except PermitsError as problem:
            self._refusal = problem
        self._seen_since(mark)
        return self

    def when_scheduler_runs(self, day: date) -> Story:
        """Run one pass on a day; ``then`` names its notices."""
        mark = self.office.position()
        self._outcome = self._refusal = None
        self._day = day
        self._notices = self.office.run_scheduler(day)
        self._seen_since(mark)
        return self

    def then(
        self,
        *events: str,
        refused: str | None = None,
        notices: list[dict[str, Any]] | None = None,
        **view: Any,
    ) -> Story:
        """Expect events by name, or the code of a refusal; notices; fields of the permit view.

        ``notices`` lists those that must have been sent, each by some of its fields. Raises ``AssertionError`` with
        what came, and a refusal that was not expected. The stored form is checked every time.
        """
        if refused is None and self._refusal is not None:
            raise self._refusal
        came = self._refusal.code if self._refusal is not None else None
        if came != refused:
            raise Unmet(f"it was to be refused as {refused}, and was carried out: {self._names}")
        if list(events) != self._names and (events or refused is not None):
            raise Unmet(f"events: expected {list(events)}, came {self._names}")
        for wanted in notices or ():
            if not any(wanted.items() <= sent.items() for sent in self._notices):
                raise Unmet(f"notices: expected {wanted}, came {self._notices}")
        self._compare(view)
        stored_form(self.office)
        return self

    @property
    def outcome(self) -> Outcome:
        """The outcome of the command; raises its refusal."""
        if self._outcome is None:
            raise self._refusal or AssertionError("nothing has been done yet")
        return self._outcome

    @property
    def refusal(self) -> PermitsError:
        """The error with which the command was refused."""
        if self._refusal is None:
            raise AssertionError("it was carried out")
        return self._refusal

    def _seen_since(self, mark: int) -> None:
        new = self.office.engine.subscribe(after=mark, timeout=0)
        self._names = [each["name"] for each in new if not each["name"].startswith("notice.")]

    def _compare(self, wanted: dict[str, Any]) -> None:
        if not wanted:
            return
        if self._permit_id is None:
            raise Unmet("there is no permit to look at")
        view = self.office.engine.permit(self._permit_id, as_of=self._day)
        for field, value in wanted.items():
            if getattr(view, field) != value:
                raise Unmet(f"{field}: expected {value!r}, came {getattr(view, field)!r} on {view.as_of}")


def stored_form(office: Office) -> int:
    """Check that every stored event encodes to the same bytes again, and every row is what its history gives.

    Returns the number of events. Raises ``AssertionError``.
    """
    seen = 0
    with office.engine.database.read() as tx:
        while records := history.after(tx, seen, 500):
            for record in records:
                event = codec.decode(record.name, record.payload)
                written = codec.encode(event, version=record.version, stream=record.stream)
                if written != record.payload:
                    raise Unmet(f"{record.name} at {record.position} does not survive being stored")
            seen = records[-1].position
    differences = office.engine.store.rebuild(check=True).differences
    if differences:
        raise Unmet(f"read models differ from what history gives: {differences}")
    return seen
