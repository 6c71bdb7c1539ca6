"""The code page of an old register: told apart where it is sure, refused where it is not, never guessed."""

from pathlib import Path

import pytest

from permits_engine import PermitsError
from permits_engine.application.register.csv_file import open_register
from permits_engine.application.register.encodings import CODE_PAGES
from tests.registers import row, text

ARABIC = [("الحسن", "مريم"), ("بن علي", "فاطمة"), ("العلوي", "محمد"), ("التازي", "خديجة")]
FRENCH = [
    ("Traoré", "Aminata"),
    ("Keïta", "Aïcha"),
    ("N'Dôh", "Gisèle"),
    ("TRAORÉ", "HÉLÈNE"),
    ("Peña", "Ángel"),
]
SURE = [
    ("cp1252", FRENCH),
    ("cp1252", FRENCH[:1]),
    ("cp1252", FRENCH[3:4]),
    ("cp1256", ARABIC),
    ("cp1256", [*ARABIC, *FRENCH[:3]]),
    ("iso8859_6", ARABIC),
    ("mac_roman", FRENCH),
]
UNSURE = [
    ("cp1256", ARABIC[:1]),
    ("iso8859_6", ARABIC[:1]),
    ("mac_roman", FRENCH[:1]),
    ("cp850", FRENCH),
    ("cp850", FRENCH[:1]),
    ("cp437", [("Noël", "Gisèle"), ("Keïta", "Hélène")]),
    ("iso8859_15", [("Éric", "Œuvrard"), *FRENCH]),
    ("cp720", ARABIC),
    ("koi8_r", [("Иванов", "Пётр"), ("Петрова", "Анна"), ("Сидоров", "Олег")]),
]


def names(path: Path, encoding: str | None = None) -> tuple[str, list[tuple[str, str]]]:
    """The encoding of a file and the names in it."""
    with open_register(path, encoding) as file:
        cells = [file.fields(each) for each in file.rows()]
        return file.encoding, [(each["family_name"], each["given_names"]) for each in cells]


def written(folder: Path, people: list[tuple[str, str]], encoding: str) -> Path:
    """A register of these people in a code page."""
    lines = [row(numero_dossier=str(n), nom=one, prenoms=other) for n, (one, other) in enumerate(people)]
    path = folder / "register.csv"
    path.write_bytes(text(lines).encode(encoding))
    return path


@pytest.mark.parametrize(("encoding", "people"), SURE)
def test_a_code_page_that_is_sure_gives_the_names_as_written(
    encoding: str, people: list[tuple[str, str]], tmp_path: Path
) -> None:
    """Also in a file with one accent, as small French registers are."""
    assert names(written(tmp_path, people, encoding)) == (CODE_PAGES[encoding], people)


@pytest.mark.parametrize(("encoding", "people"), UNSURE)
def test_a_code_page_that_is_not_sure_is_refused_and_can_be_named(
    encoding: str, people: list[tuple[str, str]], tmp_path: Path
) -> None:
    """The refusal names the option; with it the names come as written."""
    path = written(tmp_path, people, encoding)
    with pytest.raises(PermitsError, match="name it with --encoding") as caught:
        names(path)
    assert caught.value.code == "input.invalid"
    assert names(path, encoding)[1] == people


@pytest.mark.parametrize("named", ["windows-1256", "cp1256", "CP1256"])
def test_a_named_code_page_is_taken_by_any_of_its_names(named: str, tmp_path: Path) -> None:
    """And told as the one that people know."""
    assert names(written(tmp_path, ARABIC[:1], "cp1256"), named) == ("windows-1256", ARABIC[:1])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_unicode_can_be_named_too(encoding: str, tmp_path: Path) -> None:
    """With and without its mark."""
    assert names(written(tmp_path, ARABIC, encoding), encoding)[1] == ARABIC


@pytest.mark.parametrize("named", ["klingon", "", "base64", "rot13", "\x00"])
def test_a_name_of_no_encoding_is_refused(named: str, tmp_path: Path) -> None:
    """With the option that is at fault."""
    with pytest.raises(PermitsError, match="--encoding") as caught:
        names(written(tmp_path, FRENCH, "utf-8"), named)
    assert caught.value.code == "input.invalid"
