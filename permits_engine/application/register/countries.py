"""Countries as registers write them: codes of two or three letters, and names in French, English and Arabic."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import pycountry
from babel import Locale

LANGUAGES = ("fr", "en", "ar")
VARIANTS: dict[str, str] = {
    "BFA": "Haute-Volta",
    "CAF": "Centrafrique | RCA | Central African Rep | أفريقيا الوسطى",
    "CIV": "Côte Ivoire | RCI | Ivory Coast | كوت ديفوار | كوديفوار",
    "COD": "RDC | R.D.C. | RD Congo | DRC | République démocratique du Congo | Congo RDC | Congo démocratique | "
    "Zaïre | الكونغو الديمقراطية | جمهورية الكونغو الديمقراطية",
    "COG": "République du Congo | Republic of the Congo | Congo Brazza | جمهورية الكونغو | الكونغو برازافيل",
    "CPV": "Cap Vert | Cape Verde | الرأس الأخضر",
    "CZE": "République tchèque | Czech Republic",
    "EGY": "République arabe d'Égypte",
    "GBR": "UK | Grande-Bretagne | Great Britain | Angleterre | England | بريطانيا | انجلترا",
    "GIN": "Guinée Conakry | Guinea Conakry | غينيا كوناكري",
    "GNB": "Guinée Bissau | Guinea Bissau | غينيا بيساو",
    "GNQ": "Guinée équatoriale | Equatorial Guinea",
    "IRN": "Iran",
    "KOR": "Corée | République de Corée | South Korea | كوريا",
    "MMR": "Birmanie | Burma",
    "MRT": "République islamique de Mauritanie",
    "NLD": "Hollande | Holland | هولندا",
    "PSE": "Palestine | Palestinian Territories | فلسطين",
    "RUS": "Fédération de Russie | Russian Federation",
    "SEN": "السينغال",
    "STP": "Sao Tomé | Sao Tome",
    "SWZ": "Swaziland",
    "SYR": "République arabe syrienne | Syrie | الجمهورية العربية السورية | سورية",
    "TCD": "Chad | التشاد",
    "TUR": "Turquie | Turkey | تركيا",
    "USA": "US | Etats-Unis d'Amérique | United States of America | USA | أمريكا | الولايات المتحدة الأمريكية",
    "XKX": "Kosovo | XK | كوسوفو",
    "XXA": "apatride | stateless | sans nationalité | عديم الجنسية | بدون جنسية",
}
"""Names beside those of CLDR and ISO 3166. "Congo" alone may be either of two countries, and is neither."""

_FORMS = re.compile(
    "^(?:(?:republique|royaume|republic|kingdom|etat|state)_(?:du|de_la|de_l|des|de|d|of_the|of)_|"
    "جمهوريه_|(?:le|la|les|l|the)_)"
)
_TEXT = re.compile(r"[\W_]+")
_ALIKE = str.maketrans({"ة": "ه", "ى": "ي", "ـ": None})


def country_code(cell: str) -> str:
    """Return the alpha-3 code of a country, or the cell as it is where it names none."""
    if len(cell) == 3 and cell.isascii() and cell.isalpha() and pycountry.countries.get(alpha_3=cell.upper()):
        return cell
    key = _key(cell)
    names = _names()
    return names.get(key) or names.get(_FORMS.sub("", key)) or cell


@cache
def _names() -> dict[str, str]:
    """Return codes by two letters and by each name that only one country has."""
    found: dict[str, set[str]] = {}
    two = {country.alpha_2: country.alpha_3 for country in pycountry.countries}
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            if code in two:
                found.setdefault(_key(name), set()).add(two[code])
    for country in pycountry.countries:
        for attribute in ("alpha_2", "name", "official_name", "common_name"):
            if (name := getattr(country, attribute, None)) is not None:
                found.setdefault(_key(name), set()).add(country.alpha_3)
    del found[_key("Congo")]
    sure = {name: codes.pop() for name, codes in found.items() if len(codes) == 1}
    return sure | {_key(name): code for code, names in VARIANTS.items() for name in names.split("|")}


def _key(name: str) -> str:
    """Return a name without case, accents, vowel signs and punctuation."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return _TEXT.sub("_", plain.casefold().translate(_ALIKE)).strip("_")
