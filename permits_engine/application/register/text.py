"""Words made comparable, and cells that a spreadsheet must not take for formulae."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_BEGINS = "=+\\-@\t\r\n＝＋－＠"
_FORMULA = re.compile(f"'*[{_BEGINS}]")
_ESCAPED = re.compile(f"'+[{_BEGINS}]")
_LEFT = re.compile("[^0-9a-z]+")


@lru_cache(maxsize=4096)
def word(text: str) -> str:
    """Return a text without accents, case and punctuation: ``Date de dépôt`` is ``date_de_depot``."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return _LEFT.sub("_", plain).strip("_") or text.strip().casefold()


def escaped(cell: str) -> str:
    """Return a cell that a spreadsheet shows as text: a formula gets an apostrophe in front."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """Return the cell as it was before ``escaped``."""
    return cell[1:] if _ESCAPED.match(cell) else cell
