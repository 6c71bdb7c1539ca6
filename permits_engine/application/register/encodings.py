"""The encoding of a register: by its marks, by valid UTF-8, or told apart among the old code pages of offices.

A history cannot be corrected by reading a file again, so a file whose code page is not sure is refused with the
option that names it.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import BinaryIO

import charset_normalizer

from permits_engine.domain.errors import PermitsError, invalid

CODE_PAGES = {
    "cp1252": "windows-1252",
    "cp1256": "windows-1256",
    "iso8859_6": "iso-8859-6",
    "mac_roman": "mac-roman",
}
"""The code pages that are told apart, by Python's name, with the name that people know."""
_OTHERS = ("iso8859_15", "cp850", "cp437", "cp720")
"""Code pages in which a file may be too: where one reads as well as the best, it is not sure."""

_SIGNATURES = {
    b"PK\x03\x04": "is a spreadsheet or an archive; save it as CSV (UTF-8)",
    b"\xd0\xcf\x11\xe0": "is an old spreadsheet; save it as CSV (UTF-8)",
    b"%PDF": "is a PDF; export the register as CSV (UTF-8)",
    b"\xff\xfe\x00\x00": "is UTF-32; save it as CSV (UTF-8)",
    b"\x00\x00\xfe\xff": "is UTF-32; save it as CSV (UTF-8)",
}
_CHUNK = 1 << 20
_UNDECODED = re.compile("[\udc80-\udcff]")
_NO_TEXT = re.compile("[\x80-\x9f\udc80-\udcff]")
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_CASES_MIXED = re.compile(r"[a-zß-öø-ÿœšž][À-ÖØ-ÞŒŠŽŸ]|[à-öø-ÿœšž][A-ZÀ-ÖØ-ÞŒŠŽŸ]")
_MOST_WORDS = 2_000
_LEAST_WORDS = 2
"""Words by which a code page other than Windows-1252 must differ from the others."""
_LATIN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœšžß")
_MARKS = re.compile("^[«“‘\xa0]+|[»”’°ºª\xa0،؛؟]+$|(?<=[^\\W_])[’·\xad\xa0\u200c-\u200f](?=[^\\W_])")
"""Marks of punctuation where they belong beside letters."""
_ENDS_WORDS = frozenset("ةى")


def encoding_of(file: BinaryIO, named: str | None = None) -> tuple[str, str]:
    """Return the encoding of a file and how to handle other bytes; raise ``input.invalid``.

    ``named`` is the one that the caller gives, which is taken as it is.
    """
    head = file.read(4096)
    for signature, reason in _SIGNATURES.items():
        if head.startswith(signature):
            raise invalid("FILE", reason)
    if named is not None:
        return _named(named)
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig", "surrogateescape"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", "replace"
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 5 > len(head):
        return ("utf-16-le" if odd > even else "utf-16-be"), "replace"
    file.seek(0)
    right, wrong = _multibyte(file)
    # Text in a code page hardly ever contains valid UTF-8 sequences. Where many occur, the file is UTF-8 with damage
    # in some rows.
    if right >= wrong:
        return "utf-8", "surrogateescape"
    file.seek(0)
    return _code_page(_words(file)), "surrogateescape"


def shown(encoding: str) -> str:
    """Return an encoding by the name that people know."""
    return CODE_PAGES.get(encoding, encoding.removesuffix("-sig"))


def _named(name: str) -> tuple[str, str]:
    try:
        codec = codecs.lookup(name)
        b"a,b".decode(name, "replace")  # codecs between bytes are refused here
    except (LookupError, ValueError):
        raise invalid(
            "--encoding", f"{name[:40]} is no encoding that is known; windows-1256 and utf-8 are two"
        ) from None
    if codec.name == "utf-8":
        return "utf-8-sig", "surrogateescape"
    known = codec.name.replace("-", "_")
    errors = "replace" if codec.name.startswith("utf") else "surrogateescape"
    return (known if known in CODE_PAGES else codec.name), errors


def _multibyte(file: BinaryIO) -> tuple[int, int]:
    """Return the numbers of non-ASCII characters of a file read as UTF-8, and of bytes that are not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    right = wrong = 0
    while chunk := file.read(_CHUNK):
        if chunk.isascii():
            decoder.reset()
            continue
        text = decoder.decode(chunk)
        damaged = len(_UNDECODED.findall(text))
        wrong += damaged
        right += len(text) - len(text.encode("ascii", "ignore")) - damaged
    return right, wrong


# --- code pages -------------------------------------------------------------------------------------------


def _words(file: BinaryIO) -> list[bytes]:
    """Return the different words of a file that are not ASCII, so many as are needed to tell code pages apart."""
    found: dict[bytes, None] = {}
    rest = b""
    while (chunk := file.read(_CHUNK)) and len(found) < _MOST_WORDS:
        words = _WORD.findall(rest + chunk)
        rest = words.pop() if words and chunk[-1:] == words[-1][-1:] else b""
        found.update((word[:200], None) for word in words if not word.isascii())
        rest = rest[-200:]
    if rest and not rest.isascii():
        found[rest] = None
    return list(found)


def _code_page(words: list[bytes]) -> str:
    """Return the code page in which words are names; raise ``input.invalid`` where that is not sure.

    In Windows-1252 words must be Latin ones, and other readings worse. Another code page must be the one that the
    detector finds too.
    """
    pages = (*CODE_PAGES, *_OTHERS)
    texts = {page: [word.decode(page, "surrogateescape") for word in words] for page in pages}
    best = min(pages, key=lambda page: _wrong(texts[page]))
    few = _wrong(texts[best]) <= max(1, len(words) // 4)
    # A word with bytes that the code page does not have costs its own row, whatever the others are.
    sound = [at for at, text in enumerate(texts[best]) if not _UNDECODED.search(text)]
    kept = {page: [texts[page][at] for at in sound] for page in pages}
    rivals = [_wrong(kept[page]) - _wrong(kept[best]) for page in pages if kept[page] != kept[best]]
    margin = min(rivals, default=0)
    if few and best == "cp1252" and margin > 0:
        return best
    if best in CODE_PAGES and few and margin >= _LEAST_WORDS and _detected(words) in _same(texts, best):
        return best
    raise _unsure()


def _wrong(texts: list[str]) -> int:
    return sum(not _is_name(text) for text in texts)


def _same(texts: dict[str, list[str]], page: str) -> set[str]:
    return {other for other in texts if texts[other] == texts[page]}


def _detected(words: list[bytes]) -> str | None:
    """Return the code page that the detector takes words for, if any."""
    text = b" ".join(words)
    found = charset_normalizer.from_bytes(text, cp_isolation=list(CODE_PAGES), enable_fallback=False).best()
    return found.encoding if found is not None else None


def _unsure() -> PermitsError:
    names = ", ".join(CODE_PAGES.values())
    return invalid(
        "FILE",
        f"is neither UTF-8 nor surely of one code page ({names}); name it with --encoding, or save the file as UTF-8",
    )


def _is_name(text: str) -> bool:
    """Return whether a word may be one of a register in French, Spanish, English or Arabic, by its characters alone."""
    if _NO_TEXT.search(text):
        return False
    text = _MARKS.sub(" ", text)
    if any(not char.isascii() and not char.isalpha() for char in text):
        return not any(map(str.isalpha, text))
    return all(map(_is_run, _LETTERS.findall(text)))


def _is_run(run: str) -> bool:
    """Return whether letters in a row are of one script, and written as it is."""
    arabic = [unicodedata.name(char, "").startswith("ARABIC") for char in run]
    if any(arabic):
        return all(arabic) and len(run) > 1 and _ENDS_WORDS.isdisjoint(run[:-1])
    accents = [char for char in run if not char.isascii()]
    if not all(char.lower() in _LATIN for char in accents) or _CASES_MIXED.search(run):
        return False
    return len(run) == 1 or len(accents) * 2 <= len(run) or len(run) == 2
