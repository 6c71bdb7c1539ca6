"""Every byte that a live store has written, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit


def live_files(url: str) -> Iterator[Path]:
    """Database, log and shared memory on SQLite; the database's own tables and indexes on PostgreSQL.

    PostgreSQL's write-ahead log is left out: what it keeps, and for how long, is the server's business.
    """
    if url.startswith("sqlite:///"):
        database = Path(url.removeprefix("sqlite:///"))
        yield from (each for each in database.parent.glob(f"{database.name}*") if each.is_file())
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        [folder] = connection.execute("SHOW data_directory").fetchone() or ("",)
        [oid] = connection.execute(
            "SELECT oid FROM pg_database WHERE datname = current_database()"
        ).fetchone() or ("",)
    yield from (each for each in Path(folder, "base", str(oid)).iterdir() if each.is_file())


def holding(files: Iterator[Path], secret: bytes) -> list[str]:
    """The names of the files in which some bytes stand."""
    return [each.name for each in files if secret in each.read_bytes()]


def host_of(url: str) -> str:
    """The folder of a server's socket."""
    return unquote(urlsplit(url).query.partition("host=")[2].partition("&")[0])
