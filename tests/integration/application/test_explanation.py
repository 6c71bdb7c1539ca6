"""A decision explained as a lawyer asks: who, as what, on which file, what was answered, what else, how good."""

from typing import Any

import pytest

from permits_engine import Actor
from permits_engine.domain.decisions.quality import QUALITY_CHECKS
from permits_engine.policies.loading import packaged
from tests.integration.application.conftest import COUNTER, DECIDER, Office
from tests.registers import GOOD, write

WHY = {"reasons_in_fact": "no proof of residence", "reasons_in_law": "law 02-03, article 14"}


def quality(told: dict[str, Any]) -> dict[str, str]:
    """Each quality check that applies, and whether it was passed."""
    return {each["gate"]: each["status"] for each in told["quality"] if each["status"] != "not_applicable"}


def ordinary(office: Office) -> str:
    """An ordinary file of 2021 that lacked a document, which was supplied; one more was asked for and came."""
    permit_id = office.application(
        category="ordinary", criterion=None, on="2021-02-01", missing=["passport-copy"]
    )
    office.do("supply_documents", "2021-02-05", permit_id=permit_id, documents=["passport-copy"])
    office.do(
        "request_documents",
        "2021-02-15",
        permit_id=permit_id,
        documents=["passport-original"],
        reason="unclear",
    )
    office.do("supply_documents", "2021-02-20", permit_id=permit_id, documents=["passport-original"])
    return permit_id


def test_a_refusal_is_told_whole(office: Office) -> None:
    """The actor and role, the file and its state before, what was asked and answered, and the text's digest."""
    permit_id = ordinary(office)
    office.do("refuse_application", "2021-03-01", DECIDER, permit_id=permit_id, **WHY)
    told = office.engine.explain(permit_id)
    assert (told["command"], told["actor"]["id"]) == ("refuse_application", "officer-3")
    assert (told["acting_as"]["role"], told["acting_as"]["reach"]) == ("decider", "own")
    assert "article 6" in told["acting_as"]["competence"]
    assert (told["file"]["office"], told["file"]["category"]) == ("MA-RAB", "ordinary")
    assert told["file"]["state_before"]["application_status"] == "under_review"
    assert [(each["on"], each["what"]) for each in told["exchanged"]] == [
        ("2021-02-01", "application filed"),
        ("2021-02-05", "supplied"),
        ("2021-02-15", "asked for"),
        ("2021-02-20", "supplied"),
    ]
    assert told["exchanged"][2]["answered_on"] == "2021-02-20"
    assert len(told["basis"]["policy"]) == 64
    assert told["policy_title"].startswith("Morocco")


def test_what_else_could_have_been_done_is_told_with_what_stood_against_it(office: Office) -> None:
    """A campaign card could have been issued, but for the opinion that is missing."""
    permit_id = office.application()
    office.do("refuse_application", "2017-02-10", DECIDER, permit_id=permit_id, **WHY)
    others = {each["command"]: each for each in office.engine.explain(permit_id)["alternatives"]}
    assert "opinion" in others["issue_permit"]["but"]
    assert others["issue_permit"]["by"] == ["decider"]
    assert {"request_documents", "close_permit"} <= set(others)
    assert "refuse_application" not in others
    granted = {each["command"] for each in office.engine.explain(office.title())["alternatives"]}
    assert "refuse_application" in granted


def test_a_decision_that_was_notified_with_proof_passes_the_quality_checks(office: Office) -> None:
    """What the store cannot tell is open; the rest is passed, with the reasons opened for who may see them."""
    permit_id = ordinary(office)
    office.do("refuse_application", "2021-03-01", DECIDER, permit_id=permit_id, **WHY)
    office.do("notify_decision", "2021-03-03", COUNTER, permit_id=permit_id, mode="written", proof="signed")
    version = len(office.engine.history(permit_id)) - 1
    told = office.engine.as_(DECIDER).explain(permit_id, version)
    assert quality(told) == {
        "competent_actor": "passed",
        "written": "passed",
        "reasons_in_fact": "passed",
        "reasons_in_law": "passed",
        "legal_basis_exists": "passed",
        "documents_asked_are_listed": "passed",
        "notified_in_writing": "passed",
        "notice_states_appeal_route_and_deadline": "open",
        "language_ok": "open",
        "human_decision": "passed",
    }
    encrypted = quality(office.engine.explain(permit_id, version))
    assert encrypted["legal_basis_exists"] == "open"
    office.run_scheduler("2021-03-03")
    after = quality(office.engine.as_(DECIDER).explain(permit_id, version))
    assert (after["notice_states_appeal_route_and_deadline"], after["language_ok"]) == ("passed", "passed")


@pytest.mark.parametrize(
    ("law", "mode", "gate"),
    [
        ("it is so", "written", "legal_basis_exists"),
        ("law 02-03, article 14", "oral", "notified_in_writing"),
        ("law 02-03, article 14", None, "notified_in_writing"),
    ],
)
def test_a_decision_fails_the_quality_check_that_it_does_not_meet(
    office: Office, law: str, mode: str | None, gate: str
) -> None:
    """Reasons that name no text, an oral notice, no notice at all."""
    permit_id = office.application()
    why = {"reasons_in_fact": "none shown", "reasons_in_law": law}
    office.do("refuse_application", "2017-02-10", DECIDER, permit_id=permit_id, **why)
    if mode is not None:
        office.do("notify_decision", "2017-02-13", COUNTER, permit_id=permit_id, mode=mode)
    version = next(x["version"] for x in office.engine.history(permit_id) if x["name"] == "permit.refused")
    told = office.engine.as_(DECIDER).explain(permit_id, version)
    failed = [each["gate"] for each in told["quality"] if each["status"] == "failed"]
    assert gate in failed


def test_an_act_of_the_clock_is_no_decision(office: Office) -> None:
    """It has no quality checks: an effect of law was recorded."""
    permit_id = office.title()
    office.run_scheduler("2018-02-20")
    told = office.engine.explain(permit_id)
    assert (told["name"], told["command"], told["quality"]) == ("permit.lapsed", "run_clock", [])
    assert told["alternatives"][0]["command"] == "request_renewal"
    assert "could be asked for until 2018-02-15" in told["alternatives"][0]["but"]


def test_a_decision_of_long_ago_is_explained_by_its_own_rules(office: Office) -> None:
    """Ten years and three texts later, the answer is the same."""
    permit_id = office.title()
    before = office.engine.explain(permit_id)
    for number in range(3):
        office.at(f"202{number}-05-05")
        office.engine.policies.adopt(
            packaged("MA")
            .replace("title: Morocco, stay", f"title: Morocco {number}, stay")
            .replace("issue_permit: {decider: own}", "issue_permit: {hierarchy: any}")
        )
    office.at("2027-02-02")
    after = office.engine.explain(permit_id)
    assert after == before


def test_what_came_with_an_old_register_has_no_quality_checks(office: Office, tmp_path: Any) -> None:
    """It was decided elsewhere, and it says so."""
    office.at("2026-06-10")
    office.engine.store.import_register(write(tmp_path / "register.csv", [GOOD]))
    [row] = office.engine.find()
    told = office.engine.explain(row["permit_id"], 2)
    assert told["imported"] is True
    assert "quality" not in told


DELEGATION = """
  - {name: delegation.required, value: true, from: 2017-01-01, known: 2016-12-15, rank: order, confidence: high,
     source: {text: decision of the wali of Rabat, article: "1"}, applies: {role: [decider]}}
  - {name: delegation, value: "delegation 12/2016", from: 2017-01-01, known: 2016-12-15, rank: order,
     confidence: high, source: {text: decision of the wali of Rabat, article: "2"}, applies: {actor: [officer-3]}}
"""


def test_a_delegation_that_the_rules_ask_for_is_named(office: Office) -> None:
    """By the act that gave it; where none is asked for, the quality check does not apply, and none is left out."""
    permit_id = office.title()
    told = office.engine.explain(permit_id)
    assert [each["gate"] for each in told["quality"]] == list(QUALITY_CHECKS)
    gate = {each["gate"]: each for each in told["quality"]}["delegation_valid_on_date"]
    assert gate["status"] == "not_applicable"
    text = packaged("MA")
    at = text.index("  - {name: term.minimum")
    office.engine.policies.adopt(text[:at] + DELEGATION.lstrip("\n") + text[at:])
    office.do("request_renewal", "2018-01-10", permit_id=permit_id)
    office.do("renew_permit", "2018-01-20", DECIDER, permit_id=permit_id)
    told = office.engine.explain(permit_id)
    gate = {each["gate"]: each for each in told["quality"]}["delegation_valid_on_date"]
    assert (gate["status"], gate["because"]) == (
        "passed",
        "delegation 12/2016 (decision of the wali of Rabat, article 2)",
    )
    assert told["acting_as"]["delegation"] == gate["because"]


@pytest.mark.parametrize(
    ("language", "working", "gate"),
    [
        ("en", "term 1 runs from 1 February 2017 to 31 January 2018, inclusive", "decided by decider-1"),
        (
            "fr",
            "la période n° 1 court du 1er février 2017 au 31 janvier 2018 inclus",
            "décidée par decider-1",
        ),
        ("ar", "تسري المدة رقم 1 من 1 فبراير 2017 إلى غاية 31 يناير 2018", "اتخذه \u2068decider-1\u2069"),
    ],
)
def test_what_the_rules_say_is_told_in_the_language_asked_for(
    office: Office, language: str, working: str, gate: str
) -> None:
    """How deadlines were counted and how quality checks were passed; codes and the decision stay as they are."""
    permit_id = office.title()
    version = len(office.engine.history(permit_id))
    told = office.engine.explain(permit_id, version, language=language)
    clock = next(each for each in told["deadlines"] if each["kind"] == "title_expiry")
    assert clock["explanation"].startswith(working)
    assert type(clock["explanation"]) is str
    assert next(x["because"] for x in told["quality"] if x["gate"] == "human_decision") == gate
    same = office.engine.as_(Actor("auditor-1", "auditor")).explain(permit_id, version, language=language)
    assert same["deadlines"] == told["deadlines"]
    assert same["basis"] == office.engine.explain(permit_id, version)["basis"]
