"""A history exported to Parquet is looked at again as the live store is."""

from datetime import date
from pathlib import Path

import pytest

from permits_engine import PermitsError
from permits_engine.audit.replay.parallel import Run, Workers
from permits_engine.audit.replay.parquet import ParquetSource
from permits_engine.audit.replay.replay import ReplayReport, replay
from permits_engine.policies.loading import packaged
from permits_engine.testing import Office
from tests.integration.audit.replay.conftest import lapsed, refused, renewed

THREE_YEARS = packaged("MA").replace(
    "name: term.first, value: P1Y, from: 2013-12-16", "name: term.first, value: P3Y, from: 2013-12-16"
)


@pytest.fixture
def folder(office: Office, tmp_path: Path) -> Path:
    """An export of some files, with decisions under two policies and facts about a person."""
    renewed(office), refused(office)
    office.engine.policies.adopt(packaged("MA").replace("value: P3Y", "value: P2Y"))
    permit_id = lapsed(office)
    fact = {"kind": "spouse_of_moroccan", "since": "2017-01-01", "evidence": "act"}
    office.do("record_fact", "2018-06-01", permit_id=permit_id, **fact)
    office.engine.audit.export(tmp_path / "history", "parquet")
    return tmp_path / "history"


def _sums(report: ReplayReport) -> tuple[int, int, int, dict[str, int]]:
    return report.streams, report.events, report.disagree, dict(sorted(report.decisions.items()))


def test_an_export_is_replayed_as_the_store_is(office: Office, folder: Path) -> None:
    """The same decisions, each leading to the same events, in one process and in two, without store or key."""
    store = office.engine.replays.replay()
    assert store.disagree == 0
    assert _sums(replay(ParquetSource.at(folder), Run())) == _sums(store)
    assert _sums(replay(ParquetSource.at(folder), Run(Workers(2)))) == _sums(store)
    assert _sums(office.engine.replays.replay(parquet=folder)) == _sums(store)


def test_an_export_says_what_another_policy_would_have_made(office: Office, folder: Path) -> None:
    """Figure by figure what the store says, letters and permits included."""
    given = {"until": date(2018, 5, 10)}
    store = office.engine.replays.what_if(THREE_YEARS, **given)
    found = office.engine.replays.what_if(THREE_YEARS, parquet=folder, **given)
    assert store.differ > 0
    assert (found.files, found.differ) == (store.files, store.differ)
    for key, cell in store.cells.items():
        assert sorted(found.cells[key].permits) == sorted(cell.permits), key
        assert (found.cells[key].history, found.cells[key].other) == (cell.history, cell.other)


def test_a_folder_without_an_export_is_refused(tmp_path: Path) -> None:
    """As is a file that is none."""
    with pytest.raises(PermitsError) as found:
        ParquetSource.at(tmp_path)
    assert found.value.code == "input.invalid"
    (tmp_path / "x.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(PermitsError) as found:
        replay(ParquetSource.at(tmp_path), Run())
    assert found.value.code == "input.invalid"
