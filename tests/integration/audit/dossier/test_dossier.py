"""The dossier of one permit for a court, on both databases: whole, readable, provable, and silent about the person."""

from pathlib import Path
from typing import Any

import pytest

from permits_engine import Actor
from permits_engine.audit.dossier.page import _words, html
from permits_engine.documents.language import LANGUAGES
from permits_engine.domain.errors import InputError, NotCompetentError, PermitsError
from permits_engine.store.log.proofs import Proof
from permits_engine.store.log.signing_keys import SigningKeys
from tests.integration.audit.exports.conftest import NAMES, Past
from tests.pages_of import HTML, check, colours, contrast

AUDITOR = Actor("auditor-1", "auditor")


@pytest.fixture
def signed(past: Past) -> Past:
    """The office on a machine that can sign checkpoints."""
    past.office.engine.context.signing = SigningKeys(None, in_memory=True)
    return past


def page_of(past: Past, folder: Path, language: str = "en", **options: Any) -> Path:
    """The page of the refused file's dossier."""
    reader = past.office.engine.as_(AUDITOR, "order 94 of the tribunal")
    file = folder / "dossier.html"
    file.write_text(html(reader.audit.dossier(past.refused, **options), language), encoding="utf-8")
    return file


def text_of(page: Path, language: str = "en") -> str:
    """Everything that the page says."""
    return " ".join(" ".join(check(page, language).getroot().itertext()).split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_whole_and_fetches_nothing(signed: Past, tmp_path: Path, language: str) -> None:
    """In French, Arabic and English: no parse error, no script, no address."""
    check(page_of(signed, tmp_path, language), language)


def test_every_event_and_decision_is_told_with_its_legal_basis(signed: Past, tmp_path: Path) -> None:
    """The whole timeline; of each decision who took it, under which norm of which rank."""
    dossier = signed.office.engine.as_(AUDITOR).audit.dossier(signed.refused)
    assert [each["name"] for each in dossier.events] == [
        each["name"] for each in signed.office.engine.history(signed.refused)
    ]
    assert [each["name"] for each in dossier.decisions] == ["permit.refused", "permit.appeal_decided"]
    assert all(each["basis"]["rules"] for each in dossier.decisions)
    said = text_of(page_of(signed, tmp_path))
    for wanted in (
        "decider-1",
        "10 March 2017",
        "upheld",
        "decree",
        "Competent author",
        "Notified in writing",
    ):
        assert wanted in said


def test_messages_stand_with_the_evidence_of_their_delivery(signed: Past, tmp_path: Path) -> None:
    """The notification went out: by which channel, in which text, when."""
    signed.office.run_scheduler("2018-01-22")
    dossier = signed.office.engine.as_(AUDITOR).audit.dossier(signed.granted)
    assert dossier.notices
    for notice in dossier.notices:
        assert [each["name"] for each in notice["events"]][:2] == ["notice.due", "notice.sent"]
        assert notice["events"][1]["channel"]


def test_each_event_is_proved_to_a_holder_of_the_key(signed: Past) -> None:
    """One proof to an event, under one checkpoint; the leaf holds what is stored."""
    dossier = signed.office.engine.as_(AUDITOR).audit.dossier(signed.refused)
    keys = signed.office.engine.context.signing.verifiers(signed.office.engine.audit.origin)
    proofs = [Proof.parse(each.encode()) for each in dossier.proofs.events]
    leaves = [proof.check(keys) for proof in proofs]
    assert [(leaf.stream, leaf.version) for leaf in leaves] == [
        (signed.refused, event["version"]) for event in dossier.events
    ]
    assert {str(proof.checkpoint.note) for proof in proofs} == {dossier.proofs.checkpoint}


def test_a_machine_that_cannot_sign_says_so(past: Past, tmp_path: Path) -> None:
    """The dossier is made all the same, with the reason in the proofs' place."""
    past.office.engine.context.signing = SigningKeys(None)
    page = page_of(past, tmp_path)
    assert "No proof could be made" in text_of(page)


def test_nothing_personal_is_in_it_unasked(signed: Past, tmp_path: Path) -> None:
    """No name, number or reason, though it is said that there are some; no trace is left."""
    before = signed.office.position()
    said = page_of(signed, tmp_path).read_text(encoding="utf-8")
    assert [name for name in NAMES if name in said] == []
    assert "encrypted" in said
    assert signed.office.position() == before


def test_what_was_asked_for_with_a_purpose_is_in_it_and_noted(signed: Past, tmp_path: Path) -> None:
    """Names and reasons; and the person can see who had them and for what, each time."""
    for _ in range(2):
        said = text_of(page_of(signed, tmp_path, with_personal_data=True))
    assert "Preferred channel" in said
    for wanted in ("=SUM(A1:A9)", "فاطمة", "bail non fourni", "loi 02-03, article 14", "AR 17"):
        assert wanted in said
    holder_id = signed.office.engine.permit(signed.refused).holder_id
    looks = signed.office.engine.as_(AUDITOR, "order 94 of the tribunal").queries.accesses(holder_id)
    assert [each["purpose"] for each in looks].count("dossier: order 94 of the tribunal") == 2


def test_who_may_not_see_the_file_gets_no_dossier(signed: Past) -> None:
    """Another office, or the person without a purpose; nothing is noted."""
    engine, before = signed.office.engine, signed.office.position()
    with pytest.raises(NotCompetentError):
        engine.as_(Actor("c", "counter", "MA-FES")).audit.dossier(signed.refused)
    with pytest.raises(NotCompetentError):
        engine.as_(AUDITOR).audit.dossier(signed.refused, with_personal_data=True)
    with pytest.raises(InputError, match="--purpose"):
        engine.as_(Actor("d", "decider", "MA-RAB")).audit.dossier(signed.refused, with_personal_data=True)
    with pytest.raises(PermitsError, match="there is no permit"):
        engine.as_(AUDITOR).audit.dossier("0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f9999")
    assert signed.office.position() == before


def test_text_is_legible_on_every_ground(signed: Past, tmp_path: Path) -> None:
    """4.5 to 1 in light, dark and print (WCAG 2.2)."""
    modes = colours(page_of(signed, tmp_path))
    assert len(modes) == 3
    for mode in modes:
        for text in ("ink", "quiet", "accent"):
            assert contrast(mode[text], mode["paper"]) >= 4.5
        assert contrast(mode["ink"], mode["tint"]) >= 4.5


def test_every_language_has_words_for_the_same_things() -> None:
    """Events, deadlines, messages, roles, ranks and states, in each."""

    def paths(words: Any, at: str = "") -> set[str]:
        if isinstance(words, dict):
            return {each for name, inner in words.items() for each in paths(inner, f"{at}.{name}")}
        return {at}

    assert len({frozenset(paths(_words(language))) for language in LANGUAGES}) == 1


def test_the_page_prints(signed: Past, tmp_path: Path) -> None:
    """On A4 with numbered pages, proofs opened, no row torn apart."""
    sheet = check(page_of(signed, tmp_path), "en").getroot().find(f".//{HTML}style").text
    for wanted in ("@media print", "size: A4", "counter(page)", "break-inside: avoid", "details-content"):
        assert wanted in sheet
