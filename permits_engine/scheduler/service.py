"""The façade's part for notices: listed, followed, handled by an operator."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from permits_engine.application.access import Access
from permits_engine.application.context import Context
from permits_engine.application.queries import notices
from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.application.queries.views import shows_encrypted
from permits_engine.domain.errors import invalid
from permits_engine.projections import listing
from permits_engine.projections.notice_rows import NoticeState
from permits_engine.scheduler.daemon.lease import taken
from permits_engine.scheduler.delivery.channel import Channel, Letter
from permits_engine.scheduler.delivery.counter import CounterChannel
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.limits import Limits
from permits_engine.scheduler.notices import operations, pauses, renewal_token
from permits_engine.scheduler.notices.bounce import Bounce
from permits_engine.scheduler.notices.digest import AHEAD, TaskRow, as_rows, digest, offices
from permits_engine.scheduler.passes.coverage import CoverageReport, coverage
from permits_engine.scheduler.passes.preview import PreviewRow, preview
from permits_engine.scheduler.passes.reconciler import Pass
from permits_engine.scheduler.passes.reminder_load import LoadRow, plan
from permits_engine.scheduler.passes.run import run_pass

Events = list[dict[str, Any]]
NoticeRows = list[listing.NoticeRow]
LoadRows = list[LoadRow]
TaskRows = list[TaskRow]
PreviewRows = list[PreviewRow]


class Notices:
    """Notices to holders and offices."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._database = context.database

    # --- looking ---

    def list(
        self,
        *,
        state: str | None = None,
        permit_id: str | None = None,
        prefecture: str | None = None,
        limit: int | None = 100,
    ) -> NoticeRows:
        """Return notices to holders and offices, by state, permit or office."""
        with self._database.read() as tx:
            return listing.messages(tx, state=state, permit_id=permit_id, prefecture=prefecture, limit=limit)

    def history(self, notice_id: str) -> Events:
        """Return every event of a notice, in order, with its envelope."""
        with self._database.read() as tx:
            return notices.history_of(self._context, tx, notice_id)

    def letter(self, notice_id: str) -> Letter:
        """Return the letter of a notice as it would be composed today."""
        with self._database.read() as tx:
            return operations.letter(self._context, tx, notice_id, decrypt=True)

    def coverage(self, first: date, last: date) -> CoverageReport:
        """Return whether every holder who was due a notice in a period got it, or why not."""
        return coverage(self._context, first, last)

    def plan(self, first: date, last: date) -> LoadRows:
        """Return how many first reminders leave by day and prefecture, before and after spreading."""
        return plan(self._context, first, last)

    def digest(
        self, prefecture: str | None = None, *, on: date | None = None, ahead: int = AHEAD
    ) -> TaskRows:
        """Return the open tasks of an office (default: every office) on a day, worst first.

        They are deadlines that are overdue or fall due within ``ahead`` days, expedited files to sign and
        parked notices.
        """
        if type(ahead) is not int or not 0 <= ahead <= 366:
            raise invalid("ahead", "is not a number of days from 0 to 366")
        with self._database.read() as tx:
            day = on or self._context.home_today(tx)
            wanted = [prefecture] if prefecture is not None else offices(tx)
            found = [digest(self._context, tx, office, day, ahead=ahead) for office in wanted]
        return [row for each in found for row in as_rows(each)]

    def preview(self, *, on: date | None = None) -> PreviewRows:
        """Return what a pass would do on a day (default: today), doing nothing."""
        with self._database.read() as tx:
            day = on or self._context.home_today(tx)
        return list(preview(self._context, day))

    # --- passes ---

    def run_pass(self, *, on: date | None = None, channels: Sequence[Channel] = ()) -> Pass:
        """Run one pass of the scheduler under its lease, without a thread of its own.

        Letters to holders go through the first of the ``channels`` that reaches them, those to offices to their
        counters; without channels every message stays due. Raises ``scheduler.busy``, ``scheduler.braked``.
        """
        lease = taken(self._database, f"{self._context.operator}/{os.getpid()}")
        try:
            limits = Limits(lease.write, lease.keep)
            return run_pass(self._context, Routes(channels, CounterChannel()), on=on, limits=limits)
        finally:
            lease.release()

    # --- handling ---

    def retry(self, notice_id: str, *, by: str) -> NoticeState:
        """Let the next pass try a parked or failed notice again."""
        with self._database.write() as tx:
            return operations.retry(self._context, tx, notice_id, by)

    def served(self, notice_id: str, *, by: str) -> NoticeState:
        """Record that a parked or failed notice was handed to the holder in person."""
        with self._database.write() as tx:
            return operations.served(self._context, tx, notice_id, by)

    def bounced(self, bounce: Bounce) -> NoticeState:
        """Record that a sent notice came back; the next pass tries its next channel."""
        with self._database.write() as tx:
            return operations.bounced(self._context, tx, bounce)

    def pause(self, office: str | None = None, *, by: str, reason: str) -> None:
        """Send no notices, of one office or of all, until they are resumed; time effects are still recorded."""
        with self._database.write() as tx:
            pauses.pause(tx, office, by=by, reason=reason, now=self._context.now())

    def resume(self, office: str | None = None, *, by: str) -> None:
        """Send notices again."""
        with self._database.write() as tx:
            pauses.resume(tx, office, by=by, now=self._context.now())

    # --- tokens of reminders ---

    def token_signer(self) -> Callable[[renewal_token.Token], str] | None:
        """Return the function that signs tokens; none in a simulated store or without a signing key."""
        return renewal_token.signer(self._context)

    def verify_token(self, text: str, *, on: date | None = None) -> renewal_token.TokenRow:
        """Return what a token from a reminder allows on a day (default: today), with the command to file.

        Raises ``input.invalid`` for one that is not this store's, ``window.closed`` after its last day,
        ``transition.not_allowed`` where it has been used.
        """
        origin = self._context.origin
        verifiers = self._context.signing.verifiers(origin)
        token = renewal_token.read(
            text, origin, lambda content, by: any(each.signed(content, by) for each in verifiers)
        )
        with self._database.read() as tx:
            s = PermitFile(self._context, tx, token.permit_id).situation(on)
        renewal_token.usable(token, s)
        return renewal_token.to_dict(token)


class ReaderNotices:
    """Notices about permits that a reader may see."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._context = access.context

    def list(self, permit_id: str, *, state: str | None = None, limit: int | None = 100) -> NoticeRows:
        """Return the notices about one permit."""
        with self._context.database.read() as tx:
            self._access.file(tx, permit_id)
            return listing.messages(tx, state=state, permit_id=permit_id, limit=limit)

    def history(self, notice_id: str) -> Events:
        """Return every event of a notice, with the channels' answers for a reader who may see them."""
        return self._access.answer(
            self._permit_of(notice_id),
            lambda file, decrypt: notices.history_of(self._context, file.tx, notice_id, decrypt=decrypt),
            lambda events: any(map(shows_encrypted, events)),
        )

    def letter(self, notice_id: str) -> Letter:
        """Return a notice's letter as composed today; without names for a reader who may not see them."""
        return self._access.answer(
            self._permit_of(notice_id),
            lambda file, decrypt: operations.letter(self._context, file.tx, notice_id, decrypt=decrypt),
            lambda letter: bool(letter.to_address),
        )

    def _permit_of(self, notice_id: str) -> str:
        with self._context.database.read() as tx:
            return notices.permit_of(tx, notice_id)
