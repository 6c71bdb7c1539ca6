"""Commands that are killed at random and started again until they are done."""

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from permits_engine import Engine
from tests.integration.scheduler.processes import ROOT, environment


@dataclass
class Deaths:
    """Runs of one command: how often it was killed, and what it said before."""

    folder: Path
    store: str
    seed: int
    most: int
    killed: int = 0
    said: list[str] = field(default_factory=list)

    def run(self, *arguments: str, within: tuple[float, float]) -> int:
        """Start the command again and again, killing it after some seconds, at most so often; gives its exit code."""
        chance = random.Random(f"{self.seed}/{arguments[0]}")
        while True:
            said = self.folder / f"said-{len(self.said)}"
            with said.open("wb") as out:
                child = subprocess.Popen(
                    [sys.executable, "-m", "permits_engine.cli", *arguments],
                    cwd=self.folder,
                    env=environment(self.folder, self.store),
                    stdout=out,
                    stderr=subprocess.STDOUT,
                )
                code = self._waited(child, chance.uniform(*within))
            self.said.append(said.read_text(encoding="utf-8"))
            if code != -signal.SIGKILL:
                return code

    def _waited(self, child: subprocess.Popen[bytes], seconds: float) -> int:
        if self.killed >= self.most:
            return child.wait(600)
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            self.killed += 1
            return child.wait()

    @property
    def acknowledged(self) -> list[dict[str, Any]]:
        """Every outcome that a run told before it died; a line cut off by the death was not told."""
        lines = [line for text in self.said for line in text.splitlines() if line.endswith("}")]
        return [outcome for outcome in map(json.loads, lines) if outcome.get("ok")]


def sound(engine: Engine) -> None:
    """Nothing half-done is visible: the history holds together and the rows are what it says."""
    report = engine.audit.verify()
    assert report.intact, report
    for name in ("permits", "notices"):
        assert engine.store.rebuild(name, check=True).differences == []


def lines(count: int) -> str:
    """Two commands for each of so many people, each with its idempotency key."""
    actor = {"id": "officer-17", "role": "counter", "prefecture": "MA-RAB"}
    told = []
    for n in range(count):
        holder, permit = (f"00000000-0000-7000-800{kind}-{n:012d}" for kind in (0, 1))
        person = {
            "command": "register_holder",
            "command_id": f"holder/{n}",
            "holder_id": holder,
            "family_name": "Diallo",
            "given_names": f"Awa {n}",
            "birth_date": "1990-04-01",
            "sex": "F",
            "nationality": "SEN",
            "language": "fr",
            "on": "2016-12-20",
            "actor": actor,
        }
        file = {
            "command": "lodge_application",
            "command_id": f"file/{n}",
            "permit_id": permit,
            "holder_id": holder,
            "jurisdiction": "MA",
            "category": "regularisation-2016",
            "criterion": "R5",
            "prefecture": "MA-RAB",
            "on": "2016-12-20",
            "actor": actor,
        }
        told += [json.dumps(person), json.dumps(file)]
    return "\n".join(told) + "\n"


def started(arguments: list[str], folder: Path, store: str, **more: Any) -> subprocess.Popen[str]:
    """A command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "permits_engine.cli", *arguments],
        cwd=folder,
        env=environment(folder, store),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


__all__ = ["ROOT", "Deaths", "lines", "sound", "started", "time"]
