"""Charts as plain shapes, which the template turns into SVG.

Each chart is drawn twice: for a wide page, and for a telephone, with labels above their bars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

WIDE, NARROW = 720, 336
"""Widths of the two drawings, in pixels at full size."""
_LETTER, _SLIM = 7.2, 6.5
"""Widths of a letter in labels: a wide one to reserve room, a narrow one to shorten text."""
_ROW, _TALL_ROW = 27, 45
"""Heights of a row in the two drawings."""


class Shape(NamedTuple):
    """A rect, line, circle, path or text; ``style`` is its CSS class, ``at`` its coordinates."""

    kind: str
    style: str
    at: tuple[float, ...] = ()
    text: str = ""


class Drawing(NamedTuple):
    """One drawing of a chart."""

    width: int
    height: int
    shapes: list[Shape]


class Chart(NamedTuple):
    """A chart in both widths."""

    wide: Drawing
    narrow: Drawing


class Bar(NamedTuple):
    """A row of a bar chart: parts with their CSS class, and a note at the end."""

    label: str
    parts: tuple[tuple[str, float], ...]
    note: str


class Range(NamedTuple):
    """A row of a chart of delays: the median, the ninth decile and the legal limit."""

    label: str
    usual: float
    most: float
    limit: float | None
    note: str
    late: bool = False


class Claim(NamedTuple):
    """A published number or range, with its text."""

    low: float
    high: float
    text: str


def ticks(most: float, wanted: int = 4) -> list[int]:
    """Return round numbers from 0 to at least ``most``."""
    step = 1
    while step * wanted < most:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return list(range(0, int(-(-most // step)) * step + 1, step))


def bars(rows: Sequence[Bar]) -> Chart:
    """Draw rows of stacked bars, the longest as long as there is room."""
    most = max((sum(value for _, value in row.parts) for row in rows), default=1) or 1
    notes = _room(row.note for row in rows)

    def draw(width: int) -> Drawing:
        wide = width == WIDE
        names = min(_room(row.label for row in rows) + 2, 236) if wide else 0
        scale = (width - names - notes if wide else width - 1) / most
        shapes: list[Shape] = []
        for at, row in enumerate(rows):
            if wide:
                top = at * _ROW + 4
                _name(shapes, row.label, names, top + 14)
                end = _stack(shapes, row, names, top, 18, scale)
                shapes.append(Shape("text", "note", (end + 8, top + 14), row.note))
            else:
                top = at * _TALL_ROW
                _heading(shapes, row, width, notes, top + 14)
                _stack(shapes, row, 0, top + 20, 15, scale)
        return Drawing(width, len(rows) * _ROW + 8 if wide else len(rows) * _TALL_ROW + 2, shapes)

    return _both(draw)


def ranges(rows: Sequence[Range], limit_label: str) -> Chart:
    """Draw rows with a dot at the median, a bar to the ninth decile, and a line at the limit."""
    most = max((max(row.most, row.limit or 0) for row in rows), default=1) or 1
    marks = ticks(most * 1.02)
    notes = _room(row.note for row in rows)

    def draw(width: int) -> Drawing:
        wide = width == WIDE
        names = min(_room(row.label for row in rows) + 2, 216) if wide else 6
        height, head = (_ROW if wide else _TALL_ROW), 40
        scale = ((width - notes if wide else width - 12) - names) / marks[-1]
        bottom = head + len(rows) * height
        shapes: list[Shape] = []
        for mark in marks:
            x = names + mark * scale
            shapes.append(Shape("line", "grid", (x, head - 6, x, bottom)))
            shapes.append(Shape("text", "tick middle", (x, head - 11), f"{mark}"))
        for at, row in enumerate(rows):
            y = head + at * height + (14 if wide else 32)
            if wide:
                _name(shapes, row.label, names, y + 4)
                shapes.append(Shape("text", "note end", (width, y + 4), row.note))
            else:
                _heading(shapes, row, width, notes, y - 16)
            left, style = names + row.usual * scale, "late" if row.late else "span"
            shapes.append(Shape("rect", style, (left, y - 4, max(row.most - row.usual, 0) * scale, 8)))
            shapes.append(Shape("circle", "usual", (left, y, 6)))
        limits = {at: names + row.limit * scale for at, row in enumerate(rows) if row.limit is not None}
        for at, x in limits.items():
            # On a telephone no line crosses the label above the bar.
            top = head + at * height + (0 if wide else 21)
            shapes.append(Shape("line", "limit", (x, top, x, head + (at + 1) * height)))
        if limits:
            x = next(iter(limits.values()))
            anchor = "end" if x + len(limit_label) * _LETTER / 2 > width else "middle"
            shapes.append(Shape("text", f"limit-says {anchor}", (x, 12), limit_label))
        return Drawing(width, bottom + 6, shapes)

    return _both(draw)


def columns(labels: Sequence[str], filed: Sequence[float], granted: Sequence[float]) -> Chart:
    """Draw columns over time with a line across them; an empty label is left out."""
    marks = ticks(max([*filed, *granted, 1]))

    def draw(width: int) -> Drawing:
        height, left, bottom = (280, 44, 252) if width == WIDE else (220, 36, 192)
        step = (width - left) / max(len(filed), 1)
        scale = (bottom - 14) / marks[-1]
        shapes = []
        for mark in marks:
            y = bottom - mark * scale
            shapes.append(Shape("line", "grid", (left, y, width, y)))
            shapes.append(Shape("text", "tick end", (left - 6, y + 4), f"{mark:,}".replace(",", "\u202f")))
        path = []
        for at, value in enumerate(filed):
            x, high = left + at * step, value * scale
            if value:
                shapes.append(Shape("rect", "filed", (x + step * 0.1, bottom - high, step * 0.8, high)))
            path += [x + step / 2, bottom - granted[at] * scale]
            if labels[at] and x < width - 28:
                shapes.append(Shape("line", "axis", (x, bottom, x, bottom + 6)))
                shapes.append(Shape("text", "tick", (x + 3, bottom + 18), labels[at]))
        shapes.append(Shape("line", "axis", (left, bottom, width, bottom)))
        shapes.append(Shape("path", "given", tuple(path)))
        return Drawing(width, height, shapes)

    return _both(draw)


def claims(rows: Sequence[Claim]) -> Chart:
    """Draw published numbers, one a line, on one scale that does not begin at 0."""
    low, high = min(row.low for row in rows), max(row.high for row in rows)
    spread = (high - low) or max(high * 0.02, 1)

    def draw(width: int) -> Drawing:
        left, right = 10.0, (250.0 if width == WIDE else width - 10.0)
        scale = (right - left - 16) / (spread * 1.1)
        height = 26 if width == WIDE else 44
        shapes = []
        for at, row in enumerate(rows):
            y = at * height + 14
            x, end = (left + 8 + (value - low) * scale for value in (row.low, row.high))
            shapes.append(Shape("line", "grid", (left, y, right, y)))
            if row.high > row.low:
                shapes.append(Shape("line", "between", (x, y, end, y)))
                shapes.append(Shape("circle", "claim", (end, y, 6)))
            shapes.append(Shape("circle", "claim", (x, y, 6)))
            words = (right + 14, y + 4) if width == WIDE else (0, y + 22)
            shapes.append(Shape("text", "name", words, _shortened(row.text, width - words[0])))
        return Drawing(width, len(rows) * height + 6, shapes)

    return _both(draw)


def _both(draw: Callable[[int], Drawing]) -> Chart:
    return Chart(draw(WIDE), draw(NARROW))


def _room(texts: Iterable[str]) -> float:
    return max(map(len, texts), default=0) * _LETTER + 12


def _shortened(text: str, room: float) -> str:
    most = int(room / _SLIM)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _name(shapes: list[Shape], label: str, names: float, y: float) -> None:
    """Add a row's label in the column at the left of a wide drawing."""
    shapes.append(Shape("text", "name end", (names - 10, y), _shortened(label, names - 10)))


def _heading(shapes: list[Shape], row: Bar | Range, width: int, notes: float, y: float) -> None:
    """Add a row's label and note above its bar in a narrow drawing."""
    shapes.append(Shape("text", "name", (0, y), _shortened(row.label, width - notes)))
    shapes.append(Shape("text", "note end", (width, y), row.note))


def _stack(shapes: list[Shape], row: Bar, left: float, top: float, height: float, scale: float) -> float:
    """Add the parts of a bar side by side with a small gap; return where they end."""
    for style, value in row.parts:
        if value > 0:
            width = value * scale
            shapes.append(Shape("rect", style, (left, top, max(width - 1.5, 0.75), height)))
            left += width
    return left
