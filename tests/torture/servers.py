"""A PostgreSQL server of its own that is killed and started again, and writers who go on all the while."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from permits_engine import Engine
from permits_engine.commands import Command, parse
from permits_engine.domain.errors import PermitsError
from tests.integration.scheduler.conftest import COUNTER

WRITERS = 4


def person(number: int, n: int) -> Command:
    """The n-th person that a writer registers."""
    return parse(
        "register_holder",
        {
            "command_id": f"{number}/{n}",
            "holder_id": f"00000000-0000-7000-8{number:03d}-{n:012d}",
            "family_name": "Diallo",
            "given_names": "Awa",
            "birth_date": "1990-04-01",
            "sex": "F",
            "nationality": "SEN",
            "language": "fr",
        },
    )


def socket_of(server: Any) -> str:
    """The folder of its socket."""
    return str(server.get_postmaster_info().socket_dir)


def url_of(server: Any) -> str:
    """The store in its first database."""
    return f"postgresql:///postgres?host={socket_of(server)}&user=postgres"


def write(engine: Engine, number: int, done: list[str], refused: set[str], over: threading.Event) -> None:
    """Register people until it is over, each until it is told so; keeps what was told and the codes of refusals."""
    n = 0
    while not over.is_set():
        command = person(number, n)
        try:
            outcome = engine.execute(command, actor=COUNTER)
        except PermitsError as problem:
            refused.add(problem.code)
            time.sleep(0.05)
            continue
        done.append(str(outcome.holder_id))
        n += 1
    # The last one may have been carried out without its answer having come: asked again, it says so.
    with suppress(PermitsError):
        done.append(str(engine.execute(person(number, n), actor=COUNTER).holder_id))


def crash(server: Any) -> None:
    """Kill every process of the server at once, and start it again: it recovers from its log."""
    postmaster = server.get_pid()
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in [postmaster, *map(int, children)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}/exe").exists() for pid in [postmaster, *children]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # Where no one collects the dead, the file of the old server would keep the new one out.
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (server.pgdata / name).unlink(missing_ok=True)
    server.ensure_postgres_running()
