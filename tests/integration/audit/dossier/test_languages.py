"""The dossier in the court's language, with how deadlines were counted and why quality checks were passed."""

import re
from pathlib import Path
from typing import Any

import pytest

from permits_engine.audit.dossier.gather import Dossier, gather
from permits_engine.audit.dossier.page import html
from permits_engine.domain.decisions.quality import QUALITY_CHECKS
from permits_engine.domain.phrases import Phrase
from permits_engine.store.log.signing_keys import SigningKeys
from permits_engine.testing.scenario_files import DEADLINES, Step, load
from permits_engine.testing.scenarios import Runner

SCENARIOS = Path(__file__).parents[3] / "scenarios"
TOLD = {
    "revocation-and-loss/annulled-revocation-restores-title": "revoked and reinstated",
    "decisions/one-extension-for-expertise-or-inquiry": "an extension of the time to decide",
    "france/incomplete-file-has-no-receipt": "France: windows, silence, an incomplete file",
    "revocation-and-loss/term-ends-before-absence-limit": "an absence",
    "appeals/two-refusals-annulled-then-renewed": "a refusal, an appeal, an examination reopened, an expedited renewal",
    "renewals/titles-ended-in-2020-lockdown": "a renewal after the blanket extension",
    "families-and-minors/six-months-after-majority": "coming of age",
    "families-and-minors/card-for-non-working-minor": "a decision that departs from the law",
    "removal/not-before-48-hours-and-ruling": "a removal with its hours",
}
"""Scenarios which together meet every kind of deadline, and what they are about."""
LATIN = re.compile(r"[A-Za-z]{2}")
ENGLISH = re.compile(r"\b(the|was|were|is|by|not|which|its|until|after|before)\b")


class Gathered(Runner):
    """A scenario after each step of which the dossiers of its files are gathered."""

    def step(self, number: int, step: Step) -> None:
        """Run it, and gather."""
        super().step(number, step)
        for permit_id in self.permits.values():
            found = gather(self.engine.context, permit_id, decrypt=True, reader="court", purpose=None)
            self.dossiers.append(found)


@pytest.fixture(scope="module")
def dossiers() -> list[Dossier]:
    """Those of every scenario, as they were after each step."""
    found: list[Dossier] = []
    for name in TOLD:
        run = Gathered(load(SCENARIOS / f"{name}.yaml"))
        run.dossiers = found
        run.engine.context.signing = SigningKeys(None, in_memory=True)
        run.run()
    return found


def clocks(dossier: Dossier) -> list[dict[str, Any]]:
    """The deadlines of a dossier, now and at each decision."""
    return [*dossier.permit["deadlines"], *(x for each in dossier.decisions for x in each["deadlines"])]


def test_they_meet_every_kind_of_deadline_and_quality_check(dossiers: list[Dossier]) -> None:
    """So that what is proved of them is proved of all."""
    assert {clock["kind"] for each in dossiers for clock in clocks(each)} == DEADLINES
    gates = {gate["gate"] for each in dossiers for x in each.decisions for gate in x.get("quality", ())}
    assert gates == set(QUALITY_CHECKS)


def test_what_the_rules_say_is_said_in_phrases(dossiers: list[Dossier]) -> None:
    """The working of every deadline, the reason of every quality check, every warning."""
    for each in dossiers:
        assert all(isinstance(clock["explanation"], Phrase) for clock in clocks(each))
        for decision in each.decisions:
            assert all(isinstance(gate["because"], Phrase) for gate in decision.get("quality", ()))
            assert isinstance(decision.get("warning", Phrase("written.card")), Phrase)


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_no_english_sentence_is_in_a_dossier(dossiers: list[Dossier], language: str) -> None:
    """No block marked as English; beside names, codes and the titles of texts only the page's own letters."""
    for each in dossiers[::3] + dossiers[-1:]:
        page = html(each, language)
        assert page.count('lang="en"') == 0
        for said in re.findall(r'class="working">(.*?)</span></li>', page):
            text = re.sub(r"<bdi[^>]*>.*?</bdi>", "", said) if language == "ar" else said.split(" ; ")[0]
            assert not (LATIN if language == "ar" else ENGLISH).search(text), text


def test_as_data_it_is_in_english(dossiers: list[Dossier]) -> None:
    """Plain values, whatever the language of the page."""
    plain = dossiers[-1].as_dict()
    assert all(
        type(clock["explanation"]) is str for each in plain["decisions"] for clock in each["deadlines"]
    )
    assert any(
        "by the clock" in clock["explanation"] for each in plain["decisions"] for clock in each["deadlines"]
    )


def test_quality_checks_are_called_by_their_own_names(dossiers: list[Dossier]) -> None:
    """A failed quality check is not named like a message that did not go out, nor like a mode of notifying."""
    removal = next(
        x for x in dossiers if any(each["name"] == "permit.removal_ordered" for each in x.decisions)
    )
    french, arabic = html(removal, "fr"), html(removal, "ar")
    assert '<th scope="row">Écrite</th><td>non satisfaite</td>' in french
    assert '<th scope="row">كتابي</th><td>غير مستوفى</td>' in arabic
    assert '(<bdi dir="ltr">+01:00</bdi>)' in arabic


def test_the_first_of_a_month_is_an_ordinal_in_french(dossiers: list[Dossier]) -> None:
    """Everywhere on the page."""
    pages = [html(each, "fr") for each in dossiers]
    assert any("1er " in page for page in pages)
    assert [page for page in pages if re.search(r">1 (janvier|février|mars|avril|mai|juin)", page)] == []
