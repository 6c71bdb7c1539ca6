"""What must hold after every day, whatever went wrong on it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from permits_engine.application import rebuild
from permits_engine.domain.events import Refused, RenewalRefused, Revoked
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.standing import standing
from permits_engine.domain.permit.state import Permit
from permits_engine.scheduler.delivery.channel import Letter
from permits_engine.store.events import codec
from permits_engine.store.events.recorder import TransactionRecorder
from tests.simulation.people import File
from tests.simulation.post import Server

if TYPE_CHECKING:
    from tests.simulation.world import World

ONE_DAY = timedelta(days=1)
REFUSED = frozenset({"refused", "implicitly_refused"})
EXPLAINED = frozenset(
    {
        *("no_longer_due", "holder_erased", "before_import", "no_address", "refused", "bounced"),
        *("too_many_attempts", "unknown_outcome", "refused_for_now", "waiting", "no_pass_ran", "paused"),
    }
)
"""Reasons for which a message that was due may not have left."""


class BrokenError(AssertionError):
    """An invariant does not hold."""


def require(holds: bool, what: str) -> None:
    """An invariant."""
    if not holds:
        raise BrokenError(what)


class Invariants:
    """Looks at the store beside the engine, and holds it against what the people of the world remember."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.eye = sqlite3.connect(f"file:{world.path}?mode=ro", uri=True, isolation_level=None)
        self.position = 0
        self._covered = world.today
        self._standing: dict[str, date] = {}
        self.checked = 0

    def head(self) -> int:
        """The last position of the history."""
        return int(self.eye.execute("SELECT position FROM head").fetchone()[0])

    def known(self) -> int:
        """The last moment at which something was recorded or a pass that is to be believed ended."""
        passes = self.eye.execute(
            "SELECT finished_at, summary FROM scheduler_passes ORDER BY id DESC LIMIT 50"
        )
        believed = (at for at, summary in passes if at is not None and not json.loads(summary)["unproven"])
        return max(int(self.eye.execute("SELECT recorded_at FROM head").fetchone()[0]), next(believed, 0))

    def permit_of(self, notice_id: str) -> str | None:
        """The permit that a message is about; none for a list of an office."""
        row = self.eye.execute("SELECT permit_id FROM notices WHERE notice_id = ?", (notice_id,)).fetchone()
        return str(row[0]) if row else None

    def sent(self, notice_id: str) -> bool:
        """Whether it is recorded that a message left, since someone last wanted it to."""
        row = self.eye.execute("SELECT state FROM notices WHERE notice_id = ?", (notice_id,)).fetchone()
        return row is not None and row[0] == "sent"

    # --- as letters go ---

    def letter_leaves(self, channel: str, letter: Letter) -> None:
        """No one is reminded of what they have done, of a closed file, or of an appeal against nothing."""
        if letter.kind not in {"renewal_reminder", "appeal_reminder"}:
            return
        file = self.world.society.files.get(self.permit_of(letter.notice_id) or "")
        if file is None:
            return
        require(not file.closed, f"a reminder by {channel} to {file.permit_id}, whose file is closed")
        view = self.world.view(file.permit_id)
        if letter.kind == "appeal_reminder":
            against = view.title_status == "revoked" or view.application_status in REFUSED
            require(against, f"{file.permit_id} is told to appeal, and no decision is in force against them")
            return
        # A request that was returned is none any more; nor is one that time alone has granted.
        automatic = file.category == "regularisation-2014" and view.application_status == "granted"
        asked = file.asked and view.application_status != "returned" and not automatic
        require(not asked, f"a reminder by {channel} to {file.permit_id}, who has asked for a renewal")

    # --- after each day ---

    def day(self) -> None:
        """What concerns the files that the day has touched."""
        positions = self.eye.execute(
            "SELECT position, stream, name FROM events WHERE position > ? ORDER BY position", (self.position,)
        ).fetchall()
        expected = range(self.position + 1, self.position + 1 + len(positions))
        require([p for p, _, _ in positions] == list(expected), "positions have a gap")
        self.position += len(positions)
        require(self.position == self.head(), "the head is not the last position")
        touched: dict[str, list[str]] = {"permits": [], "notices": [], "search": []}
        kinds = {"permit": "permits", "notice": "notices", "holder": "search"}
        for _, stream, name in positions:
            model = kinds.get(name.partition(".")[0])
            if model is not None and stream not in touched[model]:
                touched[model].append(stream)
        self._rows({model: ids for model, ids in touched.items() if ids})
        for permit_id in touched["permits"]:
            self.file(permit_id)
        for server in self.world.servers:
            self._once(server)

    def _rows(self, touched: dict[str, list[str]]) -> None:
        engine = self.world.portal.engine
        report = rebuild.RebuildReport(list(touched))
        with engine.database.read() as tx:
            for model, ids in touched.items():
                rebuild.MODELS[model].rebuild(rebuild.Batch(engine.context, tx, report, True), ids)
        require(not report.differences, f"rows differ from rebuilt ones: {report.differences[:2]}")

    def receipts(self) -> None:
        """After a pass that came to its end: while a request waits, its receipt is in force."""
        rows = self.eye.execute(
            "SELECT permit_id, receipt_until FROM permits WHERE receipt_until < ? AND outcome = 'pending'",
            (self.world.today.isoformat(),),
        ).fetchall()
        for permit_id, until in rows:
            status = self.world.view(permit_id)
            waits = status is not None and status.application_status in {"under_review", "suspended"}
            waits = waits and status.title_status != "closed"
            require(not waits, f"the receipt of {permit_id} ended {until}")

    def _once(self, server: Server) -> None:
        """A message comes a second time only under its own identity, and only where its answer was lost."""
        identities: dict[str, tuple[int, str]] = {}
        for notice_id, identity, _ in server.taken:
            count, first = identities.get(notice_id, (0, identity))
            require(identity == first, f"{notice_id} came under two identities")
            identities[notice_id] = count + 1, first
            allowed = 1 + server.may_repeat[notice_id]
            require(count + 1 <= allowed, f"{server.name} took {notice_id} {count + 1} times, not {allowed}")

    # --- one file ---

    def file(self, permit_id: str) -> None:
        """Who filed in time has no day without standing; a person's titles do not overlap."""
        engine, today = self.world.portal.engine, self.world.today
        with engine.database.read() as tx:
            records = TransactionRecorder(tx).select_events(permit_id)
            past = [(r.version, codec.decode(r.name, r.payload)) for r in records]
            permit = fold(permit_id, past)
            require(permit is not None, f"{permit_id} cannot be folded")
            policy = engine.context.policies.current(tx, permit.jurisdiction)
        require([r.version for r in records] == list(range(1, len(records) + 1)), "versions have a gap")
        for _, event in past:
            decision = isinstance(event, Refused | RenewalRefused | Revoked)
            require(not decision or event.basis is not None, f"{event.NAME} of {permit_id} has no basis")
        file = self.world.society.files.get(permit_id)
        if file is None:
            return
        ends = [*file.ended, *(x.effective_on for _, x in past if x.NAME in ENDS)]
        # What time alone grants is told from the day of its recording: from then on it is the title that protects.
        ends += [
            datetime.fromtimestamp(record.recorded_at / 1e6, UTC).date()
            for record, (_, x) in zip(records, past, strict=True)
            if x.NAME == "permit.renewed" and x.actor.role == "scheduler"
        ]
        rules = policy.at(today)
        day = max(self._standing.get(permit_id, file.filed[0]), today - timedelta(days=400))
        while day <= today:
            self._stands(file, permit, ends, day, situation_on(permit, day, rules))
            day += ONE_DAY
        self._standing[permit_id] = today - timedelta(days=40)  # what is recorded late may concern these
        self._titles(file)

    def _stands(self, file: File, permit: Permit, ends: list[date], day: date, s: Situation) -> None:
        self.checked += 1
        filed = max((each for each in file.filed if each <= day), default=None)
        protected = filed is not None and not any(filed <= each <= day for each in ends)
        titled = s.title_status == "active" and not file.removed and s.covered(day)
        protected &= s.application_status != "returned"
        if protected or titled:
            why = "filed in time and not refused" if protected else "in the days of the title"
            found = standing(s)
            require(found.lawful, f"{file.permit_id}: {day} is without lawful stay, though {why}: {found}")

    def _titles(self, file: File) -> None:
        rows = self.eye.execute(
            "SELECT permit_id, title_kind, valid_from, valid_until FROM permits WHERE holder_id = ?"
            " AND valid_from IS NOT NULL AND revoked_on IS NULL AND lost_on IS NULL AND closed_on IS NULL"
            " ORDER BY valid_from",
            (file.person.holder_id,),
        ).fetchall()
        for (one, kind, _, until), (other, also, since, _) in pairwise(rows):
            if kind == also and since <= until:
                # A title is refused for another one when it is issued; a renewal asks for its own file alone.
                last = max(self._granted(one), self._granted(other))
                require("renewed" in last[1], f"titles {one} and {other} of one person overlap")
                self.world.counts["titles that overlap by a renewal"] += 1

    def _granted(self, permit_id: str) -> tuple[int, str]:
        query = (
            "SELECT position, name FROM events WHERE stream = ? AND (name LIKE 'permit.issued%'"
            " OR name LIKE 'permit.renewed%' OR name LIKE 'permit.implicitly_granted%')"
            " ORDER BY position DESC LIMIT 1"
        )
        row = self.eye.execute(query, (permit_id,)).fetchone()
        return int(row[0]), str(row[1])

    # --- now and then, and at the end ---

    def all(self, first: date, last: date) -> None:
        """The whole store: rows rebuilt, history verified, everybody told or the reason known."""
        engine = self.world.portal.engine
        report = engine.store.rebuild(check=True)
        require(not report.differences, f"rows differ from rebuilt ones: {report.differences[:2]}")
        found = engine.audit.verify()
        require(found.intact, f"verify: {found}")
        account = engine.notices.coverage(first, last)
        require(account.unreadable == 0, "a file cannot be read")
        odd = [row for row in account.rows if row["reason"] not in EXPLAINED]
        require(not odd, f"nobody was told, for no reason: {odd[:2]}")
        for permit_id in self.world.society.files:
            self.file(permit_id)
        parked = self.eye.execute("SELECT stream, reason FROM parked").fetchall()
        require(not parked, f"files were set aside: {parked[:2]}")
        self._folder()

    def _folder(self) -> None:
        """Every letter to an office that counts as sent lies in the folder, whole, and nothing else."""
        names = {path.name for path in self.world.folder.iterdir()} if self.world.folder.exists() else set()
        require(not [name for name in names if name.startswith(".")], "half a letter was left in the folder")
        sent = self.eye.execute("SELECT notice_id FROM notices WHERE state = 'sent' AND channel = 'folder'")
        lost = [row[0] for row in sent if f"{row[0]}.eml" not in names]
        require(not lost, f"sent, and not in the folder: {lost[:2]}")

    def rows(self) -> Iterable[tuple[Any, ...]]:
        """The whole history as it is stored."""
        return self.eye.execute(
            "SELECT position, stream, version, name, recorded_at, payload FROM events ORDER BY position"
        )


ENDS = frozenset(
    {"permit.application_returned", "permit.lost_by_absence", "permit.closed", "permit.removal_ordered"}
)
"""Events that end what a request protects."""
