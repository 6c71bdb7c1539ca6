"""kill -9 and SIGSTOP for the whole run: no notice lost, one id for each, every outcome in the history."""

from pathlib import Path

import pytest

from tests.integration.scheduler.conftest import Mailbox
from tests.integration.scheduler.test_daemon import store
from tests.integration.scheduler.torture import torment

LONG = pytest.mark.torture


@pytest.mark.parametrize(
    ("store_url", "daemons", "notices", "seed", "pause"),
    [
        pytest.param("postgresql", 3, 60, 1, (0.5, 1.5), id="three daemons"),
        pytest.param("sqlite", 1, 60, 2, (2.0, 3.5), id="one daemon on a file"),
        pytest.param("postgresql", 3, 2000, 3, (0.2, 1.5), id="three daemons, at length", marks=LONG),
        pytest.param("sqlite", 1, 2000, 4, (1.0, 2.5), id="one daemon on a file, at length", marks=LONG),
    ],
    indirect=["store_url"],
)
def test_daemons_killed_at_random_lose_and_double_nothing(
    store_url: str,
    daemons: int,
    notices: int,
    seed: int,
    pause: tuple[float, float],
    tmp_path: Path,
    mail_server: tuple[str, int],
    mailbox: Mailbox,
) -> None:
    """On SQLite one daemon, started anew after each death; ``make torture`` runs for longer."""
    mailbox.delay = 0.02
    with store(store_url, tmp_path) as engine:
        done = torment(
            engine,
            tmp_path,
            store_url,
            mail_server,
            mailbox,
            notices=notices,
            daemons=daemons,
            seed=seed,
            pause=pause,
        )
    print(f"\n{done}")
