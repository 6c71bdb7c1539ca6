"""The daemon as a process of its own, as an operator runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 300.0
"""Seconds after which a state counts as never reached. A busy machine reaches it late, a fault never."""


def environment(folder: Path, store: str, **settings: str) -> dict[str, str]:
    """The surroundings of a process that finds the store, its keys and the given settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PERMITS_")}
    python_path = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH")]))
    named = {f"PERMITS_{name.upper()}": value for name, value in settings.items()}
    return {
        **kept,
        "PYTHONPATH": python_path,
        "PERMITS_STORE": store,
        "PERMITS_KEYS": str(folder / "store.keys"),
        "PERMITS_MAIL_FROM": "prefecture@example.org",
        **named,
    }


class Process:
    """``permits daemon`` with its log in a file."""

    number = 0

    def __init__(self, folder: Path, store: str, *arguments: str, **settings: str) -> None:
        Process.number += 1
        self.log_file = folder / f"daemon-{Process.number}.log"
        with self.log_file.open("wb") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "permits_engine.cli", "daemon", *arguments],
                cwd=folder,
                env=environment(folder, store, **settings),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> list[dict[str, Any]]:
        """What it has told so far."""
        lines = self.log_file.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def told(self, event: str) -> list[dict[str, Any]]:
        """Its lines about one kind of thing."""
        return [line for line in self.log if line["event"] == event]

    def wait_for(self, event: str, number: int = 1) -> dict[str, Any]:
        """Its line about something, as soon as it was told so often."""
        until(lambda: len(self.told(event)) >= number or self.child.poll() is not None, self.text)
        assert len(self.told(event)) >= number, f"no {event}: {self.text()}"
        return self.told(event)[number - 1]

    def text(self) -> str:
        """Its whole log."""
        return self.log_file.read_text(encoding="utf-8")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.child.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and give its exit code."""
        if self.child.poll() is None:
            self.send(signal.SIGCONT)
            self.send(number)
        return self.child.wait(PATIENCE)


def until(done: Callable[[], object], what: Callable[[], str] = str) -> None:
    """Wait for a state; fail with what is known where it never comes."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, what()
        time.sleep(0.02)
