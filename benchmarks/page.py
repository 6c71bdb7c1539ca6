"""``docs/performance.md``: the table and the plot of one run, between marks, the rest of the page left as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.machine import Machine
from benchmarks.measure import Measure

_PLACE = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->)", re.DOTALL)


def write(page: Path, machine: Machine, found: Mapping[str, Sequence[Measure]]) -> None:
    """Put the figures of a run into a page; raises ``ValueError`` where it has no place for them."""
    before = page.read_text(encoding="utf-8")
    after, times = _PLACE.subn(lambda m: f"{m[1]}\n{_told(machine, found)}\n\n{m[2]}", before)
    if times != 1:
        raise ValueError(f"{page} has no place for the figures: <!-- measured --> … <!-- /measured -->")
    page.write_text(after, encoding="utf-8")


def _told(machine: Machine, found: Mapping[str, Sequence[Measure]]) -> str:
    parts = [f"{machine.told()}."]
    for name, measures in found.items():
        parts += [f"### {name}", "\n".join(_table(measures)), "\n".join(_plot(name, measures))]
    return "\n\n".join(parts)


def _table(measures: Sequence[Measure]) -> Iterator[str]:
    yield "| measure | share of the raw limit | aim | ours | raw limit | processor over raw | |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for each in measures:
        share = "" if each.ratio is None else f"**{each.ratio:.2f}**"
        aim = "" if each.aim is None else f"{each.aim:g}"
        raw = "" if each.raw is None else f"{each.raw:,.0f}/s"
        cpu = "" if each.cpu is None else f"{each.cpu:,.0f} µs"
        yield f"| {each.name} | {share} | {aim} | {each.ours:,.0f} {each.tx}s/s | {raw} | {cpu} | {each.note} |"


def _plot(name: str, measures: Sequence[Measure]) -> Iterator[str]:
    """Bars for what is reached and a line for what was aimed at, drawn by Mermaid."""
    shown = [each for each in measures if each.ratio is not None and each.aim is not None]
    yield "```mermaid"
    yield "xychart-beta horizontal"
    yield f'  title "{name}: share of the bare driver (bars), aim (line)"'
    yield f"  x-axis [{', '.join(_quoted(each.name) for each in shown)}]"
    yield '  y-axis "share" 0 --> 1'
    yield f"  bar [{', '.join(f'{each.ratio or 0:.2f}' for each in shown)}]"
    yield f"  line [{', '.join(f'{each.aim or 0:.2f}' for each in shown)}]"
    yield "```"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'
