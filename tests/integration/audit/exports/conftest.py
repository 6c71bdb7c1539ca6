"""An office with files of every kind, to be exported: granted, refused, appealed, renewed, moved, with letters."""

from dataclasses import dataclass
from typing import Any

import pytest

from permits_engine.store.events import history
from permits_engine.store.events.history import StoredRecord
from permits_engine.testing import Office

NAMES = ("Diallo", "Aminata", "holder@example.org", "=SUM(A1:A9)", "فاطمة", "F-2016/17", "bail non fourni")
"""What is personal in this history: none of it may be in an export that was not asked for it."""


@dataclass
class Past:
    """The office, and its files by their outcome."""

    office: Office
    granted: str
    refused: str
    pending: str

    def stored(self) -> list[StoredRecord]:
        """Every event, in the store's one order."""
        with self.office.engine.database.read() as tx:
            return history.after(tx, 0, 100_000)


@pytest.fixture
def past(office: Office) -> Past:
    """Three files with their holders and letters, until spring 2018."""
    reasons = {"reasons_in_fact": "bail non fourni", "reasons_in_law": "loi 02-03, article 14"}
    opinion: dict[str, Any] = {"body": "local_commission", "favourable": True, "reasons": "vu"}
    granted = office.title(file_number="F-2016/17", missing=[])
    other = office.holder(family_name="=SUM(A1:A9)", given_names="فاطمة", nationality="SYR", language="ar")
    refused = office.application(other, on="2017-02-10", prefecture="MA-RAB")
    office.do("record_opinion", "2017-03-01", permit_id=refused, **opinion | {"favourable": False})
    office.do("refuse_application", "2017-03-10", permit_id=refused, **reasons)
    office.do("notify_decision", "2017-03-14", permit_id=refused, mode="written", proof="AR 17")
    office.do("lodge_appeal", "2017-03-20", permit_id=refused, body="national_commission")
    office.do("decide_appeal", "2017-05-02", permit_id=refused, outcome="upheld", reasons="vu")
    pending = office.application(
        office.holder(family_name="Keita", nationality="MLI"), on="2017-06-01", criterion="R4"
    )
    office.do("transfer_file", "2017-06-05", permit_id=pending, prefecture="MA-SAL")
    office.do(
        "correct_record",
        "2017-06-06",
        permit_id=pending,
        of_version=1,
        field="criterion",
        value="R6",
        reason="misread",
    )
    office.run_scheduler("2018-01-20")
    return Past(office, granted, refused, pending)
