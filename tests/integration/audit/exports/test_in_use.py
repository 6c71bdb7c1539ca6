"""An export of a store that is in use: interrupted, written to, and of persons who were erased."""

from pathlib import Path

import duckdb
import pytest

from permits_engine import Actor
from permits_engine.audit.exports import source
from permits_engine.domain.errors import ErasedError

from .conftest import Past

AUDITOR = Actor("auditor-1", "auditor")
ADMINISTRATOR = Actor("admin-1", "administrator")


def test_an_export_that_is_stopped_leaves_nothing_behind(past: Past, tmp_path: Path) -> None:
    """By Ctrl-C in the middle: no output and no half of one."""

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "here").mkdir()
    for formats in ("cloudevents,csv,parquet,xes", "parquet"):
        with pytest.raises(KeyboardInterrupt):
            past.office.engine.audit.export(tmp_path / "here" / "out", formats, progress=stop)
    assert list((tmp_path / "here").iterdir()) == []


def test_what_is_recorded_meanwhile_is_not_half_in_it(
    past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The export ends with the event that was the last when it began, even while others write."""
    office = past.office
    end = office.position()

    def busy(done: int, total: int) -> None:
        office.do("notify_decision", "2018-01-20", permit_id=past.granted, mode="written", proof="AR 18")

    monkeypatch.setattr(source, "PAGE", 3)
    made = office.engine.audit.export(tmp_path / "out", progress=Once(busy))
    assert office.position() > end
    rows = duckdb.sql(f"SELECT max(position), count(*) FROM read_parquet('{tmp_path}/out/**/*.parquet')")
    assert rows.fetchall() == [(end, end)]
    assert made.position == made.events == end


class Once:
    """Calls something the first time only."""

    def __init__(self, uow: object) -> None:
        self.uow = uow

    def __call__(self, done: int, total: int) -> None:
        uow, self.uow = self.uow, None
        if callable(uow):
            uow(done, total)


def test_an_erased_person_is_in_no_export_and_no_dossier(past: Past, tmp_path: Path) -> None:
    """With personal data asked for, nothing of theirs can be opened; the others are there."""
    engine = past.office.engine
    past.office.do("close_permit", "2018-01-20", permit_id=past.granted, reason="departed")
    holder_id = engine.permit(past.granted).holder_id
    engine.privacy.erase(
        holder_id, reason="asked for", actor=ADMINISTRATOR, archive_agreement="archives of Morocco, 17/2018"
    )
    reader = engine.as_(AUDITOR, "order 94 of the tribunal")
    reader.audit.export(tmp_path / "all", "csv", with_personal_data=True)
    text = (tmp_path / "all" / "events.csv").read_text(encoding="utf-8-sig")
    assert "Diallo" not in text
    assert "Keita" in text and "فاطمة" in text
    with pytest.raises(ErasedError):
        reader.audit.dossier(past.granted, with_personal_data=True)
    assert reader.audit.dossier(past.granted).person is None
