"""Finding what is encrypted: a blind index of names with birth dates, and of file and card numbers.

Each entry is a keyed digest (HMAC-SHA-256, 16 bytes) of one normalised word of a name with the birth date, or of one
normalised number. The key belongs to the store and lies wrapped among the holders' keys, under an id of its own.
Whoever has the tables and not the master key can see which persons share an entry, and nothing of what it says.
Entries are never corrected, only added: whoever finds something compares what it says before showing it.
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
"""Under which the store's own key lies among the holders' keys."""
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
"""Takes a person and all their files out of the index."""
_OF_HOLDER = Statement("SELECT token, permit_id FROM search WHERE holder_id = :holder_id")


class Entry(NamedTuple):
    """Something to be found by: of a person (no ``permit_id``), or of one of their files."""

    said: bytes
    holder_id: str
    permit_id: str = ""

    def __repr__(self) -> str:
        return f"<Entry of {self.holder_id}>"


def words(name: str) -> frozenset[str]:
    """The words of a name without accents, case, apostrophes and order; digits in one script."""
    bare = _APOSTROPHES.sub("", name.casefold())
    plain = "".join(c for c in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(c))
    spaced = "".join(_plain(c) for c in plain.translate(_LETTERS))
    return frozenset(spaced.split()[:LONGEST])


def number(value: str) -> str:
    """A number as it is compared: letters and digits only, without case."""
    plain = unicodedata.normalize("NFKC", value).casefold()
    return "".join(_plain(c) for c in plain).replace(" ", "")


def _plain(char: str) -> str:
    if char.isdigit():
        return str(unicodedata.digit(char, char))
    return char if char.isalnum() else " "


def of_person(holder_id: str, names: Iterable[str | None], birth_date: date | str | None) -> list[Entry]:
    """What a person is found by: each word of their names, with the birth date."""
    if birth_date is None:
        return []
    said = words(" ".join(name for name in names if name))
    return [Entry(_word(each, birth_date), holder_id) for each in sorted(said)]


def of_file(holder_id: str, permit_id: str, kind: str, value: str) -> Entry:
    """What a file is found by: a ``file_number`` or ``card_number``."""
    return Entry(framed(_NUMBER_TAG, kind, number(value)), holder_id, permit_id)


def _word(word: str, birth_date: date | str) -> bytes:
    return framed(_WORD_TAG, word, str(birth_date))


def write(tx: Transaction, keyring: Keyring, entries: Sequence[Entry]) -> None:
    """Add entries; those that are there already stay."""
    if not entries:
        return
    key = keyring.load(tx, KEY_ID) or _mint(tx, keyring)
    tx.many(_INSERT, rows(key, entries))


def rows(key: Cipher, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Entries as rows of the table."""
    return [
        {"token": _token(key, each.said), "holder_id": each.holder_id, "permit_id": each.permit_id}
        for each in dict.fromkeys(entries)
    ]


def _mint(tx: Transaction, keyring: Keyring) -> Cipher:
    made, row = keyring.make(KEY_ID)
    if tx.run(NEW_KEY, row) == 1:
        return made
    found = keyring.load(tx, KEY_ID)  # somebody else made it meanwhile
    assert found is not None
    return found


def _token(key: Cipher, said: bytes) -> bytes:
    return key.hmac(said)[:_TOKEN_BYTES]


def persons(tx: Transaction, keyring: Keyring, name: str, birth_date: date) -> list[str]:
    """The holders in whose name every word stands, born on that day; to be compared with what they say."""
    asked = [_word(each, birth_date) for each in sorted(words(name))]
    found = [{holder for holder, _ in _ask(tx, keyring, said)} for said in asked]
    return sorted(set.intersection(*found)) if found else []


def files(tx: Transaction, keyring: Keyring, kind: str, value: str) -> list[tuple[str, str]]:
    """Holder and permit of every file that bears or bore a number; to be compared with what they say."""
    return sorted(_ask(tx, keyring, framed(_NUMBER_TAG, kind, number(value))))


def _ask(tx: Transaction, keyring: Keyring, said: bytes) -> Iterator[tuple[str, str]]:
    key = keyring.load(tx, KEY_ID)
    if key is None:
        return
    for row in tx.all(_FIND, {"token": _token(key, said)}):
        yield row[0], row[1]


def forget(tx: Transaction, holder_id: str) -> int:
    """Take a person and all their files out of the index, as an erasure does; the number of entries."""
    return tx.run(FORGET, {"holder_id": holder_id})


def entries_of(tx: Transaction, holder_id: str) -> set[tuple[bytes, str]]:
    """Token and permit of every entry about a person."""
    return {(bytes(row[0]), row[1]) for row in tx.all(_OF_HOLDER, {"holder_id": holder_id})}
