"""What is recorded behind something later: which answer prevents it, and what to do instead."""

from datetime import date
from typing import Any

import pytest

from permits_engine.domain.errors import PermitsError
from tests.model.lives import a_life
from tests.model.world import REASONS, Act, State, decided, waited

OPINION = (
    "2014-03-03",
    "record_opinion",
    {"body": "local_commission", "favourable": True, "reasons": "seen"},
)
RENEWED_BY_LAW = a_life(
    OPINION,
    ("2014-03-03", "issue_permit", {}),
    ("2015-02-02", "request_renewal", {"missing": ()}),
    ("2015-03-02", "run_clock", {}),
    filed="2014-03-03",
    category="regularisation-2014",
)
GRANTED_BY_SILENCE = a_life(("2025-09-10", "run_clock", {}), filed="2025-06-02", where="ES")
REVOKED = a_life(
    ("2019-02-04", "issue_permit", {}),
    ("2020-01-06", "revoke_permit", {"ground": "judicial-ban", **REASONS}),
)


def refused(state: State, day: str, name: str, **fields: Any) -> PermitsError:
    """The error that a command meets on the day after the last one of a life."""
    with pytest.raises(PermitsError) as problem:
        decided(waited(state, date(2027, 1, 4)), Act(name, date.fromisoformat(day), tuple(fields.items())))
    assert problem.value.code == "transition.not_allowed"
    return problem.value


def test_a_refusal_behind_an_automatic_renewal_names_it_and_the_remedy() -> None:
    """Which term, granted how and when, and that a title is taken by withdrawing it or by a correction."""
    problem = refused(RENEWED_BY_LAW, "2015-02-10", "refuse_renewal", **REASONS)
    assert "term 2 was granted by the automatic renewal of 2015-03-02" in problem.message
    assert "revoke_permit" in problem.message and "correct_record" in problem.message
    assert problem.details["later_event"] == {"name": "permit.renewed", "on": "2015-03-02"}


def test_a_refusal_behind_a_grant_by_silence_names_it_and_the_remedy() -> None:
    """The day is that on which silence had become the acceptance, not that of the pass."""
    problem = refused(GRANTED_BY_SILENCE, "2025-09-01", "refuse_application", **REASONS)
    assert "term 1 was granted by silence on 2025-09-03" in problem.message
    assert "revoke_permit" in problem.message and "correct_record" in problem.message
    assert problem.details["later_event"] == {"name": "permit.implicitly_granted", "on": "2025-09-03"}


@pytest.mark.parametrize(
    "name, fields",
    [
        ("renew_permit", {}),
        ("request_documents", {"documents": ("passport-original",), "reason": "a doubt"}),
    ],
)
def test_nothing_else_is_decided_behind_the_grant_either(name: str, fields: dict[str, Any]) -> None:
    """Neither the same term once more nor a request that would suspend a time that is over."""
    assert "term 2 was granted" in refused(RENEWED_BY_LAW, "2015-02-10", name, **fields).message


def test_a_request_behind_the_renewal_that_answered_it_is_not_recorded() -> None:
    """It would be taken for a request to renew the term that it had been given."""
    life = a_life(
        OPINION,
        ("2014-03-03", "issue_permit", {}),
        ("2015-03-02", "run_clock", {}),
        filed="2014-03-03",
        category="regularisation-2014",
    )
    problem = refused(life, "2015-02-20", "request_renewal", missing=())
    assert "term 2 was granted by the automatic renewal of 2015-03-02" in problem.message
    assert "leaves nothing to ask for as of 2015-02-20" in problem.message


def test_a_request_before_one_that_is_on_record_is_a_correction_of_its_day() -> None:
    """There is one request to renew a term; the message says which event to correct."""
    life = a_life(("2019-02-04", "issue_permit", {}), ("2020-01-06", "request_renewal", {"missing": ()}))
    problem = refused(life, "2020-01-02", "request_renewal", missing=())
    assert "a request of 2020-01-06 is on record" in problem.message
    assert "of_version 4" in problem.message
    assert problem.details["later_event"] == {"name": "permit.renewal_requested", "on": "2020-01-06"}


def test_a_request_before_the_closure_names_the_closure() -> None:
    """A closed file takes no request of any day; the new one is a file of its own."""
    life = a_life(("2019-02-04", "issue_permit", {}), ("2020-01-06", "close_permit", {"reason": "departed"}))
    problem = refused(life, "2020-01-02", "request_renewal", missing=())
    assert "the file was closed on 2020-01-06" in problem.message and "lodge_application" in problem.message
    assert problem.details["later_event"] == {"name": "permit.closed", "on": "2020-01-06"}


def test_a_request_made_before_a_revocation_is_recorded_on_its_day() -> None:
    """What the holder did is a fact; a revocation of the title is no answer to it."""
    act = Act("request_renewal", date(2020, 1, 2), (("missing", ()),))
    drafts = decided(waited(REVOKED, date(2020, 1, 8)), act)
    assert [draft.kind.NAME for draft in drafts] == ["permit.renewal_requested", "permit.receipt_issued"]
    assert {draft.effective_on for draft in drafts} == {date(2020, 1, 2)}
