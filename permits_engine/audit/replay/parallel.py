"""Work done part by part: in this process, in several, or on a Dask cluster, with the same result.

Results are added in the order of the parts, and only a few parts are in progress at a time, which bounds memory.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from permits_engine.audit.replay.parquet import ParquetSource
from permits_engine.audit.replay.sources import Address, Part, Source, StoreSource
from permits_engine.audit.sums import add_up
from permits_engine.domain.errors import error, invalid
from permits_engine.store.database.transactions import Database

Result = TypeVar("Result", bound=msgspec.Struct)
MOST_WORKERS = 256
PATIENCE = 10
"""Seconds in which a Dask scheduler has to answer."""


PartTask = Callable[[Source, Part], Result]
"""The work on one part: a module's function or a partial of one, which other processes can import."""


class Workers(msgspec.Struct, frozen=True):
    """Who does the work: processes of this machine, or the workers of a Dask scheduler at an address."""

    processes: int = 1
    dask: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.processes <= MOST_WORKERS:
            raise invalid(
                "workers", f"{self.processes} is not a number of processes from 1 to {MOST_WORKERS}"
            )


class _State(msgspec.Struct):
    """The state file of a run: what it does on which history, the last part done, and the result so far."""

    what: str
    history: str
    until: int
    after: str = ""
    files: int = 0
    result: msgspec.Raw = msgspec.Raw(b"null")


class Run(NamedTuple):
    """How a run is done; with a ``state`` file a run that was stopped can be resumed."""

    workers: Workers = Workers()
    state: str | Path | None = None
    progress: Callable[[int, int], None] | None = None

    def over(
        self,
        source: Source,
        what: str,
        task: PartTask[Result],
        result: Result,
        finish: Callable[[Result], None] | None = None,
    ) -> Result:
        """Do a task with every part that is not done yet, and add up the results; ``finish`` trims the sum."""
        file = Path(self.state) if self.state is not None else None
        state = _State(what, source.name, source.address.until)
        if file is not None and file.exists():
            state, result = _resumed(file, state, type(result))
            # Events recorded since the run began are for the next run.
            source.address = msgspec.structs.replace(source.address, until=state.until)
        total = source.total() if self.progress is not None else 0
        with self._results(source, state.after, task) as results:
            for part, more in results:
                add_up(result, more)
                if finish is not None:
                    finish(result)
                state.after = part.last
                state.files += part.files
                if file is not None:
                    state.result = msgspec.Raw(msgspec.json.encode(result))
                    _write(file, state)
                if self.progress is not None:
                    self.progress(state.files, total)
        if file is not None:
            file.unlink(missing_ok=True)
        return result

    @contextmanager
    def _results(
        self, source: Source, after: str, task: PartTask[Result]
    ) -> Iterator[Iterator[tuple[Part, Result]]]:
        parts, (processes, dask) = source.parts(after), (self.workers.processes, self.workers.dask)
        if dask is not None:
            with _cluster(dask) as submit:
                yield _in_order(source.address, parts, task, submit, 64)
        elif processes > 1:
            with _processes(processes) as pool:
                yield _in_order(source.address, parts, task, pool.submit, 2 * processes)
        else:
            yield ((part, task(source, part)) for part in parts)


def _resumed(file: Path, mine: _State, kind: type[Result]) -> tuple[_State, Result]:
    """Return the state in the file and its result; raises ``input.invalid`` if it is another run's."""
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=_State)
        result = msgspec.json.decode(kept.result, type=kind)
    except (OSError, msgspec.MsgspecError) as problem:
        raise invalid("state", f"{file} cannot be resumed: {problem}") from None
    if (kept.what, kept.history) != (mine.what, mine.history):
        raise invalid("state", f"{file} is of another run ({kept.what}); name another file")
    return kept, result


def _write(file: Path, state: _State) -> None:
    beside = file.with_name(f"{file.name}.new")
    try:
        beside.write_bytes(msgspec.json.encode(state))
        beside.replace(file)
    except OSError as problem:
        raise invalid("state", f"{file} cannot be written: {problem.strerror}") from None


# --- other processes ---


def _in_order(
    address: Address, parts: Iterator[Part], task: PartTask[Result], submit: Callable[..., Any], most: int
) -> Iterator[tuple[Part, Result]]:
    """Yield the results in the order of the parts, with at most ``most`` in progress."""
    if not address.url:
        raise invalid(
            "workers", "needs a store that other processes can open; this one lives in this process"
        )
    waiting: deque[tuple[Part, Any]] = deque()
    for part in parts:
        waiting.append((part, submit(in_worker, address, part, task)))
        if len(waiting) >= most:
            first, future = waiting.popleft()
            yield first, future.result()
    for first, future in waiting:
        yield first, future.result()


def in_worker(address: Address, part: Part, task: PartTask[Result]) -> Result:
    """Do one part in another process."""
    return task(_opened(address), part)


@lru_cache(maxsize=2)
def _opened(address: Address) -> Source:
    """Return the source at an address, opened once in a process."""
    if address.kind == "parquet":
        return ParquetSource(address, address.url)
    return StoreSource(Database.open(address.url), address)


@contextmanager
def _processes(count: int) -> Iterator[ProcessPoolExecutor]:
    # Not forked: a thread of the host may hold a lock, and connections cannot be shared.
    pool = ProcessPoolExecutor(count, get_context("spawn"))
    with _without_ctrl_c():
        for _ in range(count):
            pool.submit(os.getpid)
    try:
        yield pool
    except BrokenProcessPool:
        message = "a worker process ended before its work was done; run it again"
        raise error("store.unavailable", message) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Let processes started here ignore Ctrl-C: a terminal sends it to all, and the first process handles it."""
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
        # An extra, which is slow to load.
        from distributed import Client
    except ImportError:
        raise invalid("dask", "needs an extra; run: pip install permits-engine[dask]") from None
    try:
        connect: Any = Client  # it has no types
        client = connect(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as problem:
        message = f"the Dask scheduler at {address} cannot be reached: {problem}"
        raise error("store.unavailable", message) from None
    try:
        # Not pure: the cluster keeps no result.
        yield lambda *given: client.submit(*given, pure=False)
    finally:
        with suppress(OSError, TimeoutError):
            client.close()
