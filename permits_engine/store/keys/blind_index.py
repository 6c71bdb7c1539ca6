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

from sqlalchemy import bindparam, select

from permits_engine.store.database.schema import search
from permits_engine.store.database.statements import Statement, Transaction
from permits_engine.store.keys.encoding import framed
from permits_engine.store.keys.keyring import NEW_KEY, Cipher, Keyring

KEY_ID = "search"
"""The id of the store's own key among the holders' keys."""
LONGEST = 24
"""Words of a name beyond these are not indexed."""
_TOKEN_BYTES = 16
_WORD_TAG, _NUMBER_TAG = b"permits-engine/search/word/v1", b"permits-engine/search/number/v1"

_APOSTROPHES = re.compile("['’‘‛ʼʻʽʾʿˀˁʹʺˈˊˋ`´′‵″＇｀՚׳ꞌߴـء]")
"""Apostrophes, signs for ayn and hamza, and stretching: names are written with and without them."""
_IGNORED = re.compile("[\u034f\u180b-\u180d\ufe00-\ufe0f]")
_MACHINE = re.compile("(a)[ae]|(o)e|(u)e")
"""Two letters for one in a machine-readable zone (ICAO 9303-3, section 6): Müller is MUELLER, Ångström AANGSTROEM."""
_MOST_JOINED = 3
_LETTERS = str.maketrans(
    {
        **dict(zip("øłđıŧħĸ", "oldithq", strict=True)),
        # Pulaar, Wolof, Hausa, Ewe and their neighbours.
        **dict(zip("ɓɗŋɲɛɔƴƙƭƈɠɣƥʋɖƒɩʊǝə", "bdnneoyktcggpvdfiuee", strict=True)),
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ð": "d",
        # Arabic letters that are written for one another.
        **dict(zip("ٱىیےةہھەۃ", "ايييههههه", strict=True)),
        **dict.fromkeys("کگڭ", "ك"),
    }
)

_INSERT = Statement(
    "INSERT INTO search (token, holder_id, permit_id) VALUES (:token, :holder_id, :permit_id)"
    " ON CONFLICT DO NOTHING"
)
_AMONG = Statement(
    select(search.c.token, search.c.holder_id).where(search.c.token.in_(bindparam("tokens", expanding=True)))
)
_AT_ONCE = 500
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


def in_order(name: str) -> list[str]:
    """Return the words of a name without accents, case and apostrophes, in their order; digits in one script."""
    bare = _APOSTROPHES.sub("", name.casefold())
    if not bare.isascii():
        parts = unicodedata.normalize("NFKD", bare)
        bare = "".join(c for c in parts if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
        bare = _APOSTROPHES.sub("", _IGNORED.sub("", bare)).translate(_LETTERS)
    return "".join(_plain(c) for c in bare).split()[:LONGEST]


def words(name: str) -> frozenset[str]:
    """Return the words of a name as they are compared, without order."""
    return frozenset(map(compared, in_order(name)))


def compared(word: str) -> str:
    """Return a word as it is compared, with one letter for two that a machine-readable zone has for it."""
    return _MACHINE.sub(r"\1\2\3", word)


def spellings(names: Iterable[str | None]) -> frozenset[str]:
    """Return the words of names, and up to three that follow one another as one: Ben Ali is Benali too."""
    return frozenset(said for name in names if name for *_, said in _runs(in_order(name)))


def _runs(found: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield where each run of words begins and ends, and the run as it is compared."""
    for start in range(len(found)):
        for end in range(start + 1, min(start + _MOST_JOINED, len(found)) + 1):
            yield start, end, compared("".join(found[start:end]))


def glued(name: str) -> str:
    """Return the letters of a name in one order, whatever the order of its words and whether they are joined.

    Registers swap family and given names, and hyphenate differently.
    """
    return "".join(sorted("".join(map(compared, in_order(name)))))


def is_found(name: str, known: frozenset[str]) -> bool:
    """Return whether each word of a name, alone or with its neighbours, is among the known spellings."""
    asked = in_order(name)
    reached = {0}
    for start, end, said in _runs(asked):
        if start in reached and said in known:
            reached.add(end)
    return bool(asked) and len(asked) in reached


def number(value: str) -> str:
    """Return a number as it is compared: letters and digits only, without case."""
    plain = unicodedata.normalize("NFKC", value).casefold()
    return "".join(_plain(c) for c in plain).replace(" ", "")


def _plain(char: str) -> str:
    if char.isdigit():
        return str(unicodedata.digit(char, char))
    return char if char.isalnum() or unicodedata.category(char)[0] == "M" else " "


def of_person(holder_id: str, names: Iterable[str | None], birth_date: date | str | None) -> list[Entry]:
    """Return a person's entries: each spelling in their names, with what is known of the birth date."""
    if birth_date is None:
        return []
    return [Entry(_word(each, birth_date), holder_id) for each in sorted(spellings(names))]


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


def persons(tx: Transaction, keyring: Keyring, name: str, births: Sequence[date | str]) -> list[str]:
    """Return the holders born at one of these dates whose names have every word; compare with their data."""
    key = keyring.load(tx, KEY_ID)
    if key is None:
        return []
    asked = in_order(name)
    runs = list(_runs(asked))
    tokens = {(said, born): _token(key, _word(said, born)) for *_, said in runs for born in births}
    having = _holders(tx, list(tokens.values()))
    found: set[str] = set()
    for born in births:
        # Whose names have every word up to a place.
        upto: list[set[str] | None] = [None, *(set() for _ in asked)]
        for start, end, said in runs:
            here, before = having.get(tokens[said, born], set()), upto[start]
            reached = upto[end]
            assert reached is not None
            reached |= here if before is None else here & before
        found |= upto[-1] or set()
    return sorted(found)


def _holders(tx: Transaction, tokens: Sequence[bytes]) -> dict[bytes, set[str]]:
    found: dict[bytes, set[str]] = {}
    for at in range(0, len(tokens), _AT_ONCE):
        for token, holder_id in tx.all(_AMONG, {"tokens": tokens[at : at + _AT_ONCE]}):
            found.setdefault(bytes(token), set()).add(holder_id)
    return found


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
