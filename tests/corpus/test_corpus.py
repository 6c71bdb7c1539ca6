"""Histories of every release, read by this one: a stored event is never changed, so it must go on meaning the same."""

import gzip
import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent

from permits_engine import Engine
from permits_engine.domain.events import EVENTS
from permits_engine.store.events import codec
from permits_engine.store.events.recorder import TransactionRecorder
from permits_engine.testing import FakeClock
from tests.corpus.make import FIELDS

CORPORA = sorted(Path(__file__).parent.glob("*.jsonl.gz"))


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a corpus."""
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_a_release_history_replays_to_what_it_meant(path: Path) -> None:
    """Every event reads, every file folds under the policy texts of its time, and ends in the state it had.

    The keys of its holders are gone, as if all of them had been erased.
    """
    lines = read(path)
    events = sorted((line for line in lines if "payload" in line), key=lambda line: line["recorded_at"])
    clock = FakeClock()
    clock.at(date(2027, 1, 1))
    texts = [line["policy"] for line in lines if "policy" in line]
    with Engine.open("sqlite://", clock=clock, policies=texts) as engine:
        with engine.database.write() as tx:
            for line in events:
                record = StoredEvent(line["stream"], line["version"], line["name"], line["payload"].encode())
                TransactionRecorder(tx).insert_events([record], now=line["recorded_at"])
        report = engine.store.rebuild()
        assert report.parked == 0
        differ = []
        for line in lines:
            if "permit" in line:
                view = engine.permit(line["permit"], as_of=date.fromisoformat(line["on"])).as_dict()
                came = {field: view[field] for field in FIELDS}
                wanted = {field: line[field] for field in FIELDS}
                if came != wanted:
                    differ.append((line["permit"], line["on"], wanted, came))
        assert differ == []
        assert engine.store.rebuild(check=True).differences == []


@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_a_release_history_holds_most_of_what_can_happen(path: Path) -> None:
    """It is a corpus and no sample: nearly every type of event of a permit is in it, several times over."""
    names = Counter(line["name"] for line in read(path) if "name" in line)
    assert sum(names.values()) > 800
    kinds = {name for name in names if name.startswith("permit.")}
    assert len(kinds) > 25


def test_every_release_has_its_corpus() -> None:
    """The version of this checkout has one, which is made anew until that version is released."""
    import permits_engine

    assert f"{permits_engine.__version__}.jsonl.gz" in [path.name for path in CORPORA]


def test_events_of_the_corpus_are_read_by_their_own_version() -> None:
    """Each stored type is one of this program's, or has upcasters to one: nothing is guessed."""
    for path in CORPORA:
        for line in read(path):
            if "name" in line:
                assert line["name"] in EVENTS or line["name"] in codec.UPCASTERS, line["name"]
