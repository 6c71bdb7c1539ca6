"""Commands about people: what is known of them is kept, and nothing is made up."""

from datetime import date
from typing import Any

import pytest

from permits_engine.commands.registry import parse
from tests.unit.commands.test_commands import PERSON, faults, person


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("\u200fعلي", "علي"),
        ("\ufeffAmi\u00adnata\u200b", "Aminata"),
        ("Ami\u200dnata", "Aminata"),
        ("Diallo\u3164", "Diallo"),
    ],
)
def test_characters_that_show_nothing_are_left_out_of_names(name: str, kept: str) -> None:
    """Two names that look the same are the same."""
    assert person(family_name=name).family_name == kept


@pytest.mark.parametrize("given", [{}, {"given_names": None}])
def test_a_person_may_have_one_name(given: dict[str, None]) -> None:
    """The one name is the family name, and no filler takes the place of the other."""
    fields = {name: value for name, value in PERSON.items() if name != "given_names"}
    assert parse("register_holder", fields | given).given_names is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("1990-05-01", "1990-05-01"),
        (date(1990, 5, 1), "1990-05-01"),
        ("1990-05", "1990-05"),
        ("1990-05-00", "1990-05"),
        ("1990", "1990"),
        ("1990-00-00", "1990"),
        (1990, "1990"),
    ],
)
def test_a_birth_date_is_kept_as_it_is_known(written: Any, known: str) -> None:
    """No day is made up; a zero is an unknown part."""
    assert person(birth_date=written).birth_date == known


@pytest.mark.parametrize(
    "written", ["1990-00-05", "1990-13", "90", "1990-5", "1899", "", None, True, "1990-02-30"]
)
def test_what_is_no_birth_date_is_refused(written: Any) -> None:
    """A day needs its month, and both are of the calendar."""
    assert "birth_date" in faults("register_holder", PERSON | {"birth_date": written})


def test_other_names_are_names() -> None:
    """Each has a family name and perhaps given names; an empty list is none."""
    other = [
        {"family_name": "ديالو", "given_names": "أميناتا"},
        {"family_name": " Sow ", "given_names": None},
    ]
    kept = person(also_known_as=other).model_dump(mode="json")["also_known_as"]
    assert kept == [other[0], {"family_name": "Sow"}]
    assert person(also_known_as=[]).also_known_as is None
    told = faults("register_holder", PERSON | {"also_known_as": [{"family_name": "\u200b"}]})
    assert list(told) == ["also_known_as.0.family_name"]


@pytest.mark.parametrize(
    ("code", "stored", "was"),
    [
        ("d", "DEU", "D"),
        ("XKX", "RKS", "XKX"),
        ("ROM", "ROU", "ROM"),
        ("ZAR", "COD", "ZAR"),
        ("DDR", "DEU", "DDR"),
        *(
            (code, code, None)
            for code in ("SYR", "GBN", "RKS", "UNK", "XXA", "XXX", "XOM", "EUE", "UNO", "UNA")
        ),
    ],
)
def test_a_nationality_is_stored_as_it_is_written_today(code: str, stored: str, was: str | None) -> None:
    """The code that was read is kept beside."""
    found = person(nationality=code)
    assert (found.nationality, found.nationality_read) == (stored, was)


@pytest.mark.parametrize(("code", "heir"), [("SCG", "SRB"), ("YUG", "HRV"), ("CSK", "SVK"), ("SUN", "UKR")])
def test_a_withdrawn_nationality_of_several_heirs_is_refused_with_the_codes_to_write(
    code: str, heir: str
) -> None:
    """It is never converted."""
    assert heir in faults("register_holder", PERSON | {"nationality": code})["nationality"]
