"""kill -9 and SIGSTOP for the whole run: lost 0, never two ids for one notice, every outcome in the history."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.scheduler.conftest import Mailbox
from tests.integration.scheduler.test_daemon import store
from tests.integration.scheduler.torture import torment


def test_three_daemons_killed_at_random_lose_and_double_nothing(
    postgresql_url: str, tmp_path: Path, mail_server: tuple[str, int], mailbox: Mailbox
) -> None:
    """A short run, as in every run of the tests."""
    mailbox.delay = 0.02
    with store(postgresql_url, tmp_path) as engine:
        done = torment(
            engine,
            tmp_path,
            postgresql_url,
            mail_server,
            mailbox,
            notices=80,
            daemons=3,
            seed=1,
            pause=(0.5, 1.5),
        )
    print(f"\n{done}")


def test_one_daemon_on_a_file_killed_at_random_loses_and_doubles_nothing(
    sqlite_url: str, tmp_path: Path, mail_server: tuple[str, int], mailbox: Mailbox
) -> None:
    """On SQLite one daemon, started anew after each death."""
    mailbox.delay = 0.02
    with store(sqlite_url, tmp_path) as engine:
        done = torment(
            engine,
            tmp_path,
            sqlite_url,
            mail_server,
            mailbox,
            notices=80,
            daemons=1,
            seed=2,
            pause=(2.0, 3.5),
        )
    print(f"\n{done}")


@pytest.mark.torture
def test_two_thousand_notices_and_three_daemons(
    postgresql_url: str, tmp_path: Path, mail_server: tuple[str, int], mailbox: Mailbox
) -> None:
    """The measured claim: make torture."""
    mailbox.delay = 0.02
    with store(postgresql_url, tmp_path) as engine:
        done = torment(
            engine,
            tmp_path,
            postgresql_url,
            mail_server,
            mailbox,
            notices=2000,
            daemons=3,
            seed=3,
            pause=(0.2, 1.5),
        )
    print(f"\n{done}")


@pytest.mark.torture
def test_two_thousand_notices_and_one_daemon_on_a_file(
    sqlite_url: str, tmp_path: Path, mail_server: tuple[str, int], mailbox: Mailbox
) -> None:
    """The same on SQLite."""
    mailbox.delay = 0.02
    with store(sqlite_url, tmp_path) as engine:
        done = torment(
            engine,
            tmp_path,
            sqlite_url,
            mail_server,
            mailbox,
            notices=2000,
            daemons=1,
            seed=4,
            pause=(1.0, 2.5),
        )
    print(f"\n{done}")
