"""The last day on which a return keeps the title: whose it is, and when no day keeps it."""

from tests.model.lives import a_life, kinds
from tests.model.world import REASONS

GRANTED = ("2019-02-04", "issue_permit", {})


def test_the_limit_of_an_absence_holds_from_the_exit_until_the_day_before_the_return() -> None:
    """Decree 2-09-607 article 19: who is here, or back, has nothing to keep."""
    state = a_life(GRANTED, ("2019-03-04", "record_exit", {}), ("2019-06-03", "record_return", {}))
    stands = {
        day: "absence_limit" in kinds(state, f"2019-{day}") for day in ("03-03", "03-04", "06-02", "06-03")
    }
    assert stands == {"03-03": False, "03-04": True, "06-02": True, "06-03": False}


def test_an_absence_ends_no_title_that_is_over_and_its_limit_passes_with_its_day() -> None:
    """A title that ran out while its holder was away is not lost again, and nothing is counted down any more."""
    state = a_life(GRANTED, ("2019-12-30", "record_exit", {}))
    assert "absence_limit" in kinds(state, "2020-06-30")
    assert "absence_limit" not in kinds(state, "2020-07-01")


def test_a_title_that_was_taken_is_not_lost_by_an_absence_as_well() -> None:
    """A revocation leaves nothing to come back for in time."""
    away = ("2019-03-04", "record_exit", {})
    assert "absence_limit" in kinds(a_life(GRANTED, away), "2019-03-05")
    taken = ("2019-03-05", "revoke_permit", {"ground": "judicial-ban", **REASONS})
    assert "absence_limit" not in kinds(a_life(GRANTED, away, taken), "2019-03-05")
