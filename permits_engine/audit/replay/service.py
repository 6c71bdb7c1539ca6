"""Whole histories decided again, under their own rules or others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from permits_engine.application.context import Context
from permits_engine.application.executor import Executor
from permits_engine.audit.replay import reexamination, what_if
from permits_engine.audit.replay import replay as replays
from permits_engine.audit.replay.parallel import Run, Workers
from permits_engine.audit.replay.parquet import ParquetSource
from permits_engine.audit.replay.reexamination import Reexamined, Where
from permits_engine.audit.replay.replay import ReplayReport
from permits_engine.audit.replay.sources import Source, StoreSource
from permits_engine.audit.replay.what_if import WhatIf
from permits_engine.audit.sums import tally
from permits_engine.commands import ReopenExamination
from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import Actor
from permits_engine.policies.loading import compile_text

Progress = Callable[[int, int], None]


class Replays:
    """Replays of the whole history, and re-examination of refused files."""

    def __init__(self, context: Context, executor: Executor) -> None:
        self._context = context
        self._executor = executor

    def replay(
        self,
        *,
        parquet: str | Path | None = None,
        workers: int = 1,
        dask: str | None = None,
        state: str | Path | None = None,
        progress: Progress | None = None,
    ) -> ReplayReport:
        """Decide every decision again from its recorded input under the rules that it pins.

        Reads the live store, or a history exported to ``parquet``. ``workers`` are processes of this machine, ``dask``
        is the address of a scheduler whose workers can read the same source. A ``state`` file lets a stopped run be
        resumed. Raises ``input.invalid``, ``store.unavailable``.
        """
        return replays.replay(self._source(parquet), Run(Workers(workers, dask), state, progress))

    def what_if(
        self,
        policy: str,
        *,
        until: date | None = None,
        parquet: str | Path | None = None,
        workers: int = 1,
        dask: str | None = None,
        state: str | Path | None = None,
        progress: Progress | None = None,
    ) -> WhatIf:
        """Compare the whole history with what it would have been under another policy text.

        Missing parts of the text are taken from the one in use. ``until`` is the last legal day (default: that of the
        last event about a permit). Raises ``policy.invalid``, ``input.invalid``, ``store.unavailable``.
        """
        run = Run(Workers(workers, dask), state, progress)
        return what_if.what_if(self._source(parquet), policy, until, run)

    def reexamine(
        self,
        policy: str,
        where: Mapping[str, str] | None = None,
        *,
        on: date | None = None,
        workers: int = 1,
        state: str | Path | None = None,
        progress: Progress | None = None,
    ) -> Reexamined:
        """Return the refused applications that a policy text would accept on a day (default: today).

        ``where`` filters by attributes (``category``, ``criterion``, ``nationality``, ``sex``, ``prefecture``, with
        commas) and days (``filed_from``, ``filed_to``, ``refused_from``, ``refused_to``).
        """
        source = self._source()
        text = what_if.complete_policy(source, policy)
        day = on or self._context.today(compile_text(text))
        run = Run(Workers(workers), state, progress)
        return reexamination.reexamine(source, text, Where.parse(where or {}), day, run)

    def reopen(
        self,
        found: Reexamined,
        policy: str,
        *,
        actor: Actor,
        on: date | None = None,
        progress: Progress | None = None,
    ) -> dict[str, int]:
        """Reopen the applications found, in batches that each commit; those reopened before are skipped.

        The text must be the one in use: its digest and rules are the basis of each event. Return how many were opened,
        and how many failed by error. Raises ``policy.none_in_force``.
        """
        other = compile_text(what_if.complete_policy(self._source(), policy))
        with self._context.database.read() as tx:
            current = self._context.policies.current(tx, other.jurisdiction)
        if current.digest != other.digest:
            raise error(
                "policy.none_in_force",
                f"the text is not the one in use in {other.jurisdiction}; adopt it first: permits policy adopt FILE",
                jurisdiction=other.jurisdiction,
                digest=other.digest,
            )
        commands = (
            ReopenExamination(
                permit_id=each.permit_id,
                on=on,
                command_id=f"reexamine/{other.digest[:16]}/{each.permit_id}/{each.decision_version}",
            )
            for each in found.accepted
        )
        done = {"opened": 0}
        for number, outcome in enumerate(self._executor.execute_many(commands, actor=actor), 1):
            name = outcome.code if isinstance(outcome, PermitsError) else "opened"
            tally(done, name)
            if progress is not None:
                progress(number, len(found.accepted))
        return done

    def _source(self, parquet: str | Path | None = None) -> Source:
        if parquet is not None:
            return ParquetSource.at(parquet)
        return StoreSource.of(self._context.database)
