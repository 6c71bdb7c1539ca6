"""What the rules say about themselves, in English by itself and in French and Arabic from their files."""

import ast
import pickle
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import permits_engine
from permits_engine.audit.dossier.page import _words
from permits_engine.documents.language import FIRST_STRONG, LEFT_TO_RIGHT, POP, catalogue
from permits_engine.documents.wording import (
    code_translator,
    phrase_translator,
    title_translator,
    untranslated,
)
from permits_engine.domain.calendars import Count
from permits_engine.domain.errors import InputError, error
from permits_engine.domain.periods import Period
from permits_engine.domain.phrases import ENGLISH, Phrase, names, together
from permits_engine.domain.rules.policy import RANKS, Policy
from permits_engine.policies.loading import compile_text, packaged

OTHERS = ("fr", "ar")


def moroccan(language: str) -> Callable[[str], str]:
    """Translates phrases of a Moroccan permit."""
    return phrase_translator(language, "MA")


POLICIES = {code: compile_text(packaged(code)) for code in ("MA", "FR", "ES")}


@pytest.mark.parametrize("language", OTHERS)
def test_every_phrase_has_a_text_with_the_same_values(language: str) -> None:
    """None too many, none too few, and no text leaves out or asks for a value."""
    texts = catalogue(language)["phrases"]
    assert set(texts) == set(ENGLISH)
    assert {id: names(text) for id, text in texts.items()} == {
        id: names(text) for id, text in ENGLISH.items()
    }


def test_no_text_is_kept_for_an_unused_phrase() -> None:
    """Each id, or each part around its dot, is written somewhere in the package."""
    written = set()
    for file in Path(permits_engine.__file__).parent.rglob("*.py"):
        if file.name != "phrases.py":
            nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            written |= {
                node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
    said = {id for id in ENGLISH if id in written or set(id.split(".", 1)) <= written}
    assert set(ENGLISH) - said == {"together"}


@pytest.mark.parametrize("language", OTHERS)
def test_what_the_packaged_rules_name_has_a_name(language: str) -> None:
    """Days off, kinds of titles, what was relaxed, grounds, the commands and roles of decisions, ranks, facts."""
    known = {**catalogue(language)["names"]}
    for policy in POLICIES.values():
        for table, codes in codes_of(policy).items():
            missing = [code for code in codes if code not in known[table]]
            assert missing == [], table
    assert set(RANKS) <= set(_words(language)["ranks"])
    facts = set(POLICIES["MA"].parameters["facts.kinds"][0].value)
    assert [fact for fact in facts if code_translator(language, "MA")(fact) == fact] == []


@pytest.mark.parametrize("language", OTHERS)
def test_the_titles_of_the_packaged_texts_are_said_in_the_language(language: str) -> None:
    """No English word is left in one, and in Arabic none at all but names."""
    named = ("revocation.grounds", "removal.grounds", "facts.kinds")
    texts = {str(value.source) for policy in POLICIES.values() for value in policy.by_id.values()}
    for policy in POLICIES.values():
        texts |= {
            text for name in named for v in policy.parameters.get(name, ()) for text in v.value.values()
        }
    assert len(texts) > 150
    left = re.compile(r"\b(?:of|and|the|as|in|for|first|to|with|on|by|no|not|item|law|circular)\b")
    said = {text: title_translator(language, "MA")(text) for text in texts}
    assert [text for text in said.values() if left.search(text)] == []
    if language == "ar":
        names = {"Ley", "RD", "LO", "CESEDA", "RAMED", "ANAPEC", "COMCEC", "telquel", "L", "R", "e"}
        assert {word for text in said.values() for word in re.findall(r"[A-Za-z]+", text)} <= names


@pytest.mark.parametrize(
    ("title", "french", "arabic"),
    [
        ("loi 02-03, articles 12 and 16", "loi 02-03, articles 12 et 16", "القانون 02-03، المادتان 12 و16"),
        (
            "joint circular of 16 December 2013, card of one year",
            "circulaire conjointe du 16 décembre 2013, carte d'un an",
            "الدورية المشتركة بتاريخ 16 دجنبر 2013، بطاقة لمدة سنة",
        ),
        ("order of the Minister", "order of the Minister", "order of the Minister"),
    ],
)
def test_a_title_known_in_part_only_stays_whole(title: str, french: str, arabic: str) -> None:
    """Someone's own rule book is not put into two languages at once; dates are written as the language does."""
    assert [title_translator(language, "MA")(title) for language in ("fr", "ar", "en")] == [
        french,
        arabic,
        title,
    ]


@pytest.mark.parametrize("language", OTHERS)
def test_codes_and_periods_of_rules_are_called_by_their_names(language: str) -> None:
    """A document, a fact, a period; what no one has named stays as it is."""
    call = code_translator(language, "MA")
    assert [call(code) for code in ("photos", "minor", "P60D franc", "local")] == {
        "fr": ["photos d'identité", "minorité", "60 jours francs", "local"],
        "ar": ["صور شخصية", "القصور", "60 يوما كاملا", "local"],
    }[language]


def codes_of(policy: Policy) -> dict[str, set[str]]:
    """What a policy names that a phrase may speak of, by table."""

    def values(name: str) -> Iterator[Any]:
        return (each.value for each in policy.parameters.get(name, ()) if hasattr(each.value, "__iter__"))

    return {
        "feasts": {each.name for days in policy.calendar._days.values() for each in days},
        "titles": {kind for kinds in values("title.follows") for kind in kinds},
        "criteria": {kind for kinds in values("relaxation") for kind in kinds},
        "grounds": {ground for grounds in values("revocation.grounds") for ground in grounds},
    }


@pytest.mark.parametrize(
    ("length", "french", "arabic"),
    [
        ("P1D", "1 jour", "يوم واحد"),
        ("P2D", "2 jours", "يومان"),
        ("P10D", "10 jours", "10 أيام"),
        ("P60D", "60 jours", "60 يوما"),
        ("P100D", "100 jours", "100 يوم"),
        ("P2M", "2 mois", "شهران"),
        ("P1Y6M", "1 an et 6 mois", "سنة واحدة و6 أشهر"),
        ("PT48H", "48 heures", "48 ساعة"),
        ("P0D", "0 jour", "0 يوم"),
    ],
)
def test_a_period_takes_the_plural_of_its_language(length: str, french: str, arabic: str) -> None:
    """One, two, few, many: Arabic has six forms, French two."""
    phrase = Phrase("suspended", length=Period.parse(length), day=date(2017, 3, 1))
    assert moroccan("fr")(phrase) == f"délai suspendu pendant {french} : le 1er mars 2017"
    assert moroccan("ar")(phrase) == f"مدة توقف الأجل {arabic}: 1 مارس 2017"


@pytest.mark.parametrize(
    ("days", "french", "arabic"),
    [
        (1, "1 jour franc", "يوم كامل واحد"),
        (2, "2 jours francs", "يومان كاملان"),
        (4, "4 jours francs", "4 أيام كاملة"),
        (15, "15 jours francs", "15 يوما كاملا"),
    ],
)
def test_clear_days_are_days_that_count_whole(days: int, french: str, arabic: str) -> None:
    """A délai franc, in which neither the first nor the last day counts."""
    phrase = Phrase("delay.notified", start=date(2019, 7, 16), count=Count(Period(days=days), "franc"))
    assert moroccan("fr")(phrase) == f"délai de {french} à compter de la notification, le 16 juillet 2019"
    assert moroccan("ar")(phrase) == f"الأجل {arabic}، يسري ابتداء من تاريخ التبليغ، 16 يوليوز 2019"


def test_names_of_the_other_direction_are_set_apart() -> None:
    """In Arabic the title of a text is isolated, and so is an offset; in French nothing is."""
    phrase = Phrase("source", source="Ley 29/1998", rank="law")
    assert moroccan("ar")(phrase) == f"{FIRST_STRONG}Ley 29/1998{POP} (قانون)"
    assert moroccan("fr")(phrase) == "Ley 29/1998 (loi)"
    at = Phrase("notified.at", at=datetime(2020, 1, 6, 10, tzinfo=UTC))
    assert moroccan("ar")(at) == f"بلغ في 6 يناير 2020، 10:00 ({LEFT_TO_RIGHT}+00:00{POP})"


def test_a_phrase_is_its_english_text() -> None:
    """It compares, joins and prints as that; as plain text it is nothing more; it survives another process."""
    phrase = Phrase("weekend", day=date(2017, 5, 7))
    assert phrase == "7 May 2017 is a Sunday: the next day"
    assert type(str(phrase)) is str
    assert together([phrase, phrase]) == f"{phrase}; {phrase}"
    again = pickle.loads(pickle.dumps(phrase))  # noqa: S301
    assert (again, again.id, again.values) == (phrase, "weekend", {"day": date(2017, 5, 7)})
    assert moroccan("fr")(again) == "le 7 mai 2017 est un dimanche : report au jour suivant"


def test_an_error_keeps_the_phrase_of_its_message() -> None:
    """Its message is plain text for any program, and can still be said in another language."""
    problem = error(
        "actor.not_competent", Phrase("competence.no_role", role="counter", command="revoke_permit")
    )
    assert type(problem.message) is str
    assert problem.message == "the role counter may not revoke_permit; no role may"
    said = "la qualité « guichet » n'habilite pas à retirer le titre ; personne n'y est habilité"
    assert moroccan("fr")(problem.said) == moroccan("fr")(pickle.loads(pickle.dumps(problem)).said) == said  # noqa: S301


def test_what_is_no_phrase_or_has_no_name_stays_as_it_is() -> None:
    """A plain text, and the code of someone's own calendar."""
    assert [moroccan(each)("as it is") for each in ("fr", "ar", "en")] == ["as it is"] * 3
    assert untranslated("as it is") == "as it is"
    feast = Phrase("feast", day=date(2017, 5, 8), feast="local-day")
    assert "(local-day)" in moroccan("fr")(feast)
    assert f"({FIRST_STRONG}local-day{POP})" in moroccan("ar")(feast)


def test_a_language_without_phrases_is_refused() -> None:
    """With the ones that there are."""
    with pytest.raises(InputError, match="none of fr, ar, en"):
        moroccan("es")
