"""The command line on a store of its own, once on SQLite and once on PostgreSQL, and as a process."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
def cli(bare: Cli, store_url: str, request: pytest.FixtureRequest) -> Cli:
    """The command line on an initialised store, once on SQLite and once on PostgreSQL."""
    return _initialised(bare, store_url, request)


@pytest.fixture
def sqlite_cli(bare: Cli, sqlite_url: str, request: pytest.FixtureRequest) -> Cli:
    """The command line on an initialised SQLite store."""
    return _initialised(bare, sqlite_url, request)


@pytest.fixture
def postgresql_cli(bare: Cli, postgresql_url: str, request: pytest.FixtureRequest) -> Cli:
    """The command line on an initialised PostgreSQL store."""
    return _initialised(bare, postgresql_url, request)


def _initialised(bare: Cli, url: str, request: pytest.FixtureRequest) -> Cli:
    """What ``permits init`` made once for all tests, put in the place of the empty store, with its keys."""
    which = "sqlite" if url.startswith("sqlite") else "postgresql"
    home: Path = request.getfixturevalue(f"made_by_init_{which}")
    folder = bare.folder.parent
    for each in home.glob("master.*"):
        shutil.copy(each, folder)
    if which == "sqlite":
        shutil.copy(home / "store.db", url.removeprefix("sqlite:///"))
    else:
        import psycopg

        name = urlsplit(url).path.removeprefix("/")
        with psycopg.connect(request.getfixturevalue("postgresql_server"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name}")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {_MADE}")
    bare.monkeypatch.setenv("PERMITS_KEYS", str(folder / "master.keys"))
    bare.store = url
    return bare


_MADE = f"permits_made_by_init_{os.getpid()}"


def _init(home: Path, url: str) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PERMITS_DEBUG", raising=False)
        patch.chdir(home)
        patch.setenv("PERMITS_KEYS", str(home / "master.keys"))
        Cli(patch, home, url).ok("init")
    return home


@pytest.fixture(scope="session")
def made_by_init_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with an initialised SQLite file and its keys."""
    home = tmp_path_factory.mktemp("init")
    return _init(home, f"sqlite:///{home / 'store.db'}")


@pytest.fixture(scope="session")
def made_by_init_postgresql(
    tmp_path_factory: pytest.TempPathFactory, postgresql_server: str
) -> Iterator[Path]:
    """The folder with the keys of an initialised PostgreSQL database, which is a template for others."""
    import psycopg

    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_MADE} TEMPLATE template0")
    where = urlsplit(postgresql_server)
    yield _init(tmp_path_factory.mktemp("init"), f"{where.scheme}://{where.netloc}/{_MADE}?{where.query}")
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {_MADE} WITH (FORCE)")


def hears_ctrl_c() -> None:
    """Hear Ctrl-C also where the tests run in the background, whose children ignore it."""
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


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() <= before
