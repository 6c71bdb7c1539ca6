"""What is claimed goes out: suppression is checked again, the letter composed, the outcome recorded."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
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
from permits_engine.scheduler.delivery.channel import Channel, DeliveryError, Evidence, Letter
from permits_engine.scheduler.delivery.counter import CounterChannel
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.limits import Limits
from permits_engine.scheduler.notices import pauses
from permits_engine.scheduler.notices.composer import Composer, SignToken
from permits_engine.scheduler.notices.pending import Waiting, loaded, open_counts, open_page, still_due
from permits_engine.store.database.transactions import Database, Transaction

__all__ = ["Outbox", "Result", "Routes", "Waiting"]

RECORDED = 20
"""Letters to a server go out one by one; after so many at most their outcomes are recorded, so that a crash
repeats no more."""
_MICROS = 1_000_000

Result = tuple[Waiting, Event]
"""What became of a message, not yet recorded."""
Tally = dict[str, int]


class Outbox:
    """Sends what is claimed, outside any transaction, and records the outcome of each message."""

    def __init__(
        self,
        database: Database,
        context: Context,
        routes: Routes,
        quiet: Callable[[Policy, datetime], bool],
        limits: Limits,
        sign_token: SignToken | None = None,
    ) -> None:
        self.database = database
        self.context = context
        self.routes = routes
        self._quiet = quiet
        self._asked: tuple[str, datetime, bool] | None = None
        self.limits = limits
        self.composer = Composer(context, routes, sign_token)
        self.paused = pauses.Paused(set())
        self.away: dict[str, str] = {}
        """Channels that are out of order in this pass, each with what it said."""
        self.sent = 0
        """Letters handed over in this pass."""
        self.braked = False
        """Whether there was one more than the pass may send."""
        self._earliest: dict[str, float] = {}
        self._moved_on = False
        """Whether a message is to go to its next channel."""

    def quiet(self, policy: Policy, now: datetime) -> bool:
        """Whether messages wait at this moment; asked for each message, and worked out once a moment."""
        asked = self._asked
        if asked is None or asked[0] != policy.digest or asked[1] is not now:
            asked = self._asked = policy.digest, now, self._quiet(policy, now)
        return asked[2]

    def go_on(self) -> bool:
        """Whether the next letter may go: nobody says stop, and the brake is not reached."""
        return self.limits.go_on() and not self.braked

    def begin(self) -> None:
        """A new pass: channels are tried again, pauses looked up."""
        self.away.clear()
        self.sent, self.braked = 0, False
        with self.database.read() as tx:
            self.paused = pauses.paused(tx)

    # --- going out ---

    def deliver(self, waiting: Sequence[Waiting], on: date, now: datetime, tally: Tally) -> list[Result]:
        """Let messages go out; those held back stay open.

        Outcomes are recorded as letters leave; the last ones are given back, for the next transaction.
        """
        pending: list[Result] = []
        by_channel: dict[int, list[Waiting]] = {}
        channels: dict[int, Channel] = {}
        for each in waiting:
            if self.held(each.policy, each.event.office, now):
                continue
            channel = self._channel(each)
            if channel is None:
                pending.append((each, self._parked(each, on, "no_address")))
            else:
                channels[id(channel)] = channel
                by_channel.setdefault(id(channel), []).append(each)
        for key, items in by_channel.items():
            size = max(channels[key].batch, RECORDED)
            for start in range(0, len(items), size):
                if start or len(pending) >= RECORDED:
                    self._record_apart(pending, tally)
                    pending = []
                pending += self._through(channels[key], items[start : start + size], on, now)
        return pending

    def _through(self, channel: Channel, items: Sequence[Waiting], on: date, now: datetime) -> list[Result]:
        """Hand messages to a channel, as long as nobody says stop and the channel is there."""
        if channel.name in self.away or not self.go_on():
            return []
        results: list[Result] = []
        ready: list[tuple[Waiting, Letter]] = []
        with self.database.read() as tx:
            current = still_due(self.context, tx, items, on)
        for each in items:
            if each.notice_id not in current:
                continue
            if not current[each.notice_id]:
                results.append((each, self._event(NoticeSuppressed, on, reason="no_longer_due")))
            elif each.cipher is None and each.event.to == notices.HOLDER:
                results.append((each, self._event(NoticeSuppressed, on, reason="holder_erased")))
            elif not self.routes.reaches(each.row, channel, each.person):
                results.append((each, self._parked(each, on, "no_address")))
            else:
                try:
                    ready.append((each, self.composer.letter(each, channel, on, now)))
                except NoticesError:
                    results.append((each, self._event(NoticeParked, on, reason="not_composed")))
        for pairs, answers in self._handed(channel, ready, on):
            for (each, letter), answer in zip(pairs, answers, strict=True):
                results += [(each, event) for event in self._outcome(channel, each, letter, answer, on)]
        return results

    def _handed(
        self, channel: Channel, ready: Sequence[tuple[Waiting, Letter]], on: date
    ) -> Iterator[tuple[Sequence[tuple[Waiting, Letter]], list[Evidence | DeliveryError]]]:
        start = 0
        while start < len(ready) and channel.name not in self.away and self._turn(channel):
            size = self._room(channel.batch)
            if size < 1:
                self.braked = True
                return
            pairs = ready[start : start + size]
            start += size
            if not channel.recognises:
                self._mark(channel, [each for each, _ in pairs], on)
            self.sent += len(pairs)
            yield pairs, channel.send_many([letter for _, letter in pairs])

    def _room(self, size: int) -> int:
        most = self.limits.brake
        return size if most is None or self.limits.released else min(size, most - self.sent)

    def _turn(self, channel: Channel) -> bool:
        """Wait until the channel may be given the next letters; false where it is time to stop."""
        if channel.per_second:
            now = time.monotonic()
            start = max(now, self._earliest.get(channel.name, now))
            self._earliest[channel.name] = start + channel.batch / channel.per_second
            while (left := start - time.monotonic()) > 0 and self.go_on():
                time.sleep(min(left, 0.2))
        return self.go_on()

    def _mark(self, channel: Channel, items: Sequence[Waiting], on: date) -> None:
        """Put down that messages go to a channel that must not get them twice."""
        rows = []
        with self.limits.write() as tx:
            uow = self.context.begin(tx)
            for each in items:
                row = self.extended(uow, each, [self._event(NoticeAttempted, on, channel=channel.name)], {})
                uow.write_row(writing.UPDATE_NOTICE, writing.moved(row, each.row["version"]))
                rows.append(row)
            uow.write()
        for each, row in zip(items, rows, strict=True):
            each.row = row

    # --- outcomes ---

    def _outcome(
        self, channel: Channel, each: Waiting, letter: Letter, answer: Evidence | DeliveryError, on: date
    ) -> list[Event]:
        if isinstance(answer, Evidence):
            return [self._sent(answer, letter.template, on)]
        if answer.away:
            # The letter was not tried: it waits as it is, and so do the others of this channel.
            self.away[channel.name] = answer.reason
            if channel.recognises:
                return []
        attempt = (each.row["attempts"] if each.row["channel"] in (None, channel.name) else 0) + 1
        gave_up = answer.permanent or attempt >= ATTEMPTS or not (channel.recognises or answer.away)
        wait = int(delay(each.notice_id, attempt) * _MICROS)
        failed = self._event(
            NoticeFailed,
            on,
            channel=channel.name,
            permanent=answer.permanent,
            response=answer.reason,
            code=answer.code,
            gave_up=gave_up,
            next_attempt_at=None if gave_up else self.context.now() + wait,
        )
        if not gave_up:
            return [failed]
        if not channel.recognises and not answer.permanent:
            return [failed, self._event(NoticeParked, on, reason="unknown_outcome")]
        if self._channel(each, [*each.refused, channel.name]) is not None:
            self._moved_on = True
            return [failed]
        reason = "refused" if answer.permanent else "too_many_attempts"
        return [failed, self._event(NoticeParked, on, reason=reason)]

    def _channel(self, each: Waiting, refused: Sequence[str] | None = None) -> Channel | None:
        """The channel whose turn it is."""
        spent = each.refused if refused is None else refused
        for channel in self.routes.channels(each.row, each.person):
            if channel.name not in spent and self.routes.reaches(each.row, channel, each.person):
                return channel
        return None

    def _parked(self, each: Waiting, on: date, reason: str) -> Event:
        if each.row["reason"] == "bounced":
            reason = "bounced"
        elif each.refused:
            reason = "refused"
        return self._event(NoticeParked, on, reason=reason)

    def _sent(self, answer: Evidence, template: str | None, on: date) -> Event:
        return self._event(
            NoticeSent,
            on,
            channel=answer.channel,
            message_id=answer.message_id,
            response=answer.response or None,
            template=template,
        )

    def _event(self, kind: type[Event], on: date, **fields: Any) -> Event:
        event: Event = self.context.stamper(SCHEDULER, None, on)(kind, **fields)
        return event

    # --- recording ---

    def at_once(self, each: Waiting, on: date, now: datetime) -> list[Event]:
        """What becomes of a message whose record is its delivery, as at a counter; nothing yet of any other."""
        channel = self.routes.planned(each.row)
        if not isinstance(channel, CounterChannel) or self.held(each.policy, each.event.office, now):
            return []
        return [self._sent(channel.served(each.event.office), self.composer.template(each), on)]

    def record(self, uow: UnitOfWork, results: Sequence[Result], tally: Tally) -> None:
        """Put into a transaction what became of messages."""
        uow.expect_keys(each.event.holder_id for each, _ in results)
        by_notice: dict[str, tuple[Waiting, list[Event]]] = {}
        for each, event in results:
            by_notice.setdefault(each.notice_id, (each, []))[1].append(event)
        for each, events in by_notice.values():
            row = self.extended(uow, each, events, tally)
            uow.write_row(writing.UPDATE_NOTICE, writing.moved(row, each.row["version"]))

    def extended(
        self, uow: UnitOfWork, each: Waiting, events: Sequence[Event], tally: Tally
    ) -> dict[str, Any]:
        """Append what became of a message; gives its row after that."""
        seen, row = each.row["version"], each.row
        if not events:
            return row
        if uow.key(each.event.holder_id) is None:
            events = [msgspec.structs.replace(x, **dict.fromkeys(x.ENCRYPTED)) for x in events]
        uow.append(uow.place(each.notice_id, seen, events, each.event.holder_id))
        for version, event in enumerate(events, seen + 1):
            row = notice_rows.after(row, event, version, self.context.now())
            name = event.NAME.removeprefix("notice.")
            tally[name] = tally.get(name, 0) + 1
        return row

    def record_each(self, results: Sequence[Result], tally: Tally) -> None:
        """The same after a conflict: what somebody else has recorded meanwhile is left as it is."""
        for notice_id in dict.fromkeys(each.notice_id for each, _ in results):
            done: Tally = {}
            try:
                with self.limits.write() as tx:
                    uow = self.context.begin(tx)
                    self.record(uow, [r for r in results if r[0].notice_id == notice_id], done)
                    uow.write()
            except ConflictError:
                continue
            _add(tally, done)

    def _record_apart(self, results: Sequence[Result], tally: Tally) -> None:
        if not results:
            return
        done: Tally = {}
        try:
            with self.limits.write() as tx:
                uow = self.context.begin(tx)
                self.record(uow, results, done)
                uow.write()
        except ConflictError:
            self.record_each(results, tally)
        else:
            _add(tally, done)

    # --- what still waits of before ---

    def anything_open(self, tx: Transaction) -> bool:
        """Whether a message of before still waits to go out."""
        return bool(open_counts(tx, self.context.now()))

    def flush(self, on: date, now: datetime, tally: Tally) -> int:
        """Try every message that is still open: held back, refused for a while, or left by a crash.

        Gives how many quiet hours or a pause hold back.
        """
        moment = self.context.now()
        with self.database.read() as tx:
            counts = open_counts(tx, moment)
            policies = {code: self.context.policies.current(tx, code) for code, _, _ in counts}
        offices = {office for code, office, _ in counts if not self.held(policies[code], office, now)}
        held = sum(count for _, office, count in counts if office not in offices)
        self._moved_on = bool(offices)
        while self._moved_on and self.go_on():
            self._moved_on = False
            self._sweep(offices, moment, on, now, tally)
        return held

    def _sweep(self, offices: set[str], moment: int, on: date, now: datetime, tally: Tally) -> None:
        """Try each open message once, the most urgent first."""
        last: dict[str, Any] | None = None
        while self.go_on():
            with self.database.read() as tx:
                rows = open_page(tx, moment, offices, last)
                waiting = loaded(self.context.begin(tx), rows)
            if not rows:
                return
            last = rows[-1]
            lost = [each for each in waiting if each.row["state"] == "sending"]
            unknown = [(each, self._event(NoticeParked, on, reason="unknown_outcome")) for each in lost]
            self._record_apart(unknown, tally)
            others = [each for each in waiting if each.row["state"] != "sending"]
            self._record_apart(self.deliver(others, on, now, tally), tally)

    def held(self, policy: Policy, office: str, now: datetime) -> bool:
        """Whether an office's messages wait at this moment: a pause, or quiet hours."""
        return self.paused.holds(office) or self.quiet(policy, now)


def _add(tally: Tally, more: Tally) -> None:
    for name, count in more.items():
        tally[name] = tally.get(name, 0) + count


FIRST, LONGEST, FACTOR = 30.0, 6 * 3600.0, 4.0
"""Seconds of the first delay and of the longest; each is so many times the one before."""


ATTEMPTS = 8
"""After so many refusals a channel is given up: about a day after the first."""


def delay(notice_id: str, attempt: int) -> float:
    """Seconds from a failed attempt (the first is 1) to the next, spread by half to either side.

    The spread is a function of message and attempt, so that letters refused together do not come back
    together, and a history that is simulated again is the same.
    """
    plain = min(FIRST * FACTOR ** min(attempt - 1, 20), LONGEST)
    digest = hashlib.sha256(f"{notice_id}/{attempt}".encode()).digest()
    return plain * (0.5 + int.from_bytes(digest[:4], "big") / 2**32)
