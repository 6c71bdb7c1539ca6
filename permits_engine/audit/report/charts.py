"""Charts as shapes on a plane of a given width: drawn by a template, read by a screen reader, printed as they are.

Each is made twice, for a wide page and for a telephone, where a label stands above its bar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

WIDE, NARROW = 720, 336
"""Widths of the two drawings, in units that are pixels at their full size."""
_LETTER, _SLIM = 7.2, 6.5
"""Width of a usual letter at the size of the labels: to leave room for, and to cut by."""
_ROW, _TALL_ROW = 27, 45


class Shape(NamedTuple):
    """A mark: ``kind`` rect, line, circle, path or text; ``style`` names its class, ``at`` its numbers."""

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
    """A chart for every width of page."""

    wide: Drawing
    narrow: Drawing


class Bar(NamedTuple):
    """A row of a bar chart: its parts by the name of their class, and a word at its end."""

    label: str
    parts: tuple[tuple[str, float], ...]
    note: str


class Range(NamedTuple):
    """A row of a chart of delays: the usual one, the one that nine of ten kept to, the limit."""

    label: str
    usual: float
    most: float
    limit: float | None
    note: str
    late: bool = False


class Claim(NamedTuple):
    """A published number, or a range of them, with the words beside it."""

    low: float
    high: float
    text: str
    own: bool = False


def _both(draw: Callable[[int], Drawing]) -> Chart:
    return Chart(draw(WIDE), draw(NARROW))


def _cut(text: str, room: float) -> str:
    most = int(room / _SLIM)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def ticks(most: float, wanted: int = 4) -> list[int]:
    """Round numbers from 0 up to the greatest or just above it."""
    step = 1
    while step * wanted < most:
        digits = str(step)
        step = step * 5 // 2 if digits[0] == "2" else step * 2
    return list(range(0, int(-(-most // step)) * step + 1, step))


def bars(rows: Sequence[Bar]) -> Chart:
    """Rows of stacked bars, the longest as long as there is room."""
    most = max((sum(value for _, value in row.parts) for row in rows), default=1) or 1
    notes = max((len(row.note) for row in rows), default=0) * _LETTER + 12

    def wide(width: int) -> Drawing:
        names = min(max((len(row.label) for row in rows), default=0) * _LETTER + 14, 236)
        shapes = []
        for at, row in enumerate(rows):
            top = at * _ROW + 4
            shapes.append(Shape("text", "name end", (names - 10, top + 14), _cut(row.label, names - 10)))
            end = _stack(shapes, row, names, top, 18, (width - names - notes) / most)
            shapes.append(Shape("text", "note", (end + 8, top + 14), row.note))
        return Drawing(width, len(rows) * _ROW + 8, shapes)

    def narrow(width: int) -> Drawing:
        shapes = []
        for at, row in enumerate(rows):
            top = at * _TALL_ROW
            shapes.append(Shape("text", "name", (0, top + 14), _cut(row.label, width - notes)))
            shapes.append(Shape("text", "note end", (width, top + 14), row.note))
            _stack(shapes, row, 0, top + 20, 15, (width - 1) / most)
        return Drawing(width, len(rows) * _TALL_ROW + 2, shapes)

    return _both(lambda width: wide(width) if width == WIDE else narrow(width))


def _stack(shapes: list[Shape], row: Bar, left: float, top: float, height: float, scale: float) -> float:
    """The parts of a bar beside one another, a hair apart; gives where they end."""
    for style, value in row.parts:
        if value > 0:
            width = value * scale
            shapes.append(Shape("rect", style, (left, top, max(width - 1.5, 0.75), height)))
            left += width
    return left


def ranges(rows: Sequence[Range], limit_says: str) -> Chart:
    """Rows with a dot at the usual delay and a bar to the one that nine of ten kept to; limits are lines."""
    most = max((max(row.most, row.limit or 0) for row in rows), default=1) or 1
    scale_to = ticks(most * 1.02)
    notes = max((len(row.note) for row in rows), default=0) * _LETTER + 12

    def draw(width: int) -> Drawing:
        wide = width == WIDE
        names = min(max((len(row.label) for row in rows), default=0) * _LETTER + 14, 216) if wide else 6
        right = width - notes if wide else width - 12
        height, head = (_ROW if wide else _TALL_ROW), 40
        scale = (right - names) / scale_to[-1]
        bottom = head + len(rows) * height
        shapes = []
        for tick in scale_to:
            x = names + tick * scale
            shapes.append(Shape("line", "grid", (x, head - 6, x, bottom)))
            shapes.append(Shape("text", "tick middle", (x, head - 11), f"{tick}"))
        for at, row in enumerate(rows):
            top = head + at * height
            y = top + (14 if wide else 32)
            if wide:
                shapes.append(Shape("text", "name end", (names - 10, y + 4), _cut(row.label, names - 10)))
                shapes.append(Shape("text", "note end", (width, y + 4), row.note))
            else:
                shapes.append(Shape("text", "name", (0, top + 16), _cut(row.label, width - notes)))
                shapes.append(Shape("text", "note end", (width, top + 16), row.note))
            left, style = names + row.usual * scale, "late" if row.late else "span"
            shapes.append(Shape("rect", style, (left, y - 4, max(row.most - row.usual, 0) * scale, 8)))
            shapes.append(Shape("circle", "usual", (left, y, 6)))
        shapes += _limits(rows, names, scale, head, height, width, limit_says)
        return Drawing(width, bottom + 6, shapes)

    return _both(draw)


def _limits(
    rows: Sequence[Range], left: float, scale: float, head: float, height: float, width: int, says: str
) -> list[Shape]:
    """A line across each row at its limit, and one word above the first of them."""
    shapes, told = [], False
    for at, row in enumerate(rows):
        if row.limit is None:
            continue
        x, top, bottom = left + row.limit * scale, head + at * height, head + (at + 1) * height
        # On a telephone the words of the row stand above its bar, where no line should cross them.
        top += 0 if width == WIDE else 21
        shapes.append(Shape("line", "limit", (x, top, x, bottom)))
        if not told:
            end = x + len(says) * _LETTER / 2 > width
            shapes.append(Shape("text", "limit-says end" if end else "limit-says middle", (x, 12), says))
            told = True
    return shapes


def columns(labels: Sequence[str], filed: Sequence[float], granted: Sequence[float]) -> Chart:
    """Columns over time with a line across them; a label that is empty is left out."""
    scale_to = ticks(max([*filed, *granted, 1]))

    def draw(width: int) -> Drawing:
        height, left, bottom = (280, 44, 252) if width == WIDE else (220, 36, 192)
        step = (width - left) / max(len(filed), 1)
        scale = (bottom - 14) / scale_to[-1]
        shapes = []
        for tick in scale_to:
            y = bottom - tick * scale
            shapes.append(Shape("line", "grid", (left, y, width, y)))
            shapes.append(Shape("text", "tick end", (left - 6, y + 4), f"{tick:,}".replace(",", "\u202f")))
        path = []
        for at, value in enumerate(filed):
            x = left + at * step
            if value:
                shapes.append(
                    Shape(
                        "rect", "filed", (x + step * 0.1, bottom - value * scale, step * 0.8, value * scale)
                    )
                )
            path += [x + step / 2, bottom - granted[at] * scale]
            if labels[at] and x < width - 28:
                shapes.append(Shape("line", "axis", (x, bottom, x, bottom + 6)))
                shapes.append(Shape("text", "tick", (x + 3, bottom + 18), labels[at]))
        shapes.append(Shape("line", "axis", (left, bottom, width, bottom)))
        shapes.append(Shape("path", "given", tuple(path)))
        return Drawing(width, height, shapes)

    return _both(draw)


def claims(rows: Sequence[Claim]) -> Chart:
    """What several sources say of one number, each on a line of its own on one scale that does not begin at 0."""
    low, high = min(row.low for row in rows), max(row.high for row in rows)
    spread = (high - low) or max(high * 0.02, 1)

    def draw(width: int) -> Drawing:
        left, right = 10.0, (250.0 if width == WIDE else width - 10.0)
        scale = (right - left - 16) / (spread * 1.1)
        height = 26 if width == WIDE else 44
        shapes = []
        for at, row in enumerate(rows):
            top = at * height
            y = top + 14
            x = left + 8 + (row.low - low) * scale
            end = left + 8 + (row.high - low) * scale
            shapes.append(Shape("line", "grid", (left, y, right, y)))
            if row.high > row.low:
                shapes.append(Shape("line", "between", (x, y, end, y)))
                shapes.append(Shape("circle", "claim", (end, y, 6)))
            shapes.append(Shape("circle", "own" if row.own else "claim", (x, y, 6)))
            words = (right + 14, y + 4) if width == WIDE else (0, y + 22)
            room = width - words[0]
            shapes.append(Shape("text", "name", words, _cut(row.text, room)))
        return Drawing(width, len(rows) * height + 6, shapes)

    return _both(draw)
