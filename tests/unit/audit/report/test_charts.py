"""Charts as geometry: whatever the numbers, every mark is inside and in proportion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.audit.report import charts
from permits_engine.audit.report.charts import Bar, Chart, Claim, Drawing, Range
from permits_engine.audit.report.tallies import Delays
from permits_engine.audit.report.wording import Wording
from permits_engine.documents.language import LANGUAGES

numbers = st.integers(0, 10_000_000).map(float)
labels = st.text("abcdefgh éع", min_size=1, max_size=60)


def inside(drawing: Drawing) -> bool:
    """Whether every rectangle and circle is within the drawing."""
    for shape in drawing.shapes:
        if shape.kind == "rect":
            x, y, width, height = shape.at
            if x < 0 or y < 0 or x + width > drawing.width + 0.01 or y + height > drawing.height + 0.01:
                return False
        if shape.kind == "circle":
            x, y, _ = shape.at
            if not (0 <= x <= drawing.width and 0 <= y <= drawing.height):
                return False
    return True


def both(chart: Chart) -> tuple[Drawing, Drawing]:
    return chart.wide, chart.narrow


@given(st.lists(st.tuples(labels, st.lists(numbers, min_size=1, max_size=4)), min_size=1, max_size=15))
def test_bars_are_inside_and_in_proportion(rows: list[tuple[str, list[float]]]) -> None:
    """A part twice as large is twice as wide, on a desk and on a telephone."""
    made = [Bar(label, tuple(("open", value) for value in parts), "1 · 2%") for label, parts in rows]
    for drawing in both(charts.bars(made)):
        assert inside(drawing)
        widths = [shape.at[2] for shape in drawing.shapes if shape.kind == "rect"]
        values = [value for _, parts in rows for value in parts if value > 0]
        assert len(widths) == len(values)
        large = [(w + 1.5) / v for w, v in zip(widths, values, strict=True) if w > 3]
        assert all(abs(each - large[0]) < 0.02 * large[0] for each in large)


@given(st.lists(st.tuples(labels, numbers, numbers, st.none() | numbers), min_size=1, max_size=15))
def test_ranges_are_inside(rows: list[tuple[str, float, float, float | None]]) -> None:
    """Dots, bars and limits, whatever their order."""
    made = [Range(label, min(a, b), max(a, b), limit, "half in 3 d") for label, a, b, limit in rows]
    assert all(inside(each) for each in both(charts.ranges(made, "limit")))


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=150))
def test_columns_are_inside(months: list[tuple[float, float]]) -> None:
    """Also of many months, and of none that has anything."""
    filed, given_ = [a for a, _ in months], [b for _, b in months]
    drawn = charts.columns([""] * len(months), filed, given_)
    assert all(inside(each) for each in both(drawn))


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=6))
def test_claims_are_inside(rows: list[tuple[float, float]]) -> None:
    """One claim, several that agree, or a range."""
    drawn = charts.claims([Claim(min(row), max(row), "said by somebody") for row in rows])
    assert all(inside(each) for each in both(drawn))


@given(st.floats(0, 1e9))
def test_an_axis_reaches_the_largest_number_in_a_few_round_steps(most: float) -> None:
    """Not many times beyond it, and with no more than six marks."""
    found = charts.ticks(most)
    assert found[0] == 0 and found[-1] >= most and len(found) <= 6
    assert most < 1 or found[-1] < most * 2.6 + 1


@given(st.lists(st.integers(0, 400), min_size=1))
def test_half_of_the_acts_were_done_within_the_median(days: list[int]) -> None:
    """And nine of ten within the other; both are days on which something was done."""
    delays = Delays()
    for each in days:
        delays.add(each, None)
    for share in (0.5, 0.9):
        found = delays.quantile(share)
        assert found in days
        assert sum(each <= found for each in days) >= share * len(days)
        assert sum(each < found for each in days) < share * len(days)


def _paths(words: object, at: str = "") -> set[str]:
    if isinstance(words, dict):
        return {path for name, each in words.items() for path in _paths(each, f"{at}.{name}")}
    return {at}


def test_every_language_says_the_same_things() -> None:
    """The same sentences with the same figures in them, in each."""
    import re

    def figures(words: object) -> dict[str, list[str]]:
        found = {}
        for path in _paths(words):
            value: object = words
            for name in path.split(".")[1:]:
                assert isinstance(value, dict)
                value = value[name]
            found[path] = sorted(re.findall(r"\{(\w+)\}", str(value)))
        return found

    first = figures(Wording("en").words)
    assert [figures(Wording(each).words) == first for each in LANGUAGES] == [True] * len(LANGUAGES)


@pytest.mark.parametrize(
    ("language", "number", "share", "country"),
    [
        ("en", "27,649", "84%", "Senegal"),
        ("fr", "27\u202f649", "84 %", "Sénégal"),
        ("ar", "27.649", "84%", "السنغال"),
    ],
)
def test_numbers_and_names_are_written_as_the_language_writes_them(
    language: str, number: str, share: str, country: str
) -> None:
    """Of thousands, of shares, of countries."""
    wording = Wording(language)
    assert wording.plain(27649).replace("\xa0", "\u202f") == number
    assert wording.share(84, 100).replace("\u200e", "").replace("\u202f", " ").replace("\xa0", " ") == share
    assert wording.country("SEN") == country
