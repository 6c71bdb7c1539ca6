"""Commands for example people and files; each field can be replaced by name."""

from __future__ import annotations

from datetime import date
from typing import Any

from permits_engine.commands import (
    Command,
    IssuePermit,
    LodgeApplication,
    RecordOpinion,
    RegisterHolder,
    RequestRenewal,
)
from permits_engine.store.events.ids import derived

KNOWN_ON, FILED_ON, ADVISED_ON, GRANTED_ON, ASKED_ON = (
    date(2016, 12, 19),
    date(2016, 12, 20),
    date(2017, 1, 20),
    date(2017, 2, 1),
    date(2018, 1, 10),
)
"""The days of the file in ``a_title`` and ``a_renewal_request``."""
OFFICE = "MA-RAB"
HOLDER_ID, PERMIT_ID = derived("testing/holder"), derived("testing/permit")


def a_holder(**fields: Any) -> RegisterHolder:
    """Return the registration of Aminata Diallo, born 1990-04-01, of Senegal, who reads French."""
    person: dict[str, Any] = {
        "family_name": "Diallo",
        "given_names": "Aminata",
        "birth_date": date(1990, 4, 1),
        "sex": "F",
        "nationality": "SEN",
        "language": "fr",
        "email": "holder@example.org",
    }
    return RegisterHolder(**person | fields)


def an_application(holder_id: str = HOLDER_ID, **fields: Any) -> LodgeApplication:
    """Return a complete application of the campaign of 2016, lodged in Rabat on 20 December 2016."""
    filed: dict[str, Any] = {
        "holder_id": holder_id,
        "jurisdiction": OFFICE[:2],
        "category": "regularisation-2016",
        "criterion": "R5",
        "prefecture": OFFICE,
        "on": FILED_ON,
    }
    return LodgeApplication(**filed | fields)


def a_file(*, holder_id: str = HOLDER_ID, permit_id: str = PERMIT_ID, **fields: Any) -> list[Command]:
    """Return the holder's registration and their application; ``fields`` are those of the application."""
    return [
        a_holder(holder_id=holder_id, on=KNOWN_ON),
        an_application(holder_id, permit_id=permit_id, **fields),
    ]


def a_title(*, holder_id: str = HOLDER_ID, permit_id: str = PERMIT_ID, **fields: Any) -> list[Command]:
    """Return the file, the commission's opinion and the grant: a card of one year from 1 February 2017."""
    return [
        *a_file(holder_id=holder_id, permit_id=permit_id, **fields),
        RecordOpinion(
            permit_id=permit_id, body="local_commission", favourable=True, reasons="shown", on=ADVISED_ON
        ),
        IssuePermit(permit_id=permit_id, on=GRANTED_ON),
    ]


def a_renewal_request(
    *, holder_id: str = HOLDER_ID, permit_id: str = PERMIT_ID, **fields: Any
) -> list[Command]:
    """Return the title and its renewal request, complete and in time, on 10 January 2018."""
    return [
        *a_title(holder_id=holder_id, permit_id=permit_id, **fields),
        RequestRenewal(permit_id=permit_id, on=ASKED_ON),
    ]
