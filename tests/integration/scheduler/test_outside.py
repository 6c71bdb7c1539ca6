"""The daemon signs the history on a schedule and hands the checkpoint to someone outside."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from permits_engine.scheduler.daemon.outside import checkpoint_due
from tests.integration.scheduler.conftest import many_due
from tests.integration.scheduler.processes import until
from tests.integration.scheduler.test_daemon import smtp, start, store

__all__ = ["start"]


def test_a_checkpoint_lies_outside_after_the_first_pass(
    store_url: str, tmp_path: Path, start: Any, mail_server: tuple[str, int]
) -> None:
    """It holds against the store that it was taken of; the next one comes when it is time, and not before."""
    outside = tmp_path / "outside"
    with store(store_url, tmp_path) as engine:
        many_due(engine, 2)
        settings = {"checkpoints": str(outside), "checkpoint_every": "3600", **smtp(mail_server)}
        running = start(store_url, **settings)
        running.wait_for("checkpoint.posted")
        running.end()
        [kept] = outside.iterdir()
        note = kept.read_bytes()
        assert engine.audit.verify(outside=[(kept.name, note)]).intact
        assert kept.name == f"checkpoint-{int(note.splitlines()[1]):012d}.txt"
        assert not checkpoint_due(engine.context, 3600)
        assert checkpoint_due(engine.context, 0)


def test_what_did_not_arrive_goes_out_later(store_url: str, tmp_path: Path, start: Any) -> None:
    """A receiver that is away is told as such; the same checkpoint arrives when it is back."""
    taken: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        answer = 503

        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(Handler.answer)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with store(store_url, tmp_path):
            address = f"http://127.0.0.1:{server.server_port}/"
            running = start(store_url, checkpoints=address, checkpoint_every="3600")
            running.wait_for("checkpoint.missed")
            Handler.answer = 200
            running.wait_for("checkpoint.posted")
            assert len(set(taken)) == 1
            until(lambda: len(taken) >= 2)
            running.end()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_without_a_key_it_says_so_and_works_on(sqlite_url: str, tmp_path: Path, start: Any) -> None:
    """A checkpoint that cannot be signed stops no letter."""
    with store(sqlite_url, tmp_path):
        for each in tmp_path.glob("*.signing"):
            each.unlink()
        running = start(sqlite_url, checkpoints=str(tmp_path / "outside"), checkpoint_every="1")
        assert running.wait_for("checkpoint.failed")["code"] in ("input.invalid", "store.unavailable")
        running.wait_for("pass.done")
        assert running.end() == 0
