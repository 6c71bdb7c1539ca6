"""The annual account as a page: well-formed, fetching nothing, readable by people and programs."""

import re
from pathlib import Path

import pytest

from permits_engine.domain.errors import InputError
from tests.integration.audit.exports.conftest import NAMES, Past
from tests.pages_of import HTML, SVG, check, colours, contrast

LANGUAGES = ("en", "fr", "ar")


@pytest.fixture
def page(past: Past, tmp_path: Path) -> Path:
    """The English page of a history with something in every section."""
    past.office.do("revoke_permit", "2018-01-21", permit_id=past.granted, ground="judicial-ban", **WHY)
    past.office.engine.audit.report(tmp_path / "account.html")
    return tmp_path / "account.html"


WHY = {"reasons_in_fact": "a ban", "reasons_in_law": "law 02-03, article 19"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_whole_and_fetches_nothing(past: Past, tmp_path: Path, language: str) -> None:
    """By the HTML standard's own parser: no error, no script, no address, every chart named, no mark outside of one."""
    past.office.engine.audit.report(tmp_path / "account.html", language=language)
    check(tmp_path / "account.html", language)


def test_every_chart_has_its_numbers_as_a_table(page: Path) -> None:
    """Drawn once for a desk and once for a telephone, told once in a table that anybody can read."""
    root = check(page, "en").getroot()
    figures = root.findall(f".//{HTML}figure")
    assert len(figures) >= 10
    for figure in figures:
        drawn = [each.get("class") for each in figure.iter(f"{SVG}svg")]
        assert drawn == ["wide", "narrow"]
        table = figure.find(f".//{HTML}table")
        assert table.find(f"{HTML}caption").text.strip()
        assert len(table.findall(f".//{HTML}tbody/{HTML}tr")) >= 1


def test_the_numbers_of_the_page_are_those_of_the_account(past: Past, page: Path) -> None:
    """The table by sex adds up to the tile of all applications."""
    root = check(page, "en").getroot()
    tiles = {dt.text: dd.text for dt, dd in (div for div in root.iter(f"{HTML}div") if len(div) == 2)}
    assert tiles["applications"] == str(sum(past.office.engine.audit.account().outcomes.values())) == "3"
    rows = root.findall(f".//{HTML}figure[@id='sex-figure']//{HTML}tbody/{HTML}tr")
    assert [[cell.text for cell in row] for row in rows] == [["Women", "3", "1", "2", "33%"]]


def test_conflicting_figures_stand_beside_one_another(page: Path) -> None:
    """Each with its source and day, and the difference said; none is left out."""
    root = check(page, "en").getroot()
    section = root.find(f".//{HTML}section[@id='published-section']")
    text = " ".join(section.itertext())
    for number in ("23,096", "23,609", "27,643", "27,649", "27,449", "9,202", "10,178", "17,500–18,000"):
        assert number in text
    assert "They differ by 513." in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_account_of_nothing_is_a_page_too(past: Past, tmp_path: Path, language: str) -> None:
    """A year in which nothing happened says so, section by section."""
    past.office.engine.audit.report(tmp_path / "account.html", year=1999, language=language)
    check(tmp_path / "account.html", language)


def test_no_person_is_named(past: Past, page: Path) -> None:
    """Sums only: no name, no number, no id of a person or a file."""
    text = page.read_text(encoding="utf-8")
    ids = [past.granted, past.refused, past.pending]
    ids += [past.office.engine.permit(each).holder_id for each in ids]
    assert [each for each in (*NAMES, *ids) if each in text] == []


def test_text_and_marks_stand_out_in_light_dark_and_print(page: Path) -> None:
    """4.5 to 1 for every text, 3 to 1 for every mark of a chart, on either ground (WCAG 2.2)."""
    modes = colours(page)
    assert len(modes) == 3
    for mode in modes:
        for ground in (mode["paper"], mode["card"]):
            assert all(contrast(mode[text], ground) >= 4.5 for text in ("ink", "quiet", "link"))
            marks = ("granted", "granted_on_appeal", "refused", "open", "late")
            assert {name for name in marks if contrast(mode[name], ground) < 3} == set()


def test_the_page_fits_a_telephone_and_paper(page: Path) -> None:
    """Its style sheet knows narrow screens, printing, dark grounds and those who want no motion."""
    sheet = check(page, "en").getroot().find(f".//{HTML}style").text
    for wanted in (
        "max-width: 46rem",
        "@media print",
        "prefers-color-scheme: dark",
        "prefers-reduced-motion",
    ):
        assert wanted in sheet
    assert re.search(r"name=\"viewport\" content=\"width=device-width", page.read_text(encoding="utf-8"))


def test_the_same_history_gives_the_same_page(past: Past, tmp_path: Path) -> None:
    """Byte for byte."""
    for name in ("one.html", "two.html"):
        past.office.engine.audit.report(tmp_path / name, language="fr")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_page_replaces_nothing_unasked(past: Past, tmp_path: Path) -> None:
    """With force it does; an unknown language is refused before anything is counted."""
    page = tmp_path / "account.html"
    page.write_text("mine")
    with pytest.raises(InputError, match="--force"):
        past.office.engine.audit.report(page)
    assert page.read_text() == "mine"
    with pytest.raises(InputError, match="none of fr, ar, en"):
        past.office.engine.audit.report(page, language="tlh", force=True)
    past.office.engine.audit.report(page, force=True)
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
