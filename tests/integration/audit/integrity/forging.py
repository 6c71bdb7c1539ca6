"""What an attacker who can write to the database does: events, leaves and tiles put in the place of others."""

from typing import Any

from permits_engine.store.log import merkle
from permits_engine.store.log.leaf import leaf_bytes, leaf_hash
from permits_engine.store.log.tiles import WIDTH

PAYLOAD = b'{"forged":true}'


def forge_leaf(run: Any, position: int, level_above: bool = False) -> None:
    """Put the leaf of the event as it now is into its tile, and on demand its tile's root above it."""
    (row,) = run(
        "SELECT position, stream, version, name, recorded_at, payload FROM events WHERE position = :p",
        {"p": position},
    )
    number, at = divmod(position - 1, WIDTH)
    payload = row[5].encode() if isinstance(row[5], str) else bytes(row[5])
    leaf = leaf_hash(leaf_bytes(*row[:5], payload))
    tile = put(run, 0, number, at, leaf)
    if level_above and len(tile) == WIDTH * 32:
        root = merkle.fold([tile[start : start + 32] for start in range(0, len(tile), 32)])
        put(run, 1, number // WIDTH, number % WIDTH, root)


def put(run: Any, level: int, number: int, at: int, value: bytes) -> bytes:
    """Put a hash into a tile."""
    ((tile,),) = run(
        "SELECT hashes FROM tiles WHERE level = :level AND number = :number",
        {"level": level, "number": number},
    )
    tile = bytes(tile)[: at * 32] + value + bytes(tile)[(at + 1) * 32 :]
    run(
        "UPDATE tiles SET hashes = :tile WHERE level = :level AND number = :number",
        {"tile": tile, "level": level, "number": number},
    )
    return tile


def renumber(run: Any, after: int, by: int) -> None:
    """Move every event after a position; by way of unused positions."""
    run("UPDATE events SET position = position + 1000000 WHERE position > :after", {"after": after})
    run(
        "UPDATE events SET position = position - 1000000 + :by WHERE position > 1000000",
        {"by": by},
    )
    run("UPDATE head SET position = position + :by", {"by": by})
