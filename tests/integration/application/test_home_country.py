"""The store's home country: asked where neither a file nor an office names a country."""

from datetime import date

import pytest

from permits_engine import Actor, Engine, PermitsError, RegisterHolder
from permits_engine.application.adopted_policies import AdoptedPolicies
from permits_engine.policies.loading import packaged
from permits_engine.testing import Office

ADMINISTRATOR = Actor("admin-1", "administrator")
PERSON = RegisterHolder(
    family_name="Traore",
    given_names="Awa",
    birth_date=date(1990, 1, 2),
    sex="F",
    nationality="MLI",
    language="fr",
)


def home(engine: Engine, policies: AdoptedPolicies | None = None) -> str:
    """The home country, as one who has just opened the store reads it."""
    with engine.database.read() as tx:
        return (policies or AdoptedPolicies()).home(tx)


def test_the_country_whose_policy_was_adopted_first_is_the_home_country() -> None:
    """A later adoption of an earlier letter of the alphabet changes nothing."""
    with Engine.open("sqlite://", policies=[packaged("FR"), packaged("ES"), packaged("MA")]) as engine:
        assert home(engine) == "FR"


def test_the_home_country_of_an_initialised_store_is_the_first_packaged_one(office: Office) -> None:
    """On both databases."""
    assert home(office.engine) == "MA"


def test_a_store_without_a_policy_has_no_home_country() -> None:
    """There is no substitute for it."""
    with Engine.open("sqlite://", policies=[]) as engine:
        with pytest.raises(PermitsError) as caught:
            home(engine)
        assert caught.value.code == "policy.none_in_force"


def test_a_first_adoption_that_rolls_back_leaves_no_home_country() -> None:
    """What the adopting transaction reads is not kept."""
    with Engine.open("sqlite://", policies=[]) as engine:
        context = engine.context
        with pytest.raises(KeyError), engine.database.write() as tx:
            stamp = context.stamper(ADMINISTRATOR, None, date(2026, 7, 1))
            events = engine.application.events
            context.policies.adopt(tx, packaged("ES"), stamp, store=events, now=1, today="2026-07-01")
            assert context.policies.home(tx) == "ES"
            raise KeyError
        with pytest.raises(PermitsError):
            home(engine, context.policies)


def test_an_actor_without_an_office_acts_by_the_rules_of_the_home_country() -> None:
    """A store of one other country registers people."""
    with Engine.open("sqlite://", policies=[packaged("FR")]) as engine:
        assert engine.execute(PERSON, actor=Actor("clerk-1", "counter")).version == 1
