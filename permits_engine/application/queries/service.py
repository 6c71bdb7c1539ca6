"""The façade's part for further queries; nothing here changes the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, NotRequired, TypedDict

from permits_engine.application.context import Context
from permits_engine.application.queries import departures, difference
from permits_engine.application.queries.fresh_rows import fresh_rows
from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.domain.permit import rights
from permits_engine.domain.rules.competence import roles_for
from permits_engine.projections import listing, status
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events import history


class WaitingNotices(TypedDict):
    """How many notices have not gone out, and the day on which the oldest became due."""

    messages: int
    since: str | None


class PauseRow(TypedDict):
    """A pause of the notices of one office or (none) of all."""

    id: int
    office: str | None
    since: str
    by: str
    reason: str
    until: str | None
    ended_by: str | None


class LeaseStatus(TypedDict):
    """The process that runs the passes; ``until`` on PostgreSQL only."""

    holder: str
    since: str
    epoch: int
    until: NotRequired[str]


class JobRow(TypedDict):
    """A job of the daemon, with its period in seconds and its next run."""

    job: str
    every: float
    next_run: str


class SchedulerStatus(TypedDict):
    """The state of the scheduler; ``parked`` counts notices by reason."""

    waiting: WaitingNotices
    parked: dict[str, int]
    paused: list[PauseRow]
    lease: LeaseStatus | None
    jobs: list[JobRow]


class Status(status.StoreStatus, SchedulerStatus):
    """The state of the store and of its scheduler."""


class Queries:
    """What may be asked beside the engine's own methods: counts of permits, and the state of the store."""

    def __init__(self, context: Context, scheduler: Callable[[Transaction], SchedulerStatus]) -> None:
        """``scheduler`` gives what ``status`` says about the scheduler."""
        self._context = context
        self._database = context.database
        self._scheduler = scheduler

    def diff(
        self,
        permit_id: str,
        first: datetime,
        second: datetime | None = None,
        *,
        as_of: date | None = None,
    ) -> difference.Difference:
        """Return what differs on a legal date (default: today) between two moments of knowledge, with the causes.

        Without ``second`` the later moment is now. Raises ``permit.not_found``, ``position.beyond_head``.
        """
        with self._database.read() as tx:
            return difference.diff(PermitFile(self._context, tx, permit_id), first, second, as_of=as_of)

    def rights(
        self, permit_id: str, *, on: date | None = None, known_at: datetime | None = None
    ) -> list[rights.RightRow]:
        """Return the rights on a day: each one, open or not, with its rule and cause."""
        with self._database.read() as tx:
            return rights.explained(PermitFile(self._context, tx, permit_id).situation(on, known_at))

    def caseload(self, on: date | None = None) -> list[listing.CaseloadRow]:
        """Return, by office, the requests open at the end of a day (default: today), and filed and decided on it."""
        with self._database.read() as tx:
            today = self.today()
            return listing.caseload(tx, on or today, today, fresh_rows(self._context, tx, today))

    def results(
        self, by: tuple[str, ...] = ("outcome",), category: str | None = None
    ) -> list[dict[str, Any]]:
        """Return first applications counted by attributes: the result of a campaign (``category``)."""
        with self._database.read() as tx:
            today = self.today()
            return listing.results(tx, by, category, today, fresh_rows(self._context, tx, today))

    def departures(
        self, *, first: date | None = None, last: date | None = None, prefecture: str | None = None
    ) -> list[departures.Departure]:
        """Return the decisions of a period that depart from a rule of law, each with the rule.

        ``prefecture`` is the office that decided.
        """
        with self._database.read() as tx:
            return departures.listed(self._context, tx, first=first, last=last, office=prefecture)

    # --- the store ---

    def status(self) -> Status:
        """Return head position, read models, last pass of the scheduler, parked notices and streams."""
        with self._database.read() as tx:
            state = status.status(tx, self._context.policies.all(tx), history.head(tx))
            return {**state, **self._scheduler(tx)}

    def today(self, jurisdiction: str | None = None) -> date:
        """Return the legal day in a jurisdiction's time zone (default: the home country's)."""
        with self._database.read() as tx:
            if jurisdiction is None:
                return self._context.home_today(tx)
            return self._context.today(self._context.policies.current(tx, jurisdiction))

    def roles(self, jurisdiction: str, name: str, on: date, body: str | None = None) -> dict[str, str]:
        """Return the roles that may give a command on a day, each with its reach (own office, or any)."""
        with self._database.read() as tx:
            policy = self._context.policies.current(tx, jurisdiction)
        return roles_for(policy.at(self._context.today(policy)), on, name, body)

    def pending_body(self, permit_id: str, on: date) -> str | None:
        """Return the body before which an appeal may still be answered on a day: the latest one."""
        with self._database.read() as tx:
            s = PermitFile(self._context, tx, permit_id).situation(on)
        return s.answerable[-1].body if s.answerable else None
