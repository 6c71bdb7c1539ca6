"""The blind index: finds encrypted names with birth dates, and file and card numbers.

Each entry is a keyed digest (HMAC-SHA-256, 16 bytes) of one normalised word of a name with the birth date, or of one
normalised number. The key belongs to the store and is wrapped among the holders' keys, under an id of its own. Someone
with the tables and without the master key can see which persons share an entry, and nothing of its content. Entries
are only added, never corrected: compare what was found with the data before showing it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from permits_engine.store.database.statements import Statement, Transaction
from permits_engine.store.keys.encoding import framed
from permits_engine.store.keys.keyring import NEW_KEY, Cipher, Keyring

KEY_ID = "search"
"""The id of the store's own key among the holders' keys."""
LONGEST = 24
"""Words of a name beyond these are not indexed."""
_TOKEN_BYTES = 16
_WORD_TAG, _NUMBER_TAG = b"permits-engine/search/word/v1", b"permits-engine/search/number/v1"

_APOSTROPHES = re.compile(r"['’‘ʼʻ`´ـ]")
_LETTERS = str.maketrans(
    {
        **dict(zip("øłđıŧħ", "oldith", strict=True)),
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ð": "d",
        # Arabic letters that are written for one another.
        **dict(zip("ٱىةی", "ايهي", strict=True)),
        "ک": "ك",
    }
)

_INSERT = Statement(
    "INSERT INTO search (token, holder_id, permit_id) VALUES (:token, :holder_id, :permit_id)"
    " ON CONFLICT DO NOTHING"
)
_FIND = Statement("SELECT holder_id, permit_id FROM search WHERE token = :token")
FORGET = Statement("DELETE FROM search WHERE holder_id = :holder_id")
"""Removes a person and all their files from the index."""
_OF_HOLDER = Statement("SELECT token, permit_id FROM search WHERE holder_id = :holder_id")


class Entry(NamedTuple):
    """Something that finds a person (no ``permit_id``) or one of their files."""

    said: bytes
    holder_id: str
    permit_id: str = ""

    def __repr__(self) -> str:
        return f"<Entry of {self.holder_id}>"


def words(name: str) -> frozenset[str]:
    """Return the words of a name without accents, case, apostrophes and order; digits in one script."""
    bare = _APOSTROPHES.sub("", name.casefold())
    plain = "".join(c for c in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(c))
    spaced = "".join(_plain(c) for c in plain.translate(_LETTERS))
    return frozenset(spaced.split()[:LONGEST])


def number(value: str) -> str:
    """Return a number as it is compared: letters and digits only, without case."""
    plain = unicodedata.normalize("NFKC", value).casefold()
    return "".join(_plain(c) for c in plain).replace(" ", "")


def _plain(char: str) -> str:
    if char.isdigit():
        return str(unicodedata.digit(char, char))
    return char if char.isalnum() else " "


def of_person(holder_id: str, names: Iterable[str | None], birth_date: date | str | None) -> list[Entry]:
    """Return a person's entries: each word of their names, with the birth date."""
    if birth_date is None:
        return []
    said = words(" ".join(name for name in names if name))
    return [Entry(_word(each, birth_date), holder_id) for each in sorted(said)]


def of_file(holder_id: str, permit_id: str, kind: str, value: str) -> Entry:
    """Return the entry of a file's ``file_number`` or ``card_number``."""
    return Entry(framed(_NUMBER_TAG, kind, number(value)), holder_id, permit_id)


def _word(word: str, birth_date: date | str) -> bytes:
    return framed(_WORD_TAG, word, str(birth_date))


def write(tx: Transaction, keyring: Keyring, entries: Sequence[Entry]) -> None:
    """Add entries; existing ones stay."""
    if not entries:
        return
    key = keyring.load(tx, KEY_ID) or _mint(tx, keyring)
    tx.many(_INSERT, rows(key, entries))


def rows(key: Cipher, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return entries as rows of the table."""
    return [
        {"token": _token(key, each.said), "holder_id": each.holder_id, "permit_id": each.permit_id}
        for each in dict.fromkeys(entries)
    ]


def _mint(tx: Transaction, keyring: Keyring) -> Cipher:
    made, row = keyring.make(KEY_ID)
    if tx.run(NEW_KEY, row) == 1:
        return made
    found = keyring.load(tx, KEY_ID)  # another transaction made it meanwhile
    assert found is not None
    return found


def _token(key: Cipher, said: bytes) -> bytes:
    return key.hmac(said)[:_TOKEN_BYTES]


def persons(tx: Transaction, keyring: Keyring, name: str, birth_date: date) -> list[str]:
    """Return the holders born on that day whose names have every word; compare with their data."""
    asked = [_word(each, birth_date) for each in sorted(words(name))]
    found = [{holder for holder, _ in _ask(tx, keyring, said)} for said in asked]
    return sorted(set.intersection(*found)) if found else []


def files(tx: Transaction, keyring: Keyring, kind: str, value: str) -> list[tuple[str, str]]:
    """Return holder and permit of every file that has or had a number; compare with their data."""
    return sorted(_ask(tx, keyring, framed(_NUMBER_TAG, kind, number(value))))


def _ask(tx: Transaction, keyring: Keyring, said: bytes) -> Iterator[tuple[str, str]]:
    key = keyring.load(tx, KEY_ID)
    if key is None:
        return
    for row in tx.all(_FIND, {"token": _token(key, said)}):
        yield row[0], row[1]


def forget(tx: Transaction, holder_id: str) -> int:
    """Remove a person and all their files from the index; return the number of entries."""
    return tx.run(FORGET, {"holder_id": holder_id})


def entries_of(tx: Transaction, holder_id: str) -> set[tuple[bytes, str]]:
    """Return token and permit of every entry about a person."""
    return {(bytes(row[0]), row[1]) for row in tx.all(_OF_HOLDER, {"holder_id": holder_id})}
