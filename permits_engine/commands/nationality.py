"""Codes of nationality: ISO 3166-1 alpha-3 and those that passports have besides (ICAO 9303-3, section 5)."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

BESIDES = frozenset(
    {"GBD", "GBN", "GBO", "GBP", "GBS", "RKS", "UNK", "XXA", "XXB", "XXC", "XXX"}
) | frozenset({"XOM", "EUE", "UNO", "UNA"})
ALIASES = {"D": "DEU", "XKX": "RKS", "ROM": "ROU", "ZAR": "COD", "DDR": "DEU"}
"""Codes of one country that is written otherwise today."""
FORMER = {
    "SCG": (date(2006, 9, 26), ("SRB", "MNE")),
    "YUG": (date(2003, 7, 23), ("SRB", "MNE", "HRV", "SVN", "BIH", "MKD", "RKS")),
    "CSK": (date(1993, 6, 15), ("CZE", "SVK")),
    "SUN": (
        date(1992, 8, 30),
        ("RUS", "UKR", "BLR", "KAZ", "UZB", "GEO", "ARM", "AZE", "MDA", "LTU", "LVA", "EST"),
    ),
}
"""Withdrawn codes of several heirs: the day of the withdrawal (ISO 3166-3), and codes to choose from."""


@lru_cache(maxsize=1024)
def alpha_2(code: str) -> str | None:
    """Return the two letters of a country by its alpha-3 code, as CLDR names countries."""
    import pycountry  # 9 ms

    found = pycountry.countries.get(alpha_3=code)
    return "XK" if code == "RKS" else found.alpha_2 if found is not None else None


def of_register(value: str) -> str:
    """Return a code as an old register may have it, also one withdrawn since; raise ``ValueError``."""
    code = value.upper() if value.isascii() else ""
    code = ALIASES.get(code, code)
    if code in FORMER or code in BESIDES or (re.fullmatch("[A-Z]{3}", code) and alpha_2(code)):
        return code
    raise ValueError("is not an ISO 3166-1 alpha-3 code such as SEN (stateless: XXA)")


def of_today(value: str) -> str:
    """Return the code of a nationality of today; raise ``ValueError``, with the codes to write for a withdrawn one."""
    code = of_register(value)
    if code in FORMER:
        raise ValueError(
            f"was withdrawn; write the code of today's nationality: {', '.join(FORMER[code][1])}"
        )
    return code


def read(value: object) -> str | None:
    """Return a code as it was read, where another is stored for it."""
    code = value.upper() if isinstance(value, str) else ""
    return code if code in ALIASES else None
