"""PostgreSQL killed under load, and connections cut at every step of a transaction."""

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from permits_engine import Engine
from permits_engine.domain.errors import PermitsError
from tests.integration.scheduler.conftest import COUNTER
from tests.torture.deaths import sound
from tests.torture.servers import WRITERS, crash, person, socket_of, url_of, write


def test_a_database_killed_under_load_loses_nothing_acknowledged(
    server: Any, tmp_path: Path, kills: int
) -> None:
    """Writers get store.unavailable, give the same command again, and every one that was told is there once."""
    with Engine.initialise(url_of(server), keys=tmp_path / "store.keys", operator="test") as engine:
        done: list[list[str]] = [[] for _ in range(WRITERS)]
        refused: set[str] = set()
        over = threading.Event()
        writers = [
            threading.Thread(target=write, args=(engine, number, done[number], refused, over), daemon=True)
            for number in range(WRITERS)
        ]
        for each in writers:
            each.start()
        try:
            for _ in range(kills):
                time.sleep(0.5)
                crash(server)
            time.sleep(0.5)
        finally:
            over.set()
        for each in writers:
            each.join(60)
        assert refused <= {"store.unavailable", "concurrency.conflict"}, refused
        assert all(done), "a writer got nothing through"
        for holder_id in (each for told in done for each in told):
            with engine.database.read() as tx:
                assert engine.context.begin(tx).person(holder_id).version == 1
        assert engine.queries.status()["head"]["position"] == 3 + sum(len(told) for told in done)
        sound(engine)
    print(f"\n{kills} crashes of the server: {sum(map(len, done)):,} acknowledged, lost 0, twice 0")


class Scissors:
    """A proxy that cuts a connection when so many pieces have come from the client; later ones it lets be."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.after: int | None = None
        self.cut = False
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, after: int) -> None:
        """Cut the next connection after so many pieces."""
        self.after, self.cut = after, False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.target)
                for pair in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                if counted and self.after is not None:
                    if self.after == 0:
                        self.after, self.cut = None, True
                        break
                    self.after -= 1
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def test_a_connection_cut_at_any_step_leaves_all_or_nothing(server: Any, tmp_path: Path) -> None:
    """Whatever the client was told, the same command again gives the one outcome, and it is there once."""
    scissors = Scissors(f"{socket_of(server)}/.s.PGSQL.5432")
    url = f"postgresql://postgres@127.0.0.1:{scissors.port}/postgres?sslmode=disable&gssencmode=disable"
    cuts = steps = 0
    with Engine.initialise(url_of(server), keys=tmp_path / "store.keys", operator="test") as watching:
        for step in range(200):
            steps = step
            with Engine.open(url, keys=tmp_path / "store.keys", operator="test") as engine:
                engine.queries.status()
                scissors.arm(step)
                try:
                    told = engine.execute(person(0, step), actor=COUNTER)
                except PermitsError as problem:
                    assert problem.code == "store.unavailable"
                    told = None
                scissors.after = None
                cuts += scissors.cut
                again = engine.execute(person(0, step), actor=COUNTER)
            assert told is None or again.replayed
            with watching.database.read() as tx:
                assert watching.context.begin(tx).person(str(again.holder_id)).version == 1
            if not scissors.cut:
                break
        assert cuts > 3
        assert watching.queries.status()["head"]["position"] == 3 + steps + 1
        sound(watching)
    print(f"\nconnections cut at {cuts} steps of a transaction: all or nothing")
