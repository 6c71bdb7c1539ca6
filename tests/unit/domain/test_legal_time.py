"""Legal time comes from the pinned package, whatever the machine's own zone files say."""

import importlib
import sys
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from permits_engine.cli import machine_time
from permits_engine.domain import legal_time

MOROCCO = "Africa/Casablanca"


@pytest.fixture
def old_machine(tmp_path: Path) -> Iterator[Path]:
    """A machine whose own file of Morocco is that of another zone, always an hour ahead."""
    place = tmp_path / MOROCCO
    place.parent.mkdir()
    package = Path(sys.modules["tzdata"].__path__[0]) / "zoneinfo"
    place.write_bytes((package / "Africa/Lagos").read_bytes())
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([str(tmp_path)])
    yield tmp_path
    zoneinfo.reset_tzpath(before)


@pytest.fixture(autouse=True)
def package() -> None:
    importlib.import_module("tzdata")


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-11-30T23:30+00:00", date(2026, 11, 30)),  # Greenwich for good since 20 September 2026
        ("2026-09-19T23:30+00:00", date(2026, 9, 20)),
        ("2027-06-01T23:30+00:00", date(2027, 6, 1)),
    ],
)
def test_the_day_in_morocco_is_that_of_the_package(old_machine: Path, instant: str, day: date) -> None:
    legal_time.zone.cache_clear()
    assert datetime.fromisoformat(instant).astimezone(legal_time.zone(MOROCCO)).date() == day


def test_hours_run_through_the_change_of_legal_time() -> None:
    """48 hours notified at 20:00 the evening before Greenwich time returns end at 19:00 of the new time."""
    notified = datetime.fromisoformat("2026-09-19T20:00+01:00")
    ends = (notified.astimezone(UTC) + timedelta(hours=48)).astimezone(legal_time.zone(MOROCCO))
    assert ends.isoformat() == "2026-09-21T19:00:00+00:00"


@pytest.mark.parametrize(
    "name", ["Nowhere/Town", "../secret", "/etc/passwd", "", "Africa", "Africa/Casablanca/"]
)
def test_another_name_is_no_time_zone(name: str) -> None:
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
        legal_time.zone(name)


def test_the_machines_other_law_days_are_named(old_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_time, "SINCE", date(2026, 5, 1))
    found = dict(machine_time.findings([MOROCCO], date(2026, 11, 30)))
    assert "2026-09-20 to 2028-11-30" in found["warning"]
    assert "update the system's tzdata" in found["warning"]


def test_a_machine_with_the_same_law_days_is_in_order(tmp_path: Path) -> None:
    zone = legal_time.zone(MOROCCO)
    assert list(machine_time.differing(zone, zone, date(2014, 1, 1), date(2027, 1, 1))) == []
    assert machine_time.machine_zone("Nowhere/Town") is None


@pytest.mark.parametrize(("version", "level"), [("2025.2", "error"), ("2026.2", "error"), ("2026.3", "note")])
def test_a_package_that_is_too_old_is_an_error(
    monkeypatch: pytest.MonkeyPatch, version: str, level: str
) -> None:
    monkeypatch.setattr(machine_time.metadata, "version", lambda _: version)
    [(found, message)] = machine_time.findings([], date(2026, 11, 30))
    assert found == level
    assert version in message
