"""The command line as a user types it, in this process, with everything it said kept."""

import io
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from permits_engine.cli.app import run

COUNTER = {"id": "officer-17", "role": "counter", "prefecture": "MA-RAB"}
DECIDER = {"id": "officer-3", "role": "decider", "prefecture": "MA-RAB"}
COMMISSION = {"id": "commission", "role": "local_commission", "prefecture": "MA-RAB"}
WHY = {"reasons_in_fact": "no proof of residence", "reasons_in_law": "law 02-03, article 14"}

Line = dict[str, Any] | bytes


@dataclass
class Done:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The result of a command with ``--json``."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The outcomes of ``execute``."""
        return [json.loads(each) for each in self.out.splitlines()]

    @property
    def error(self) -> dict[str, Any]:
        """The machine form of the error that ended a command."""
        found: dict[str, Any] = self.json["error"]
        return found


@dataclass
class Cli:
    """The command line on one store; every command is checked for what no command may do."""

    monkeypatch: pytest.MonkeyPatch
    folder: Path
    store: str | None = None
    done: list[Done] = field(default_factory=list)

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Done:
        streams = [io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")]
        streams += [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2)]
        before = () if self.store is None else ("--store", self.store)
        with self.monkeypatch.context() as patch:
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stream)
            code = run([*before, *arguments])
        said = []
        for stream in streams[1:]:
            stream.flush()
            said.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
        done = Done(code, *said)
        assert "Traceback" not in done.err, done.err
        assert "internal.error" not in done.err, done.err
        assert code in range(5)
        self.done.append(done)
        return done

    def ok(self, *arguments: str, stdin: bytes = b"") -> Done:
        """A command that has to succeed."""
        done = self(*arguments, stdin=stdin)
        assert done.code == 0, done
        return done

    def execute(self, *lines: Line) -> Done:
        """Commands as JSON Lines on standard input."""
        coded = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines]
        return self("execute", "-", stdin=b"\n".join(coded) + b"\n")

    def did(self, *lines: Line) -> list[Any]:
        """Commands that all have to be carried out; gives their outcomes."""
        done = self.execute(*lines)
        assert done.code == 0, done.out
        return done.lines

    def refused(self, line: Line) -> dict[str, Any]:
        """The error of one command, which must leave no trace in the history."""
        before = self.position
        done = self.execute(line)
        [outcome] = done.lines
        assert outcome["ok"] is False
        assert self.position == before
        assert done.code == (2 if outcome["error"]["code"] == "input.invalid" else 1)
        found: dict[str, Any] = outcome["error"]
        return found

    @property
    def position(self) -> int:
        """The head of the history."""
        return int(self.ok("status", "--json").json["head"]["position"])

    # --- people and files ---------------------------------------------------------------------------------

    def holder(self, **fields: Any) -> str:
        """A person made known."""
        person = {
            "command": "register_holder",
            "holder_id": str(uuid4()),
            "family_name": "Diallo",
            "given_names": "Aminata",
            "birth_date": "1990-04-01",
            "sex": "F",
            "nationality": "SEN",
            "language": "fr",
            "email": "aminata@example.org",
            "actor": COUNTER,
        }
        return str(self.did(person | fields)[0]["holder_id"])

    def application(self, holder_id: str | None = None, **fields: Any) -> str:
        """A file of the campaign of 2016, lodged in Rabat."""
        filed = application(holder_id or self.holder()) | fields
        return str(self.did(filed)[0]["permit_id"])

    def title(self, **fields: Any) -> str:
        """A card of one year from 1 February 2017."""
        permit_id = self.application(**fields)
        self.did(
            opinion(permit_id),
            {"command": "issue_permit", "permit_id": permit_id, "on": "2017-02-01", "actor": DECIDER},
        )
        return permit_id


def application(holder_id: str) -> dict[str, Any]:
    """The line that lodges a file of the campaign of 2016 in Rabat."""
    return {
        "command": "lodge_application",
        "holder_id": holder_id,
        "jurisdiction": "MA",
        "category": "regularisation-2016",
        "criterion": "R5",
        "prefecture": "MA-RAB",
        "on": "2016-12-20",
        "actor": COUNTER,
    }


def opinion(permit_id: str) -> dict[str, Any]:
    """The line by which the commission advises in favour."""
    return {
        "command": "record_opinion",
        "permit_id": permit_id,
        "body": "local_commission",
        "favourable": True,
        "reasons": "five years shown",
        "on": "2017-01-20",
        "actor": COMMISSION,
    }
