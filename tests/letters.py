"""A letter to a holder, of which a test names only what matters to it."""

from datetime import UTC, datetime
from typing import Any

from permits_engine.scheduler.delivery.channel import Letter


def a_letter(**fields: Any) -> Letter:
    """The letter that a title has lapsed, in French; fields can be replaced by name."""
    given: dict[str, Any] = {
        "notice_id": "n-1",
        "kind": "title_lapsed",
        "tier": None,
        "to_name": "Awa Ndiaye",
        "to_address": "awa@example.org",
        "office": "MA-RAB",
        "language": "fr",
        "direction": "ltr",
        "subject": "Votre titre a pris fin",
        "text": "Bonjour,\n\nrevenez nous voir.\n",
        "expedited": False,
        "sent_at": datetime(2018, 2, 18, 9, 0, tzinfo=UTC),
    }
    return Letter(**given | fields)
