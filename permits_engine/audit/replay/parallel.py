"""Work done part by part: in this process, in several, or on a Dask cluster; the same answer from each.

Parts are folded in their one order, whoever was quicker, and only a few are under way at a time: memory holds
no more than these. With a file of progress a run that was stopped goes on where it was.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec

from permits_engine.audit.replay.parquet import ParquetSource
from permits_engine.audit.replay.sources import Part, Place, Source, StoreSource
from permits_engine.domain.errors import error, invalid
from permits_engine.store.database.transactions import Database

if TYPE_CHECKING:
    from concurrent.futures import Executor

Result = TypeVar("Result")
MOST_WORKERS = 256

PATIENCE = 10
"""Seconds in which the scheduler of a cluster has to answer."""


class Work(Protocol[Result]):  # type: ignore[misc]
    """What is done with one part; a function of a module, so that other processes find it."""

    def __call__(self, source: Source, part: Part, /) -> Result:
        """The result of one part."""


class Progress(msgspec.Struct):
    """Where a run stands: what it does on which history, the last part that is done, and the result so far."""

    what: str
    history: str
    until: int
    after: str = ""
    files: int = 0
    result: msgspec.Raw = msgspec.Raw(b"null")


class Hands(msgspec.Struct, frozen=True):
    """Who does the work: so many processes of this machine, or the workers of a Dask scheduler."""

    workers: int = 1
    dask: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MOST_WORKERS:
            raise invalid("workers", f"{self.workers} is not a number of processes from 1 to {MOST_WORKERS}")


class Run(Generic[Result]):
    """One run over a source; ``result`` grows with every part, and is kept in the ``state`` file."""

    def __init__(
        self,
        what: str,
        name: str,
        source: Source,
        result: Result,
        add: Callable[[Result, Result], None],
        *,
        hands: Hands | None = None,
        state: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.source = source
        self.result = result
        self.add = add
        self.hands = hands or Hands()
        self.state = Path(state) if state is not None else None
        self.told = progress
        self.progress = Progress(what, name, source.place.until)

    def over(self, work: Work[Result]) -> Result:
        """Do the work with every part that is not done yet."""
        total = self.source.total() if self.told is not None else 0
        with self._done(work) as done:
            for part, result in done:
                self.add(self.result, result)
                self.progress.after = part.last
                self.progress.files += part.files
                self._keep()
                if self.told is not None:
                    self.told(self.progress.files, total)
        if self.state is not None:
            self.state.unlink(missing_ok=True)
        return self.result

    # --- hands --------------------------------------------------------------------------------------------

    @contextmanager
    def _done(self, work: Work[Result]) -> Iterator[Iterator[tuple[Part, Result]]]:
        parts = self.source.parts(self.progress.after)
        if self.hands.dask is not None:
            with _cluster(self.hands.dask) as submit:
                yield self._ordered(parts, work, submit, 64)
        elif self.hands.workers > 1:
            with _processes(self.hands.workers) as pool:
                yield self._ordered(parts, work, pool.submit, 2 * self.hands.workers)
        else:
            yield ((part, work(self.source, part)) for part in parts)

    def _ordered(
        self, parts: Iterator[Part], work: Work[Result], submit: Callable[..., Any], most: int
    ) -> Iterator[tuple[Part, Result]]:
        place = self.source.place
        opened_by_others(place)
        waiting: deque[tuple[Part, Any]] = deque()
        for part in parts:
            waiting.append((part, submit(there, place, part, work)))
            if len(waiting) >= most:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()

    # --- going on -----------------------------------------------------------------------------------------

    def resumed(self, kind: type[Result]) -> Run[Result]:
        """Take up what the state file says, where there is one; raises ``input.invalid`` where it is another's."""
        if self.state is None or not self.state.exists():
            return self
        try:
            kept = msgspec.json.decode(self.state.read_bytes(), type=Progress)
            result = msgspec.json.decode(kept.result, type=kind)
        except (OSError, msgspec.MsgspecError) as problem:
            raise invalid("state", f"{self.state} cannot be gone on with: {problem}") from None
        mine = self.progress
        if (kept.what, kept.history) != (mine.what, mine.history):
            raise invalid("state", f"{self.state} is of another run ({kept.what}); name another file")
        self.progress, self.result = kept, result
        # The history as it was when the run began: what came since is for the next one.
        self.source.place = msgspec.structs.replace(self.source.place, until=kept.until)
        return self

    def _keep(self) -> None:
        if self.state is None:
            return
        self.progress.result = msgspec.Raw(msgspec.json.encode(self.result))
        beside = self.state.with_name(f"{self.state.name}.new")
        try:
            beside.write_bytes(msgspec.json.encode(self.progress))
            beside.replace(self.state)
        except OSError as problem:
            raise invalid("state", f"{self.state} cannot be written: {problem.strerror}") from None


def there(place: Place, part: Part, work: Work[Result]) -> Result:
    """One part in another process, which opens the source once."""
    return work(opened(place), part)


def opened_by_others(place: Place) -> None:
    """Raise ``input.invalid`` for a store that no other process can open."""
    if not place.address:
        raise invalid(
            "workers", "needs a store that other processes can open; this one lives in this process"
        )


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    # Here, because every command loads this module and few have workers.
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    # Not forked: a thread of the host's may hold a lock, and connections are not shared.
    pool = ProcessPoolExecutor(workers, get_context("spawn"))
    with _without_ctrl_c():
        for _ in range(workers):
            pool.submit(os.getpid)
    try:
        yield pool
    except BrokenProcessPool:
        raise error(
            "store.unavailable", "a worker process ended before its work was done; run it again"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Processes begun here never hear of Ctrl-C, which a terminal sends to all: only the first one says so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _cluster(address: str) -> Iterator[Callable[..., Any]]:
    try:
        from distributed import Client
    except ImportError:
        raise invalid("dask", "needs an extra; run: pip install permits-engine[dask]") from None
    try:
        connect: Any = Client  # it has no types
        client = connect(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as problem:
        raise error(
            "store.unavailable", f"the Dask scheduler at {address} cannot be reached: {problem}"
        ) from None
    try:
        # Not pure: each part is done once, and nothing of it is kept by the cluster.
        yield lambda *given: client.submit(*given, pure=False)
    finally:
        with suppress(Exception):
            client.close()


def cores() -> int:
    """How many processes this machine has room for."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=2)
def opened(place: Place) -> Source:
    """The source of a place, opened once in a process."""
    return (
        ParquetSource(place) if place.kind == "parquet" else StoreSource(Database.open(place.address), place)
    )
