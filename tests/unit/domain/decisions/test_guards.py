"""What is recorded behind something later: which answer prevents it, and which gives way to it."""

from datetime import date
from typing import Any

import pytest

from permits_engine.domain.errors import PermitsError
from tests.model.lives import a_life
from tests.model.world import REASONS, Act, State, after, decided, waited

OPINION = (
    "2014-03-03",
    "record_opinion",
    {"body": "local_commission", "favourable": True, "reasons": "seen"},
)
ISSUED_2014 = (OPINION, ("2014-03-03", "issue_permit", {}))
CAMPAIGN = {"filed": "2014-03-03", "category": "regularisation-2014"}
RENEWED_BY_LAW = a_life(
    *ISSUED_2014,
    ("2015-02-02", "request_renewal", {"missing": ()}),
    ("2015-03-02", "run_clock", {}),
    **CAMPAIGN,
)
ASKED_IN_SPAIN = (
    ("2024-07-19", "issue_permit", {}),
    ("2025-06-02", "request_renewal", {"missing": ()}),
)
GRANTED_BY_SILENCE = a_life(*ASKED_IN_SPAIN, ("2025-09-10", "run_clock", {}), filed="2024-07-01", where="ES")
SILENT = a_life(*ASKED_IN_SPAIN, filed="2024-07-01", where="ES")
REVOKED = a_life(
    ("2019-02-04", "issue_permit", {}),
    ("2020-01-06", "revoke_permit", {"ground": "judicial-ban", **REASONS}),
)


LATER = date(2027, 1, 4)


def accepted(state: State, day: str, name: str, **fields: Any) -> State:
    """The file once a command of that day was recorded long after a life."""
    now, act = waited(state, LATER), Act(name, date.fromisoformat(day), tuple(fields.items()))
    return after(now, act, decided(now, act))


def refused(state: State, day: str, name: str, **fields: Any) -> PermitsError:
    """The error that a command meets long after a life."""
    with pytest.raises(PermitsError) as problem:
        accepted(state, day, name, **fields)
    assert problem.value.code == "transition.not_allowed"
    return problem.value


def test_a_refusal_of_a_day_before_the_automatic_renewal_counts() -> None:
    """The renewal is no decision: recorded by a pass, it gives way to the decision of an earlier day."""
    s = accepted(RENEWED_BY_LAW, "2015-02-10", "refuse_renewal", **REASONS).at(date(2015, 3, 20))
    assert (s.application_status, s.title_status) == ("refused", "expired")
    assert s.term is not None
    assert s.term.number == 1


def test_a_refusal_from_the_day_of_the_automatic_renewal_on_is_behind_it() -> None:
    """The request was granted then, whether or not a pass had recorded it."""
    unrecorded = a_life(*ISSUED_2014, ("2015-02-02", "request_renewal", {"missing": ()}), **CAMPAIGN)
    for life in (RENEWED_BY_LAW, unrecorded):
        assert "the application granted" in refused(life, "2015-03-02", "refuse_renewal", **REASONS).message


@pytest.mark.parametrize("life", [GRANTED_BY_SILENCE, SILENT], ids=["recorded", "not recorded"])
def test_in_spain_a_refusal_stops_the_silence_only_once_it_was_notified_in_time(life: State) -> None:
    """LO 4/2000, additional provision 1; dated before it and not notified, it changes nothing."""
    told = {"mode": "written", "proof": "signed"}
    dated = accepted(life, "2025-09-01", "refuse_renewal", **REASONS)
    assert dated.now.application_status == "implicitly_granted"
    assert "silence granted" in refused(dated, "2025-09-03", "notify_decision", **told).message
    assert accepted(dated, "2025-09-02", "notify_decision", **told).now.application_status == "refused"
    refused(life, "2025-09-03", "refuse_renewal", **REASONS)


@pytest.mark.parametrize(
    "name, fields",
    [
        ("renew_permit", {}),
        ("request_documents", {"documents": ("passport-original",), "reason": "a doubt"}),
    ],
)
def test_what_else_was_decided_before_the_automatic_renewal_is_recorded_too(
    name: str, fields: dict[str, Any]
) -> None:
    """A grant of an earlier day takes its place; a request for documents leaves it."""
    s = accepted(RENEWED_BY_LAW, "2015-02-10", name, **fields).at(date(2015, 3, 20))
    assert s.term is not None
    assert (s.term.number, s.term.valid_until) == (2, date(2016, 3, 2))
    assert s.track == ("standard" if name == "renew_permit" else "automatic")


def test_a_request_of_a_day_before_the_automatic_renewal_is_answered_by_it() -> None:
    """That it was made is a fact; it asks for the term that the law gave, not for the next one."""
    life = a_life(*ISSUED_2014, ("2015-03-02", "run_clock", {}), **CAMPAIGN)
    s = accepted(life, "2015-02-20", "request_renewal", missing=()).at(date(2015, 3, 20))
    assert (s.application_status, s.renewal_request, s.receipt) == ("granted", None, None)


def test_a_request_behind_the_decision_that_confirms_the_silence_is_not_recorded() -> None:
    """It would be taken for a request to renew the term that was given (Ley 39/2015 article 24.3)."""
    life = a_life(*ASKED_IN_SPAIN, ("2025-09-22", "renew_permit", {}), filed="2024-07-01", where="ES")
    problem = refused(life, "2025-09-10", "request_renewal", missing=())
    assert (
        "term 2 was granted on 2025-09-22, and leaves nothing to ask for as of 2025-09-10" in problem.message
    )
    assert problem.details["later_event"] == {"name": "permit.renewed", "on": "2025-09-22"}


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
