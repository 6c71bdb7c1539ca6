"""A few tries at each input from outside, and everything that was ever found, tried again."""

from collections.abc import Iterator

import pytest

from tests.fuzz.doors import Door
from tests.fuzz.doors import doors as opened
from tests.fuzz.running import FINDINGS, attempt, fuzz

DOORS = (
    *(
        "register",
        "commands",
        "policy",
        "scenario",
        "notices",
        "proof",
        "checkpoint",
        "token",
        "signed-token",
    ),
    *("receipt", "status-list", "bounce", "settings"),
)
SLOW = ("policy", "scenario", "notices")
"""Twenty tries of these take a second."""


@pytest.fixture(scope="module")
def doors() -> Iterator[dict[str, Door]]:
    """Every door, on one store."""
    with opened() as found:
        assert tuple(found) == DOORS
        yield found


@pytest.mark.parametrize("name", DOORS)
def test_a_door_answers_or_refuses_with_a_documented_error(name: str, doors: dict[str, Door]) -> None:
    """Whatever is brought: no other exception, no hang. ``make fuzz SECONDS=120`` tries for longer."""
    times = 8 if name in SLOW else 30
    tried = fuzz(doors[name], times=times)
    assert not tried.findings, f"{tried.findings[0][0]!r}: {tried.findings[0][1]!r}"
    assert tried.executions >= times


@pytest.mark.parametrize("name", DOORS)
def test_a_door_takes_the_good_files_that_fuzzing_begins_from(name: str, doors: dict[str, Door]) -> None:
    """Otherwise nothing behind the first check would be tried."""
    answers = {attempt(doors[name], content) for content in doors[name].seeds}
    assert "taken" in answers or answers <= {"transition.not_allowed", "notices"}, answers


@pytest.mark.parametrize("path", sorted(FINDINGS.glob("*.*")), ids=lambda path: path.name)
def test_what_was_found_once_is_refused_now(path, doors: dict[str, Door]) -> None:  # type: ignore[no-untyped-def]
    """The smallest bytes that broke a door before it was mended; the name begins with the door's."""
    attempt(doors[path.name.rpartition(".")[0]], path.read_bytes())
