"""The outbox: sends claimed notices through their channels and records the outcome of each as an event."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from permits_engine.application.context import Context
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.documents.letter_templates import NoticesError
from permits_engine.domain.errors import ConflictError
from permits_engine.domain.events import (
    SCHEDULER,
    Event,
    NoticeAttempted,
    NoticeFailed,
    NoticeParked,
    NoticeSent,
    NoticeSuppressed,
)
from permits_engine.domain.permit import notices
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections import notice_rows, writing
from permits_engine.scheduler.delivery.channel import Channel, CounterChannel, DeliveryError, Evidence, Letter
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.limits import Limits
from permits_engine.scheduler.notices import pauses
from permits_engine.scheduler.notices.composer import Composer, SignToken, named
from permits_engine.scheduler.notices.pending import (
    OPEN,
    PendingNotice,
    load,
    open_counts,
    open_page,
    still_due,
)
from permits_engine.store.database.transactions import Transaction

FIRST, LONGEST, FACTOR = 30.0, 6 * 3600.0, 4.0
"""Seconds of the first and of the longest delay, and the factor from one to the next."""
ATTEMPTS = 8
"""Refusals after which a channel is given up: about a day after the first."""
RECORDED = 20
"""Letters after which outcomes are recorded at the latest: a crash repeats no more than these."""

Result = tuple[PendingNotice, Event]
"""An outcome of a notice that is not recorded yet."""
Tally = Counter[str]
"""Outcomes by name."""


class Outbox:
    """Sends claimed notices outside any transaction; ``begin`` starts each pass."""

    on: date
    now: datetime

    def __init__(
        self, context: Context, routes: Routes, limits: Limits, sign_token: SignToken | None = None
    ) -> None:
        self.context = context
        self.routes = routes
        self.limits = limits
        self.composer = Composer(context, routes, sign_token)
        self.unavailable: dict[str, str] = {}
        """Channels that are out of order in this pass, each with its error."""
        self.sent = 0
        """Letters handed over in this pass."""
        self.braked = False
        """Whether the pass has more letters than it may send."""
        self._paused: frozenset[str | None] = frozenset()
        self._quiet: dict[str, bool] = {}
        self._earliest: dict[str, float] = {}
        self._another_channel = False
        """Whether a notice failed on one channel and has another one left."""

    def begin(self, on: date, now: datetime) -> None:
        """Start a pass of a legal day at a moment: channels are tried again, pauses looked up."""
        self.on, self.now = on, now
        self.unavailable.clear()
        self._quiet.clear()
        self.sent, self.braked = 0, False
        with self.context.database.read() as tx:
            self._paused = pauses.paused(tx)

    def may_continue(self) -> bool:
        """Return whether the next letter may be sent: no stop was asked for, the brake is not reached."""
        return self.limits.may_continue() and not self.braked

    def held(self, policy: Policy, office: str) -> bool:
        """Return whether an office's notices wait: it is paused, or hours are quiet."""
        if None in self._paused or office in self._paused:
            return True
        if policy.digest not in self._quiet:
            self._quiet[policy.digest] = pauses.is_quiet(policy, self.now)
        return self._quiet[policy.digest]

    # --- sending ---

    def deliver(self, pending: Iterable[PendingNotice], tally: Tally) -> list[Result]:
        """Send notices that are not held back, recording outcomes as letters leave.

        Returns the last outcomes, for the caller's next transaction.
        """
        results: list[Result] = []
        if not self.routes.deliver:
            return results
        by_channel: dict[int, tuple[Channel, list[PendingNotice]]] = {}
        for each in pending:
            if self.held(each.policy, each.event.office):
                continue
            channel = self._channel(each)
            if channel is None:
                results.append((each, self._no_channel(each)))
            else:
                by_channel.setdefault(id(channel), (channel, []))[1].append(each)
        for channel, items in by_channel.values():
            size = max(channel.batch, RECORDED)
            for start in range(0, len(items), size):
                if start or len(results) >= RECORDED:
                    self._record_now(results, tally)
                    results = []
                results += self._send(channel, items[start : start + size])
        return results

    def _send(self, channel: Channel, items: Sequence[PendingNotice]) -> list[Result]:
        """Send notices through a channel while it is available and no stop was asked for."""
        if channel.name in self.unavailable or not self.may_continue():
            return []
        results: list[Result] = []
        ready: list[tuple[PendingNotice, Letter]] = []
        with self.context.database.read() as tx:
            current = still_due(self.context, tx, items, self.on)
        for each in items:
            if each.notice_id not in current:
                continue
            if not current[each.notice_id]:
                results.append((each, self._event(NoticeSuppressed, reason="no_longer_due")))
            elif each.cipher is None and each.event.to == notices.HOLDER:
                results.append((each, self._event(NoticeSuppressed, reason="holder_erased")))
            elif not self.routes.reaches(each.row, channel, each.person):
                results.append((each, self._no_channel(each)))
            else:
                try:
                    ready.append((each, self.composer.letter(each, channel, self.on, self.now)))
                except NoticesError:
                    results.append((each, self._event(NoticeParked, reason="not_composed")))
        for pairs, answers in self._hand_over(channel, ready):
            for (each, letter), answer in zip(pairs, answers, strict=True):
                results += [(each, event) for event in self._outcome(channel, each, letter, answer)]
        return results

    def _hand_over(
        self, channel: Channel, ready: Sequence[tuple[PendingNotice, Letter]]
    ) -> Iterator[tuple[Sequence[tuple[PendingNotice, Letter]], list[Evidence | DeliveryError]]]:
        start = 0
        while start < len(ready) and channel.name not in self.unavailable and self._wait_for(channel):
            size = channel.batch
            if self.limits.brake is not None and not self.limits.released:
                size = min(size, self.limits.brake - self.sent)
            if size < 1:
                self.braked = True
                return
            pairs = ready[start : start + size]
            start += size
            if not channel.idempotent:
                self._record_attempt(channel, [each for each, _ in pairs])
            self.sent += len(pairs)
            yield pairs, channel.send_many([letter for _, letter in pairs])

    def _wait_for(self, channel: Channel) -> bool:
        """Wait until the channel's rate allows the next letters; return false where it is time to stop."""
        if channel.per_second:
            now = time.monotonic()
            start = max(now, self._earliest.get(channel.name, now))
            self._earliest[channel.name] = start + channel.batch / channel.per_second
            while (left := start - time.monotonic()) > 0 and self.may_continue():
                time.sleep(min(left, 0.2))
        return self.may_continue()

    # --- outcomes ---

    def _outcome(
        self, channel: Channel, each: PendingNotice, letter: Letter, answer: Evidence | DeliveryError
    ) -> list[Event]:
        if isinstance(answer, Evidence):
            return [self._sent(answer, letter.template, letter.named)]
        if answer.unavailable:
            self.unavailable[channel.name] = answer.reason
            if channel.idempotent:
                return []  # the letter was not tried: it waits, and so do the others of this channel
        attempt = (each.row["attempts"] if each.row["channel"] in (None, channel.name) else 0) + 1
        gave_up = answer.permanent or attempt >= ATTEMPTS or not (channel.idempotent or answer.unavailable)
        failed = self._event(
            NoticeFailed,
            channel=channel.name,
            permanent=answer.permanent,
            response=answer.reason,
            code=answer.code,
            gave_up=gave_up,
            next_attempt_at=None if gave_up else self.context.now() + delay(each.notice_id, attempt),
        )
        if not gave_up:
            return [failed]
        if not channel.idempotent and not answer.permanent:
            return [failed, self._event(NoticeParked, reason="unknown_outcome")]
        if self._channel(each, [*each.refused, channel.name]) is not None:
            self._another_channel = True
            return [failed]
        reason = "refused" if answer.permanent else "too_many_attempts"
        return [failed, self._event(NoticeParked, reason=reason)]

    def _channel(self, each: PendingNotice, refused: Sequence[str] | None = None) -> Channel | None:
        """Return the first channel that reaches the recipient and has not refused for good."""
        used = each.refused if refused is None else refused
        for channel in self.routes.channels(each.row, each.person):
            if channel.name not in used and self.routes.reaches(each.row, channel, each.person):
                return channel
        return None

    def _no_channel(self, each: PendingNotice) -> Event:
        reason = "refused" if each.refused else "no_address"
        return self._event(NoticeParked, reason="bounced" if each.row["reason"] == "bounced" else reason)

    def _sent(self, answer: Evidence, template: str | None, named: tuple[str, ...]) -> Event:
        return self._event(
            NoticeSent,
            channel=answer.channel,
            message_id=answer.message_id,
            response=answer.response or None,
            template=template,
            named=named,
        )

    def _event(self, kind: type[Event], **fields: Any) -> Event:
        event: Event = self.context.stamper(SCHEDULER, None, self.on)(kind, **fields)
        return event

    # --- recording ---

    def served_at_once(self, each: PendingNotice) -> list[Event]:
        """Return the outcome of a notice for a counter, whose record is its delivery; none for any other."""
        if not self.routes.deliver:
            return []
        channel = self.routes.planned(each.row)
        if not isinstance(channel, CounterChannel) or self.held(each.policy, each.event.office):
            return []
        days = named(each.on(self.context, self.on), each)
        return [self._sent(channel.served(each.event.office), self.composer.template(each), days)]

    def record(self, uow: UnitOfWork, results: Iterable[Result], tally: Tally) -> None:
        """Record outcomes in a transaction."""
        by_notice: dict[str, tuple[PendingNotice, list[Event]]] = {}
        for each, event in results:
            by_notice.setdefault(each.notice_id, (each, []))[1].append(event)
        uow.expect_keys(each.event.holder_id for each, _ in by_notice.values())
        for each, events in by_notice.values():
            self._update(uow, each, events, tally)

    def append(
        self, uow: UnitOfWork, each: PendingNotice, events: Sequence[Event], tally: Tally
    ) -> dict[str, Any]:
        """Append events to a notice's stream and return its row after them."""
        seen, row = each.row["version"], each.row
        if not events:
            return row
        if uow.key(each.event.holder_id) is None:
            events = [msgspec.structs.replace(x, **dict.fromkeys(x.ENCRYPTED)) for x in events]
        uow.append(uow.place(each.notice_id, seen, events, each.event.holder_id))
        for version, event in enumerate(events, seen + 1):
            row = notice_rows.after(row, event, version, self.context.now())
            tally[event.NAME.removeprefix("notice.")] += 1
        return row

    def record_each(self, results: Sequence[Result], tally: Tally) -> None:
        """Record outcomes one notice at a time after a conflict; those that conflict again are dropped."""
        for notice_id in dict.fromkeys(each.notice_id for each, _ in results):
            try:
                self._record([r for r in results if r[0].notice_id == notice_id], tally)
            except ConflictError:
                continue

    def _record_now(self, results: Sequence[Result], tally: Tally) -> None:
        try:
            self._record(results, tally)
        except ConflictError:
            self.record_each(results, tally)

    def _record(self, results: Sequence[Result], tally: Tally) -> None:
        if not results:
            return
        done: Tally = Counter()
        with self.limits.write() as tx:
            uow = self.context.begin(tx)
            self.record(uow, results, done)
            uow.write()
        tally.update(done)

    def _record_attempt(self, channel: Channel, items: Sequence[PendingNotice]) -> None:
        """Record before sending that a channel gets notices that it must not get twice."""
        with self.limits.write() as tx:
            uow = self.context.begin(tx)
            attempts = [self._event(NoticeAttempted, channel=channel.name) for _ in items]
            rows = [
                self._update(uow, each, [event], Counter())
                for each, event in zip(items, attempts, strict=True)
            ]
            uow.write()
        for each, row in zip(items, rows, strict=True):
            each.row = row

    def _update(
        self, uow: UnitOfWork, each: PendingNotice, events: Sequence[Event], tally: Tally
    ) -> dict[str, Any]:
        row = self.append(uow, each, events, tally)
        uow.write_row(writing.UPDATE_NOTICE, writing.moved(row, each.row["version"]))
        return row

    # --- notices of earlier passes ---

    def anything_open(self, tx: Transaction) -> bool:
        """Return whether a notice of an earlier pass may be tried now."""
        return self.routes.deliver and bool(open_counts(tx, self.context.now(), OPEN))

    def flush(self, tally: Tally, states: Sequence[str] = OPEN) -> int:
        """Send every open notice in one of the states: held back, failed, or left by a crash.

        Returns how many quiet hours or a pause hold back.
        """
        if not self.routes.deliver:
            return 0
        before = self.context.now()
        with self.context.database.read() as tx:
            counts = open_counts(tx, before, states)
            policies = {code: self.context.policies.current(tx, code) for code, _, _ in counts}
        offices = {office for code, office, _ in counts if not self.held(policies[code], office)}
        self._another_channel = bool(offices)
        while self._another_channel and self.may_continue():
            self._another_channel = False
            self._sweep(offices, before, states, tally)
        return sum(count for _, office, count in counts if office not in offices)

    def _sweep(self, offices: set[str], before: int, states: Sequence[str], tally: Tally) -> None:
        """Try each open notice once, the most urgent first."""
        last: dict[str, Any] | None = None
        while self.may_continue():
            with self.context.database.read() as tx:
                rows = open_page(tx, before, states, offices, last)
                pending = load(self.context.begin(tx), rows)
            if not rows:
                return
            last = rows[-1]
            # Whether a notice left in "sending" by a crash was sent cannot be known.
            lost = [each for each in pending if each.row["state"] == "sending"]
            unknown = [(each, self._event(NoticeParked, reason="unknown_outcome")) for each in lost]
            self._record_now(unknown, tally)
            others = [each for each in pending if each.row["state"] != "sending"]
            self._record_now(self.deliver(others, tally), tally)


def delay(notice_id: str, attempt: int) -> int:
    """Return the microseconds from a failed attempt (the first is 1) to the next, with a jitter of half of them.

    The jitter depends on notice and attempt only: letters refused together are not tried together, and a simulation
    that is run again is the same.
    """
    seconds = min(FIRST * FACTOR ** min(attempt - 1, 20), LONGEST)
    digest = hashlib.sha256(f"{notice_id}/{attempt}".encode()).digest()
    return int(seconds * (0.5 + int.from_bytes(digest[:4], "big") / 2**32) * 1_000_000)
