"""Offices whose histories are looked at again, on each database."""

from collections.abc import Callable
from typing import Any

import pytest

from permits_engine.testing import Office
from tests.integration.application.conftest import store_url

__all__ = ["store_url"]


@pytest.fixture
def altered(made_url: str) -> Callable[[str, int, str, str], None]:
    """Changes the stored bytes of one event, with the application bypassed and its triggers dropped."""

    def alter(stream: str, version: int, old: str, new: str) -> None:
        select = "SELECT payload FROM events WHERE stream = {0} AND version = {0}"
        update = "UPDATE events SET payload = {0} WHERE stream = {0} AND version = {0}"
        connection, mark = _driver(made_url)
        [(payload,)] = connection.execute(select.format(mark), (stream, version)).fetchall()
        assert old.encode() in bytes(payload)
        changed = bytes(payload).replace(old.encode(), new.encode())
        connection.execute(update.format(mark), (changed, stream, version))
        connection.commit()
        connection.close()

    return alter


def _driver(url: str) -> tuple[Any, str]:
    if url.startswith("sqlite"):
        import sqlite3

        lite = sqlite3.connect(url.removeprefix("sqlite:///"))
        triggers = lite.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            lite.execute(f"DROP TRIGGER {name}")
        return lite, "?"
    import psycopg

    connection = psycopg.connect(url)
    connection.execute("SET session_replication_role = replica")
    return connection, "%s"


def renewed(office: Office) -> str:
    """A card of 2017 renewed in 2018 with everything that a pass does between; gives the ``permit_id``."""
    permit_id = office.title()
    office.run_scheduler("2018-01-20")
    office.do("request_renewal", "2018-01-25", permit_id=permit_id)
    office.run_scheduler("2018-04-20")
    office.do("renew_permit", "2018-05-02", permit_id=permit_id)
    office.run_scheduler("2018-05-03")
    return permit_id


def lapsed(office: Office) -> str:
    """A card of 2017 that no one asked to renew; gives the ``permit_id``."""
    permit_id = office.title()
    office.run_scheduler("2018-02-20")
    return permit_id


def refused(office: Office, **fields: Any) -> str:
    """An application refused and notified in 2017; gives the ``permit_id``."""
    permit_id = office.application(**fields)
    why = {"reasons_in_fact": "nothing shows the years", "reasons_in_law": "circular of 2016"}
    office.do("refuse_application", "2017-02-10", permit_id=permit_id, **why)
    office.do("notify_decision", "2017-02-13", permit_id=permit_id, mode="written", proof="signed")
    return permit_id
