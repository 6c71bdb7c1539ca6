"""What a history is asked years later: decided again, under its own rules or others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from permits_engine.application.context import Context
from permits_engine.application.executor import Executor
from permits_engine.audit.replay import reexamination
from permits_engine.audit.replay import replay as replaying
from permits_engine.audit.replay import what_if as comparing
from permits_engine.audit.replay.parallel import Hands
from permits_engine.audit.replay.parquet import ParquetSource
from permits_engine.audit.replay.redecide import Again
from permits_engine.audit.replay.reexamination import Reexamined, Where
from permits_engine.audit.replay.sources import Source, StoreSource
from permits_engine.audit.replay.what_if import WhatIf
from permits_engine.commands import ReopenExamination
from permits_engine.domain.decisions.recorded import day_of
from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import Actor
from permits_engine.domain.rules.policy import Policy
from permits_engine.policies.loading import PARTS, compile_text, completed, documents
from permits_engine.store.events import history


class Replays:
    """The part of the façade that decides whole histories again."""

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
        progress: Callable[[int, int], None] | None = None,
    ) -> Again:
        """Decide every decision again from its recorded input under the rules that it pins.

        Reads the live store, or a history exported to ``parquet``. ``workers`` are processes of this machine,
        ``dask`` the address of a scheduler whose workers can read the same source. With a ``state`` file a run
        that was stopped goes on. Raises ``input.invalid``, ``store.unavailable``.
        """
        source, name = self._source(parquet)
        return replaying.replay(source, name, hands=Hands(workers, dask), state=state, progress=progress)

    def what_if(
        self,
        policy: str,
        *,
        until: date | None = None,
        parquet: str | Path | None = None,
        workers: int = 1,
        dask: str | None = None,
        state: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> WhatIf:
        """The whole history beside what it would have been under another policy text.

        Parts that the text lacks are those in use. ``until`` is the last legal day (default: that of the
        last event about a permit). Raises ``policy.invalid``, ``input.invalid``, ``store.unavailable``.
        """
        source, name = self._source(parquet)
        return what_if(source, name, policy, until, Hands(workers, dask), state=state, progress=progress)

    def reexamine(
        self,
        policy: str,
        where: Mapping[str, str] | None = None,
        *,
        on: date | None = None,
        workers: int = 1,
        state: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Reexamined:
        """The refused applications that a policy text would accept on a day (default: today).

        ``where`` narrows them by attributes (``category``, ``criterion``, ``nationality``, ``sex``,
        ``prefecture``, with commas) and days (``filed_from``, ``filed_to``, ``refused_from``, ``refused_to``).
        """
        source, name = self._source()
        text, other = whole(source, policy)
        return reexamination.reexamine(
            source,
            name,
            text,
            Where.parse(where or {}),
            on or self._context.today(other),
            hands=Hands(workers),
            state=state,
            progress=progress,
        )

    def reopen(
        self,
        found: Reexamined,
        policy: str,
        *,
        actor: Actor,
        on: date | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, int]:
        """Open the applications found again, in batches that each commit; what was opened already is passed over.

        The text must be the one in use: its digest and rules are the basis of each event. Gives how many were
        opened, and how many were not by their error. Raises ``policy.none_in_force``.
        """
        text, other = whole(self._source()[0], policy)
        with self._context.database.read() as tx:
            current = self._context.policies.current(tx, other.jurisdiction)
        if current.digest != other.digest:
            raise error(
                "policy.none_in_force",
                f"the text is not the one in use in {other.jurisdiction}; adopt it first: permits policy adopt FILE",
                jurisdiction=other.jurisdiction,
                digest=other.digest,
            )
        del text
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
            done[name] = done.get(name, 0) + 1
            if progress is not None:
                progress(number, len(found.accepted))
        return done

    def _source(self, parquet: str | Path | None = None) -> tuple[Source, str]:
        """The history to be read, and a name that tells it from others."""
        if parquet is not None:
            return exported(parquet)
        with self._context.database.read() as tx:
            name = history.head(tx).store_id
        return StoreSource.of(self._context.database), name


def exported(folder: str | Path) -> tuple[Source, str]:
    """A history that was exported to Parquet, and a name that tells it from others; needs no store."""
    source = ParquetSource.at(folder)
    return source, source.place.address


def what_if(
    source: Source,
    name: str,
    policy: str,
    until: date | None,
    hands: Hands,
    *,
    state: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> WhatIf:
    """A source beside what it would have been under a policy text."""
    text, other = whole(source, policy)
    day = until or day_of(source.end(), other.calendar.time_zone)
    return comparing.what_if(source, name, text, day, hands=hands, state=state, progress=progress)


def whole(source: Source, text: str) -> tuple[str, Policy]:
    """A policy text with the parts that it lacks, those in use, and compiled; raises ``policy.invalid``."""
    parts = documents(text)
    if any(part not in parts for part in PARTS):
        code = next((plain.get(kind) for kind, (plain, _) in parts.items()), None)
        text = completed(text, source.text(code if isinstance(code, str) else ""))
    return text, compile_text(text)
