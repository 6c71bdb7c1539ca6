"""What the mutation run puts into functions is a fault each time, and is really put there."""

from datetime import date
from pathlib import Path

from permits_engine.domain import periods
from tests.mutants.mutations import mutants
from tests.mutants.run import MODULES, apply, every, plain

SOURCE = '''
def lasts(day, n):
    """Docstrings stay as they are."""
    if day > n and not day == 3:
        return day + 1
    return max(day, n)
'''


def test_each_comparison_condition_number_and_return_is_changed_once() -> None:
    """Every mutant differs from the function in one place; docstrings are left alone."""
    found = {f"{m.was.splitlines()[0]} -> {m.becomes.splitlines()[0]}" for m in mutants("x", SOURCE)}
    assert {
        "day > n -> day >= n",
        "day == 3 -> day != 3",
        "not day == 3 -> day == 3",
        "day > n and (not day == 3) -> day > n or not day == 3",
        "day > n and (not day == 3) -> day > n",
        "if day > n and (not day == 3): -> if True:",
        "if day > n and (not day == 3): -> if False:",
        "day + 1 -> day - 1",
        "1 -> 2",
        "max -> min",
        "return day + 1 -> return None",
        "return max(day, n) -> return None",
    } <= found
    assert not any("Docstrings" in each for each in found)


def test_no_mutant_reads_as_what_it_came_from() -> None:
    """In the four modules of the run, of which there are many mutants each."""
    found = every()
    assert {m.module for m in found} == set(MODULES)
    assert len(found) > 900
    sources = {
        name: Path(f"permits_engine/domain/{name.replace('.', '/')}.py").read_text(encoding="utf-8")
        for name in MODULES
    }
    assert all(m.was != m.becomes for m in found)
    assert all(m.line <= len(sources[m.module].splitlines()) for m in found)


def test_a_mutant_takes_the_place_of_the_function_everywhere() -> None:
    """Also where another module holds the function already."""
    before = plain(periods.term_end).__code__
    [mutant] = [
        m
        for m in every()
        if m.function == "term_end" and m.was.endswith("- ONE_DAY") and "return" not in m.was
    ]
    try:
        apply(mutant)
        assert periods.term_end(date(2014, 9, 10), periods.Period(1)) == date(2015, 9, 11)
    finally:
        periods.term_end.__code__ = before
    assert periods.term_end(date(2014, 9, 10), periods.Period(1)) == date(2015, 9, 9)
