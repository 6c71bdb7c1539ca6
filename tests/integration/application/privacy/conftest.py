"""An office whose files are over, so that people can be erased."""

from typing import Any

import pytest

from permits_engine import Actor, PermitsError
from permits_engine.testing import Office
from tests.acts import ADVISED

ADMINISTRATOR = Actor("officer-dpo", "administrator")
MARKED = {
    "family_name": "Zzmarkername",
    "given_names": "Qqgivenmark",
    "email": "zzmarkermail@example.org",
    "phone": "+212661239876",
    "address": "12 rue Zzmarkerstreet",
}
SECRETS = (
    "Zzmarkername",
    "Qqgivenmark",
    "zzmarkermail",
    "661239876",
    "Zzmarkerstreet",
    "F-MARK-77",
    "REASONMARK",
)


def ended(office: Office, holder_id: str | None = None, day: str = "2017-05-02") -> str:
    """A file with everything personal in it, revoked in words and closed; gives the ``permit_id``."""
    permit_id = office.application(holder_id or office.holder(**MARKED), file_number="F-MARK-77")
    office.do("record_opinion", "2017-01-20", permit_id=permit_id, **ADVISED | {"reasons": "REASONMARK"})
    office.do("issue_permit", "2017-02-01", permit_id=permit_id, card_number="C-MARK-88")
    office.do("close_permit", day, permit_id=permit_id, reason="departed")
    return permit_id


def holder_of(office: Office, permit_id: str) -> str:
    return office.engine.permit(permit_id).holder_id


def refused(code: str, act: Any) -> PermitsError:
    """The refusal of an act, which must bear that code."""
    with pytest.raises(PermitsError) as caught:
        act()
    assert caught.value.code == code, caught.value
    return caught.value


def erase(office: Office, holder_id: str, **more: Any) -> dict[str, Any]:
    """Erase someone, as the command line does."""
    return office.engine.privacy.erase(
        holder_id, reason="asked for by the person", actor=ADMINISTRATOR, **more
    )
