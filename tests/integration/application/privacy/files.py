"""Every byte that a live store has written, wherever it lies."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def live_files(url: str) -> Iterator[Path]:
    """Database, log and shared memory on SQLite; everything in the server's folder on PostgreSQL.

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
    log = Path(folder, "pg_wal")
    yield from (each for each in Path(folder).rglob("*") if each.is_file() and log not in each.parents)


def holding(files: Iterator[Path], secret: bytes) -> list[str]:
    """The names of the files that contain some bytes."""
    found = []
    for each in files:
        with suppress(FileNotFoundError):  # a server takes files away while they are listed
            if secret in each.read_bytes():
                found.append(each.name)
    return found
