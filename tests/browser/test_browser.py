"""The pages in a real browser, as a telephone and a desk show them. Run by ``make test-browser``."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from permits_engine import Actor, Engine
from permits_engine.audit.dossier.page import html
from permits_engine.cli.demo.run import run_demo
from tests.browser.chromium import Chromium, found

pytestmark = pytest.mark.browser

PHONE, DESK = 360, 1280
LANGUAGES = ("en", "fr", "ar")
_PAGES = [f"{kind}-{language}" for kind in ("report", "dossier") for language in LANGUAGES]

CHARTS = """
[...document.querySelectorAll("svg")].filter(svg => svg.getClientRects().length).map(svg => {
  const box = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].map(text => {
    const at = text.getBoundingClientRect();
    return {says: text.textContent, left: at.left, right: at.right, top: at.top, bottom: at.bottom,
            size: parseFloat(getComputedStyle(text).fontSize) * box.width / svg.viewBox.baseVal.width};
  });
  return {name: svg.querySelector("title").textContent, kind: svg.getAttribute("class"), left: box.left,
          right: box.right, texts};
})
"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
FOLDED = """
[...document.querySelectorAll("details > :not(summary)")].filter(e => !e.getBoundingClientRect().height).length
"""
GROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The account and a dossier of the demo's history, in each language."""
    folder = tmp_path_factory.mktemp("pages")
    run_demo(scale=0.01, seed=2014, out=folder / "demo")
    store = f"sqlite:///{folder / 'demo' / 'permits.db'}"
    with Engine.open(store, keys=folder / "demo" / "permits.keys") as engine:
        (renewed, *_) = [row for row in engine.find(limit=None) if (row["term_number"] or 0) > 2]
        dossier = engine.as_(Actor("auditor-1", "auditor")).audit.dossier(renewed["permit_id"])
        for language in LANGUAGES:
            engine.audit.report(folder / f"report-{language}.html", language=language)
            page = html(dossier, language)
            (folder / f"dossier-{language}.html").write_text(page, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Chromium without a window."""
    program = found()
    assert program is not None, "chromium is not there: install it, or name it in PERMITS_CHROMIUM"
    with Chromium(program, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def keep(browser: Chromium, name: str) -> None:
    """Keep a picture of the page, where a folder for pictures is named."""
    if folder := os.environ.get("PERMITS_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser.picture(Path(folder) / f"{name}.png")


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("page", _PAGES)
def test_a_page_says_nothing_on_the_console_and_asks_for_nothing(
    pages: Path, browser: Chromium, page: str, width: int
) -> None:
    """No error, no warning, no request but for the page itself; and nothing is wider than the screen."""
    file = pages / f"{page}.html"
    seen = browser.open(file, width=width)
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith("data:")] == [file.as_uri()]
    assert browser.run(OVERFLOW) == 0
    keep(browser, f"{page}-{width}")


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("language", LANGUAGES)
def test_charts_are_drawn_for_the_screen_and_can_be_read(
    pages: Path, browser: Chromium, language: str, width: int
) -> None:
    """The narrow drawing on a telephone, the wide one on a desk; letters of 11 pixels or more, none over another."""
    browser.open(pages / f"report-{language}.html", width=width)
    charts = browser.run(CHARTS)
    assert len(charts) >= 10
    assert {chart["kind"] for chart in charts} == {"narrow" if width == PHONE else "wide"}
    for chart in charts:
        assert chart["left"] >= 0 and chart["right"] <= width
        for text in chart["texts"]:
            assert text["size"] >= 11, (chart["name"], text)
            assert text["left"] >= -1 and text["right"] <= width + 1, (chart["name"], text)
        assert _overlapping(chart["texts"]) == [], chart["name"]


def _overlapping(texts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (one["says"], other["says"])
        for at, one in enumerate(texts)
        for other in texts[at + 1 :]
        if one["left"] < other["right"] - 1
        and other["left"] < one["right"] - 1
        and one["top"] < other["bottom"] - 3
        and other["top"] < one["bottom"] - 3
    ]


@pytest.mark.parametrize("page", _PAGES)
def test_a_page_is_dark_where_the_screen_is(pages: Path, browser: Chromium, page: str) -> None:
    """And light elsewhere."""
    grounds = []
    for dark in (False, True):
        browser.open(pages / f"{page}.html", width=PHONE, dark=dark)
        grounds.append(sum(map(int, re.findall(r"\d+", browser.run(GROUND))[:3])))
        keep(browser, f"{page}-{'dark' if dark else 'light'}")
    assert grounds[0] > 700 and grounds[1] < 120


@pytest.mark.parametrize("page", _PAGES)
def test_a_page_prints_with_its_tables_and_proofs_open(pages: Path, browser: Chromium, page: str) -> None:
    """On several sheets of A4; what is folded on the screen is there on paper."""
    browser.open(pages / f"{page}.html", width=DESK, media="print")
    assert browser.run(FOLDED) == 0
    sheets = browser.printed().count(b"/Type /Page\n")
    assert sheets >= 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_screen_reader_hears_every_chart_by_its_name(pages: Path, browser: Chromium, language: str) -> None:
    """The drawing that is not shown is not read either."""
    browser.open(pages / f"report-{language}.html", width=DESK)
    browser.ask("Accessibility.enable")
    tree = browser.ask("Accessibility.getFullAXTree")["nodes"]
    images = [node for node in tree if node.get("role", {}).get("value") in {"image", "img"}]
    names = [node["name"]["value"] for node in images]
    assert all(names)
    assert len(names) == len(set(names)) == len(browser.run(CHARTS))
