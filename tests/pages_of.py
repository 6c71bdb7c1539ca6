"""What must hold for every page that the program writes: read by a strict parser, looked at without a browser."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import html5lib
from lxml import etree

HTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"
_LOADS = {"src", "srcset", "poster", "data", "action", "formaction", "background", "manifest", "ping"}
_FETCH = re.compile(r"@import|url\((?!['\"]?#)|expression\(", re.IGNORECASE)


def parsed(page: Path) -> Any:
    """The page as a tree; anything that the HTML standard calls a parse error is an exception."""
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("lxml"), strict=True)
    return parser.parse(page.read_text(encoding="utf-8"))


def check(page: Path, language: str) -> Any:
    """The tree of a page that is whole, fetches nothing, runs nothing, and names what it shows."""
    tree = parsed(page)
    root = tree.getroot()
    assert root.get("lang") == language
    assert root.get("dir") == ("rtl" if language == "ar" else "ltr")
    assert root.find(f".//{HTML}title").text.strip()
    assert len(root.findall(f".//{HTML}h1")) == 1
    assert root.find(f".//{HTML}main") is not None
    _fetches_nothing(root)
    _ids_lead_somewhere(root)
    _headings_in_order(root)
    for table in root.iter(f"{HTML}table"):
        assert all(th.get("scope") in {"col", "row"} for th in table.iter(f"{HTML}th"))
        widths = {len(row) for row in table.iter(f"{HTML}tr")}
        assert len(widths) == 1, "every row of a table is as wide as its head"
    for drawing in root.iter(f"{SVG}svg"):
        _drawing(root, drawing)
    return tree


def _fetches_nothing(root: Any) -> None:
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        name = etree.QName(element).localname
        assert name not in {"script", "iframe", "object", "embed", "img", "video", "audio", "base", "form"}, (
            name
        )
        for attribute, value in element.attrib.items():
            assert not attribute.lower().startswith("on"), attribute
            assert attribute.lower() not in _LOADS, attribute
            assert not _FETCH.search(value), value
            if attribute.endswith("href"):
                assert value.startswith(("#", "data:,")), value
        if name == "style":
            assert not _FETCH.search(element.text), "a style sheet fetches nothing"


def _ids_lead_somewhere(root: Any) -> None:
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in root.iter():
        href = element.get("href") or ""
        wanted = [href[1:]] if href.startswith("#") else []
        wanted += (element.get("aria-labelledby") or "").split() + (
            element.get("aria-describedby") or ""
        ).split()
        assert set(wanted) <= set(ids), wanted


def _headings_in_order(root: Any) -> None:
    levels = [int(each.tag[-1]) for each in root.iter(*(f"{HTML}h{level}" for level in range(1, 7)))]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels


def _drawing(root: Any, drawing: Any) -> None:
    """A chart has a name and a description, and no mark lies outside of it."""
    assert drawing.get("role") == "img"
    title, description = drawing[0], drawing[1]
    assert (title.tag, description.tag) == (f"{SVG}title", f"{SVG}desc")
    assert title.text.strip() and description.text.strip()
    assert drawing.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    _, _, width, height = map(float, drawing.get("viewBox").split())
    for mark in drawing:
        name = etree.QName(mark).localname
        numbers = {
            key: float(value) for key, value in mark.attrib.items() if re.fullmatch(r"-?[\d.]+", value)
        }
        if name == "rect":
            assert numbers["x"] >= 0 and numbers["width"] >= 0 and numbers["height"] >= 0
            assert numbers["x"] + numbers["width"] <= width + 0.5, etree.tostring(mark)
            assert numbers["y"] + numbers["height"] <= height + 0.5
        if name in {"text", "circle"}:
            x, y = numbers.get("x", numbers.get("cx", 0)), numbers.get("y", numbers.get("cy", 0))
            assert 0 <= x <= width and 0 <= y <= height, etree.tostring(mark)


def colours(page: Path) -> list[dict[str, str]]:
    """The colours by name: of the light, the dark and the printed page."""
    sheet = parsed(page).getroot().find(f".//{HTML}style").text
    found = re.findall(r":root\s*\{([^}]*)\}", sheet)
    return [dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{3,6})", block)) for block in found]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours (WCAG 2.2, relative luminance)."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
