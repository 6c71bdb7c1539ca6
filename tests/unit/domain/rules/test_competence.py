"""Who may act, as policy data: by command, role, office and date, with mandates and delegations."""

from datetime import date

import pytest

from permits_engine import Actor, IssuePermit, PermitsError, RecordOpinion
from permits_engine.commands import PUBLIC
from permits_engine.domain.rules.competence import competence_error
from permits_engine.policies.loading import compile_text, packaged, packaged_codes
from permits_engine.policies.values import ROLES
from permits_engine.testing import PERMIT_ID, Office, a_file, given
from tests.acts import REASONED

RULES = """
  - name: delegation.required
    value: true
    from: 2017-01-01
    known: 2016-12-15
    rank: order
    confidence: high
    source: {text: "décision of the wali of Rabat of 15 December 2016", article: "1"}
    applies: {office: [MA-RAB], role: [decider], command: [issue_permit, renew_permit]}
  - name: delegation
    value: "delegation 12/2016 of 15 December 2016"
    from: 2017-01-01
    until: 2017-12-31
    known: 2016-12-15
    rank: order
    confidence: high
    source: {text: "décision of the wali of Rabat of 15 December 2016", article: "2"}
    applies: {office: [MA-RAB], role: [decider], actor: [officer-3]}
  - name: mandate.required
    value: true
    from: 2016-12-15
    known: 2016-12-15
    rank: circular
    confidence: high
    source: {text: "circular of 15 December 2016", article: "4"}
    applies: {role: [local_commission]}
  - name: mandate
    value: "installed on 2 January 2017"
    from: 2017-01-02
    until: 2017-06-30
    known: 2016-12-28
    rank: circular
    confidence: high
    source: {text: "order installing the commission of Rabat"}
    applies: {role: [local_commission], office: [MA-RAB]}
  - name: competence
    value: {record_exit: {decider: own}}
    from: 2017-03-01
    until: 2017-03-31
    known: 2017-02-20
    rank: order
    confidence: low
    source: {text: "service order of the office of Fès"}
    applies: {office: [MA-FES]}
"""


def with_rules(rules: str = RULES) -> str:
    """The packaged policy of Morocco with more rows."""
    return packaged("MA").replace("\nparameters:\n", f"\nparameters:{rules}", 1)


@pytest.fixture
def office() -> Office:
    """An office of Rabat under these rules, on 1 December 2016."""
    office = Office.in_memory()
    office.engine.policies.adopt(with_rules())
    return office


DECIDER = Actor("officer-3", "decider", "MA-RAB")
OTHER = Actor("officer-9", "decider", "MA-RAB")


def advised(office: Office) -> None:
    """A file with the opinion of a commission in its mandate."""
    given(*a_file(), office=office)
    opinion = RecordOpinion(
        permit_id=PERMIT_ID,
        body="local_commission",
        favourable=True,
        reasons="shown",
        on=date(2017, 1, 20),
    )
    office.execute(opinion)


def issue(on: date) -> IssuePermit:
    return IssuePermit(permit_id=PERMIT_ID, on=on)


def test_a_decider_needs_a_delegation_where_the_policy_asks_for_one(office: Office) -> None:
    """Who holds one decides, and who does not is told which rule asks for it."""
    advised(office)
    story = given(office=office).when(issue(date(2017, 2, 1)), OTHER).then(refused="actor.not_competent")
    assert story.refusal.details["rule"] == "ma.delegation.required@2017-01-01"
    assert "15 December 2016, article 1" in story.refusal.details["norm"]
    assert "officer-9 held no delegation to issue_permit" in story.refusal.message
    story.when(issue(date(2017, 2, 1)), DECIDER).then("permit.issued")


def test_a_delegation_has_its_days(office: Office) -> None:
    """Before the rule no one needs one; after its last day it gives nothing any more."""
    advised(office)
    assert given(office=office).when(issue(date(2018, 1, 2)), DECIDER).refusal.code == "actor.not_competent"
    office = Office.in_memory()
    office.engine.policies.adopt(with_rules())
    given(*a_file(), office=office)
    assert given(office=office).when(issue(date(2016, 12, 30)), OTHER).refusal.code == "opinion.missing"


def test_a_delegation_may_be_for_some_commands(office: Office) -> None:
    """What the rule does not name, everybody of the role still does."""
    given(*a_file(), office=office)
    office.do("refuse_application", "2017-02-01", OTHER, permit_id=PERMIT_ID, **REASONED)


def test_a_decision_says_by_which_delegation_it_was_taken(office: Office) -> None:
    """Its reference and its basis, among the rules that the decision pins."""
    advised(office)
    given(office=office).when(issue(date(2017, 2, 1)), DECIDER).then("permit.issued")
    rules = office.engine.explain(PERMIT_ID)["basis"]["rules"]
    [delegation] = [each for each in rules if each["parameter"] == "delegation"]
    assert delegation["value"] == "delegation 12/2016 of 15 December 2016"
    assert delegation["norm"] == "décision of the wali of Rabat of 15 December 2016, article 2"


def test_a_commission_acts_within_its_mandate() -> None:
    """On its first and on its last day; the day before and the day after, no more."""
    policy = compile_text(with_rules())
    member = Actor("m", "local_commission", "MA-RAB")

    def code(day: date, actor: Actor = member) -> str | None:
        found = competence_error(
            policy.at(date(2020, 1, 1)), day, "record_opinion", actor, actor.prefecture, "local_commission"
        )
        return None if found is None else f"{found.code} {found.details['rule']}"

    wanted = "actor.not_competent ma.mandate.required@2016-12-15"
    assert [code(date(2017, 1, 1)), code(date(2017, 1, 2))] == [wanted, None]
    assert [code(date(2017, 6, 30)), code(date(2017, 7, 1))] == [None, wanted]
    assert code(date(2017, 3, 1), Actor("m", "local_commission", "MA-TNG")) == wanted


def test_an_office_may_have_its_own_competences() -> None:
    """A stronger rule for one office and some days: there its decider does what elsewhere the counter does."""
    policy = compile_text(with_rules())

    def may(role: str, place: str, day: date) -> bool:
        actor = Actor("x", role, place)
        return competence_error(policy.at(date(2020, 1, 1)), day, "record_exit", actor, place) is None

    inside, outside = date(2017, 3, 15), date(2017, 4, 1)
    assert [may("counter", "MA-FES", inside), may("decider", "MA-FES", inside)] == [False, True]
    assert [may("counter", "MA-FES", outside), may("decider", "MA-FES", outside)] == [True, False]
    assert [may("counter", "MA-RAB", inside), may("decider", "MA-RAB", inside)] == [True, False]


def test_what_is_allowed_depends_on_who_asks(office: Office) -> None:
    """A portal shows the button only to holders of the delegation."""
    advised(office)
    day = date(2017, 1, 25)
    office.at(day)
    assert "issue_permit" in office.engine.allowed(PERMIT_ID, actor=DECIDER, on=day)
    assert "issue_permit" not in office.engine.allowed(PERMIT_ID, actor=OTHER, on=day)
    assert "refuse_application" in office.engine.allowed(PERMIT_ID, actor=OTHER, on=day)


@pytest.mark.parametrize("jurisdiction", packaged_codes())
def test_every_refusal_to_act_names_the_rule(jurisdiction: str) -> None:
    """For each command, each role without it and each foreign office: a rule of the policy, and its norm."""
    policy = compile_text(packaged(jurisdiction))
    on, here, there = date(2024, 5, 2), f"{jurisdiction}-AAA", f"{jurisdiction}-BBB"
    refusals: list[PermitsError] = []
    for name in PUBLIC:
        for role in sorted(ROLES | {"nobody"}):
            for body in ("local_commission", "administrative_tribunal", None):
                for place in (here, there, None):
                    found = competence_error(policy.at(on), on, name, Actor("x", role, place), here, body)
                    if found is not None:
                        refusals.append(found)
    assert {each.code for each in refusals} == {"actor.not_competent", "actor.wrong_prefecture"}
    for each in refusals:
        assert each.details["rule"] in policy.by_id, each
        assert each.details["norm"]


def test_a_person_may_be_registered_by_the_competent_only(office: Office) -> None:
    """A refusal that is about no file names its rule as well."""
    with pytest.raises(PermitsError) as caught:
        office.do(
            "register_holder",
            "2016-12-20",
            Actor("x", "auditor"),
            family_name="A",
            given_names="B",
            birth_date="1990-01-01",
            sex="F",
            nationality="SEN",
            language="fr",
        )
    assert caught.value.code == "actor.not_competent"
    assert caught.value.details["rule"] == "ma.competence@2003-11-13"


@pytest.mark.parametrize(
    "row",
    [
        RULES.replace('value: "delegation 12/2016 of 15 December 2016"', "value: true"),
        RULES.replace("role: [decider], actor", "rank: [decider], actor"),
        RULES + RULES[RULES.index("  - name: delegation\n") : RULES.index("  - name: mandate.required")],
    ],
    ids=["no reference", "an unknown circumstance", "two at once"],
)
def test_a_delegation_that_says_too_little_does_not_load(row: str) -> None:
    """Without its reference, for an unknown circumstance, or twice at once for one person."""
    with pytest.raises(PermitsError, match=r"policy\.invalid"):
        compile_text(with_rules(row))
