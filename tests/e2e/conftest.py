"""The command line on a store of its own, once on SQLite and once on PostgreSQL, and as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import Cli


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line in an empty folder, with nothing set up."""
    for name in ("PERMITS_STORE", "PERMITS_KEYS", "PERMITS_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Cli(monkeypatch, folder)


@pytest.fixture
def cli(bare: Cli, store_url: str, tmp_path: Path) -> Cli:
    """The command line on an initialised store, once on SQLite and once on PostgreSQL."""
    return _initialised(bare, store_url, tmp_path)


@pytest.fixture
def sqlite_cli(bare: Cli, sqlite_url: str, tmp_path: Path) -> Cli:
    """The command line on an initialised SQLite store."""
    return _initialised(bare, sqlite_url, tmp_path)


@pytest.fixture
def postgresql_cli(bare: Cli, postgresql_url: str, tmp_path: Path) -> Cli:
    """The command line on an initialised PostgreSQL store."""
    return _initialised(bare, postgresql_url, tmp_path)


def _initialised(bare: Cli, url: str, tmp_path: Path) -> Cli:
    bare.monkeypatch.setenv("PERMITS_KEYS", str(tmp_path / "master.keys"))
    bare.store = url
    bare.ok("init")
    return bare


def hears_ctrl_c() -> None:
    """Whoever runs the tests in the background may have asked not to hear it; its children would not either."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``permits`` as a process of its own, for what only a process can show."""
    folder = tmp_path / "shell"
    folder.mkdir()
    # PYTHONUNBUFFERED would make Python pass over half-written pipes.
    unwanted = ("PERMITS_", "PYTHONUNBUFFERED")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}

    def start(*arguments: str, env: dict[str, str] | None = None, **more: Any) -> Any:
        command = [sys.executable, "-m", "permits_engine.cli", *arguments]
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": folder}
        options["preexec_fn"] = hears_ctrl_c
        return subprocess.Popen(command, env=kept | (env or {}), **options | more)

    return start
