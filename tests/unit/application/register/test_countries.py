"""Countries by code and by name, as registers in Morocco write them."""

import pycountry
import pytest
from babel import Locale

from permits_engine.application.register.countries import LANGUAGES, country_code

WRITTEN = {
    "CIV": (
        "CI",
        "ci",
        "Côte d'Ivoire",
        "Côte d’Ivoire",
        "COTE D'IVOIRE",
        "Ivory Coast",
        "ساحل العاج",
        "كوت ديفوار",
    ),
    "COD": ("RDC", "R.D.C.", "Congo-Kinshasa", "République démocratique du Congo", "الكونغو الديمقراطية"),
    "COG": ("CG", "Congo-Brazzaville", "République du Congo"),
    "SEN": (
        "SN",
        "Sénégal",
        "SENEGAL",
        "le Sénégal",
        "République du Sénégal",
        "Senegal",
        "السنغال",
        "السينغال",
    ),
    "MLI": ("ML", "mali", "République du Mali", "مالي", "جمهورية مالي"),
    "GIN": ("Guinée", "Guinée Conakry", "غينيا"),
    "GNB": ("Guinée-Bissau", "غينيا بيساو"),
    "MAR": ("Maroc", "Royaume du Maroc", "Morocco", "المغرب"),
    "SYR": ("Syrie", "République arabe syrienne", "سوريا", "سورية"),
    "NER": ("Niger", "النيجر"),
    "NGA": ("Nigéria", "Nigeria", "نيجيريا"),
    "GBR": ("GB", "UK", "Royaume-Uni", "United Kingdom"),
    "USA": ("États-Unis", "Etats Unis", "US", "الولايات المتحدة"),
    "TUR": ("Turquie", "Türkiye"),
    "XXA": ("apatride", "Stateless", "عديم الجنسية"),
}


@pytest.mark.parametrize(
    ("code", "cell"), [(code, cell) for code, cells in WRITTEN.items() for cell in cells]
)
def test_a_country_is_found_as_registers_write_it(code: str, cell: str) -> None:
    """Accents, apostrophes, articles and the form of the state do not matter."""
    assert country_code(cell) == code


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_country_is_found_by_its_name_in_each_language(language: str) -> None:
    """The names of CLDR lead to their own country, none to another."""
    for country in pycountry.countries:
        assert country_code(Locale(language).territories[country.alpha_2]) == country.alpha_3
        assert country_code(country.alpha_2.lower()) == country.alpha_3
        assert country_code(country.alpha_3) == country.alpha_3


@pytest.mark.parametrize("cell", ["Congo", "الكونغو", "Corée du", "Atlantis", "??", "XQ", "S", "12"])
def test_what_names_no_one_country_is_left_as_it_is(cell: str) -> None:
    """The row is rejected with what the register says."""
    assert country_code(cell) == cell
