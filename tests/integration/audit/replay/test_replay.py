"""Every decision decided again from its recorded input under its pinned rules: the same events, or what differs."""

import signal
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from eventsourcing.persistence import StoredEvent

from permits_engine import Engine, PermitsError
from permits_engine.audit.replay import parallel, sources
from permits_engine.domain.decisions import recorded
from permits_engine.domain.events import EVENTS, ReceiptIssued, Reinstated
from permits_engine.policies.loading import packaged
from permits_engine.store.events.recorder import TransactionRecorder
from permits_engine.testing import FakeClock, Office
from tests.corpus.test_corpus import CORPORA, read
from tests.integration.audit.replay.conftest import lapsed, refused, renewed
from tests.registers import GOOD, write


@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_every_decision_of_a_release_is_decided_again_as_it_was(path: Path) -> None:
    """The events of every scenario follow again from their recorded inputs, the keys of all holders gone."""
    lines = read(path)
    clock = FakeClock()
    clock.at(date(2027, 1, 1))
    texts = [line["policy"] for line in lines if "policy" in line]
    with Engine.open("sqlite://", clock=clock, policies=texts) as engine:
        with engine.database.write() as tx:
            for each in sorted((x for x in lines if "payload" in x), key=lambda x: x["recorded_at"]):
                record = StoredEvent(each["stream"], each["version"], each["name"], each["payload"].encode())
                TransactionRecorder(tx).insert_events([record], now=each["recorded_at"])
        report = engine.replays.replay()
    assert report.differences == []
    assert (report.disagree, report.imported) == (0, 0)
    assert len(report.decisions) > 20
    assert sum(report.decisions.values()) > 600


def test_every_event_of_a_permit_is_the_input_or_the_outcome_of_a_command() -> None:
    """No event type is forgotten: each begins a decision, follows in one, or is brought about by time alone."""
    others = {ReceiptIssued, Reinstated, *recorded.TIME_EFFECTS, *recorded._PROPAGATED}
    known = {*recorded._COMMANDS, *(kind.NAME for kind in others)}
    assert {kind.NAME for kind in EVENTS.values() if kind.NAME.startswith("permit.")} == known


def test_a_history_agrees_with_itself_under_rules_since_replaced(office: Office) -> None:
    """Decisions pin the text that they were taken under: adopting another one changes none of them."""
    renewed(office), refused(office)
    office.engine.policies.adopt(packaged("MA").replace("value: P3Y", "value: P2Y"))
    lapsed(office)
    report = office.engine.replays.replay()
    assert (report.streams, report.disagree) == (3, 0)
    assert report.decisions["run_clock"] == 2
    assert report.decisions["issue_permit"] == 2


def test_an_altered_decision_is_found_and_told(
    office: Office, altered: Callable[[str, int, str, str], None]
) -> None:
    """A term made longer behind the program's back is not what the rules give."""
    permit_id = renewed(office)
    version = next(x["version"] for x in office.engine.history(permit_id) if x["name"] == "permit.renewed")
    altered(permit_id, version, '"valid_until":"2021-01-31"', '"valid_until":"2031-01-31"')
    report = office.engine.replays.replay()
    [found] = report.differences
    assert (report.disagree, found.permit_id, found.version, found.command) == (
        1,
        permit_id,
        version,
        "renew_permit",
    )
    assert [found.recorded[0]["valid_until"], found.again[0]["valid_until"]] == ["2031-01-31", "2021-01-31"]


def test_a_decision_that_its_rules_refuse_is_told_with_the_reason(
    office: Office, altered: Callable[[str, int, str, str], None]
) -> None:
    """An opinion turned unfavourable leaves the card without what it needed."""
    permit_id = office.title()
    altered(permit_id, 3, '"favourable":true', '"favourable":false')
    [found] = office.engine.replays.replay().differences
    assert found.command == "issue_permit"
    assert found.error is not None
    assert found.error["code"] == "opinion.missing"


def test_what_an_old_register_decided_is_counted_apart(office: Office, tmp_path: Path) -> None:
    """Imported events are facts from outside; what was decided here afterwards is decided again."""
    office.at("2026-06-10")
    office.engine.store.import_register(write(tmp_path / "register.csv", [GOOD]))
    [row] = office.engine.find()
    imported = len(office.engine.history(row["permit_id"]))
    office.do("close_permit", "2026-06-10", permit_id=row["permit_id"], reason="departed")
    report = office.engine.replays.replay()
    assert (report.imported, report.disagree) == (imported, 0)
    assert report.decisions == {"close_permit": 1}


def test_several_processes_give_the_answer_of_one(
    office: Office, monkeypatch: pytest.MonkeyPatch, altered: Callable[[str, int, str, str], None]
) -> None:
    """Parts are folded in their own order, whichever was quicker, and the differences are in it."""
    ids = sorted(office.title() for _ in range(7))
    for permit_id in ids[::3]:
        altered(permit_id, 4, '"term":"P1Y"', '"term":"P9Y"')
    monkeypatch.setattr(sources, "PART", 2)
    one = office.engine.replays.replay()
    assert [each.permit_id for each in one.differences] == ids[::3]
    assert office.engine.replays.replay(workers=2) == one


def test_a_cluster_gives_the_answer_of_one_process(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code on each part, carried out by two workers of a local Dask cluster."""
    from distributed import LocalCluster

    for _ in range(5):
        office.title()
    monkeypatch.setattr(sources, "PART", 2)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        report = office.engine.replays.replay(dask=cluster.scheduler_address)
    assert report == office.engine.replays.replay()
    assert report.streams == 5


def test_a_cluster_that_is_not_there_is_said_to_be_so(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a traceback but a sentence with the address."""
    monkeypatch.setattr(parallel, "PATIENCE", 1)
    with pytest.raises(PermitsError) as found:
        office.engine.replays.replay(dask="tcp://127.0.0.1:1")
    assert found.value.code == "store.unavailable"
    assert "tcp://127.0.0.1:1" in found.value.message


def test_a_run_that_was_stopped_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a file of progress the parts that are done are not done again, and the answer is that of one run."""
    for _ in range(5):
        office.title()
    monkeypatch.setattr(sources, "PART", 2)
    whole = office.engine.replays.replay()
    state, seen = tmp_path / "progress", list[tuple[int, int]]()

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 4 and len(seen) < 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        office.engine.replays.replay(state=state, progress=stop)
    office.title()  # what comes after the beginning of a run is for the next one
    assert office.engine.replays.replay(state=state, progress=stop) == whole
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert not state.exists()


def test_progress_of_another_history_is_refused(office: Office, tmp_path: Path) -> None:
    """A file of progress is of one run over one history."""
    state = tmp_path / "progress"
    state.write_text('{"what":"replay","history":"another","until":7,"after":"x","files":2,"result":{}}')
    with pytest.raises(PermitsError) as found:
        office.engine.replays.replay(state=state)
    assert found.value.code == "input.invalid"


def test_a_store_in_memory_has_one_process(tmp_path: Path) -> None:
    """No other process can open it, and the engine says so."""
    with Office.in_memory() as office:
        office.title()
        with pytest.raises(PermitsError) as found:
            office.engine.replays.replay(workers=2)
        assert found.value.code == "input.invalid"
        assert office.engine.replays.replay().disagree == 0


def test_worker_processes_leave_ctrl_c_to_the_first_one() -> None:
    """A terminal sends it to all: they do not hear it, and the process that began them does as before."""
    before = signal.getsignal(signal.SIGINT)
    with parallel._processes(2) as pool:
        assert pool.submit(signal.getsignal, signal.SIGINT).result(timeout=60) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is before
