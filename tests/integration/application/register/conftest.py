"""An office on each database on 10 June 2026, long after what its old register tells."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path

import pytest

from permits_engine.application.register.importer import ImportReport
from permits_engine.testing import Office
from tests.registers import write

TODAY = date(2026, 6, 10)

Import = Callable[[Iterable[Mapping[str, str]]], ImportReport]


@pytest.fixture
def today(office: Office) -> Office:
    """The office today."""
    office.at(TODAY)
    return office


@pytest.fixture
def take_over(today: Office, tmp_path: Path) -> Import:
    """Imports rows as a register of its own name."""

    def importing(rows: Iterable[Mapping[str, str]]) -> ImportReport:
        return today.engine.store.import_register(write(tmp_path / "register.csv", rows))

    return importing
