"""The façade's part for notices: listed, followed, handled by an operator."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec

from permits_engine.application.access import Access
from permits_engine.application.context import Context
from permits_engine.application.queries import notices
from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.application.queries.views import shows_encrypted
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import Actor, Event, NoticeBounced, NoticeSent
from permits_engine.projections import listing, notice_rows, writing
from permits_engine.projections.notice_rows import NoticeState
from permits_engine.scheduler.daemon.lease import taken
from permits_engine.scheduler.delivery.channel import Channel, CounterChannel, Letter
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.limits import Limits
from permits_engine.scheduler.notices import pauses, renewal_token
from permits_engine.scheduler.notices.bounce import Bounce
from permits_engine.scheduler.notices.digest import AHEAD, TaskRow, as_rows, digest, offices
from permits_engine.scheduler.passes.coverage import CoverageReport, coverage
from permits_engine.scheduler.passes.preview import PreviewRow, preview
from permits_engine.scheduler.passes.reconciler import Pass
from permits_engine.scheduler.passes.reminder_load import LoadRow, plan
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events.application import Placed

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
            return _letter(self._context, tx, notice_id, decrypt=True)

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
        # Jinja, as below: letters are composed in a pass.
        from permits_engine.scheduler.passes.run import run_pass

        lease = taken(self._database, f"{self._context.operator}/{os.getpid()}")
        try:
            limits = Limits(lease.write, lease.keep)
            return run_pass(self._context, Routes(channels, CounterChannel()), on=on, limits=limits)
        finally:
            lease.release()

    # --- handling ---

    def retry(self, notice_id: str, *, by: str) -> NoticeState:
        """Let the next pass try a parked or failed notice again."""
        actor = Actor(by, "administrator")
        with self._database.write() as tx:
            records = notices.records_of(tx, notice_id)
            row = _row(records, {"parked", "failed"}, "retry", "only a parked or failed one is tried again")
            first = notices.claim_of(records)
            fresh = msgspec.structs.replace(first, event_id=self._context.new_id(), actor=actor)
            return self._appended(tx, row, fresh, None)

    def served(self, notice_id: str, *, by: str) -> NoticeState:
        """Record that a parked or failed notice was handed to the holder in person."""
        with self._database.write() as tx:
            records = notices.records_of(tx, notice_id)
            row = _row(records, {"parked", "failed"}, "served", "only a parked or failed one is served so")
            first = notices.claim_of(records)
            permit = self._context.begin(tx).file(first.permit_id)
            assert permit is not None
            today = self._context.today(self._context.policies.current(tx, permit.jurisdiction))
            event = self._context.stamper(Actor(by, "counter"), None, today)(NoticeSent, channel="counter")
            return self._appended(tx, row, event, first.holder_id)

    def bounced(self, bounce: Bounce) -> NoticeState:
        """Record that a sent notice bounced; the next pass tries its next channel.

        Raises ``notice.not_found``, ``transition.not_allowed`` for a notice that was not sent, ``input.invalid`` for a
        report about another letter than the one that was sent.
        """
        with self._database.write() as tx:
            records = notices.records_of(tx, bounce.notice_id)
            row = _row(records, {"sent"}, "bounced", "only a sent one can come back")
            sent, first = records[-1].event, notices.claim_of(records)
            if not isinstance(sent, NoticeSent) or sent.message_id != bounce.message_id:
                raise invalid("standard input", "reports about another letter than the one that was sent")
            stamp = self._context.stamper(Actor("mail-server", "scheduler"), None, first.effective_on)
            readable = self._context.keyring.load(tx, first.holder_id) is not None
            answer = bounce.answer if readable else None
            event = stamp(NoticeBounced, channel=sent.channel, code=bounce.code, response=answer)
            return self._appended(tx, row, event, first.holder_id)

    def _appended(
        self, tx: Transaction, row: dict[str, Any], event: Event, holder_id: str | None
    ) -> NoticeState:
        """Append an event to a notice's stream and return its row after it."""
        seen: int = row["version"]
        after: Any = notice_rows.after(row, event, seen + 1, self._context.now())
        uow = self._context.begin(tx)
        uow.write_row(writing.UPDATE_NOTICE, writing.moved(after, seen))
        uow.append(uow.place(row["notice_id"], seen, [event], holder_id))
        uow.write()
        moved: NoticeState = after
        return moved

    def pause(self, office: str | None = None, *, by: str, reason: str) -> None:
        """Send no notices, of one office or of all, until they are resumed; time effects are still recorded."""
        with self._database.write() as tx:
            pauses.pause(tx, office, by=by, reason=reason, now=self._context.now())

    def resume(self, office: str | None = None, *, by: str) -> None:
        """Send notices again."""
        with self._database.write() as tx:
            pauses.resume(tx, office, by=by, now=self._context.now())

    # --- tokens of reminders ---

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
            lambda file, decrypt: _letter(self._context, file.tx, notice_id, decrypt=decrypt),
            lambda letter: bool(letter.to_address),
        )

    def _permit_of(self, notice_id: str) -> str:
        with self._context.database.read() as tx:
            return notices.permit_of(tx, notice_id)


def _letter(context: Context, tx: Transaction, notice_id: str, *, decrypt: bool) -> Letter:
    """Return the letter of a notice as it would be sent now; without ``decrypt`` it contains no personal data.

    Raises ``notice.not_found``, and ``policy.invalid`` where the jurisdiction's template does not fit the permit.
    """
    # Jinja costs more than a tenth of a second to load, and every command loads this module.
    from permits_engine.scheduler.notices.composer import compose_now

    row = notice_rows.row_of(notice_id, notices.records_of(tx, notice_id))
    return compose_now(context, tx, row, decrypt=decrypt)


def _row(records: Sequence[Placed], states: set[str], command: str, why: str) -> dict[str, Any]:
    """Return the row of a notice in one of the states; raise ``transition.not_allowed`` in any other."""
    row = notice_rows.row_of(records[0].stream, records)
    state = row["state"]
    if state not in states:
        message = f"the notice is {state}: {why}"
        raise error("transition.not_allowed", message, state=state, command=command, allowed=[])
    return row
