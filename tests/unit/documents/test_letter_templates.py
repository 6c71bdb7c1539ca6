"""Letters are whole in every language, and values from outside cannot change their shape."""

from datetime import date, timedelta
from importlib import resources
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.documents.language import LONGEST, sanitised
from permits_engine.documents.letter_templates import KINDS, VARIABLES, NoticesError, Templates

JURISDICTIONS = ("MA", "FR", "ES")
LANGUAGES = ("fr", "ar", "en", "es")
EACH = list(product(JURISDICTIONS, LANGUAGES, sorted(KINDS)))


def values(**changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "holder_name": "Awa Ndiaye",
        "office_name": "Rabat",
        "authority": "Rabat",
        "file_number": "RAB-2016-7",
        "card_number": "K000001X",
        "permit_id": "0190c5a0-0000-7000-8000-000000000001",
        "valid_until": date(2018, 2, 2),
        "window_closes": date(2018, 2, 17),
        "receipt_until": date(2018, 4, 1),
        "due_on": date(2018, 2, 2),
        "sent_on": date(2017, 11, 4),
        "days_left": 90,
        "tier": "P90D",
        "expedited": False,
        "documents": ["passport-original", "means"],
        "decision": "refused",
        "favourable": False,
        "appeals": [
            {"body": "administrative_tribunal", "due_on": date(2018, 3, 1)},
            {"body": "gracious", "due_on": None},
        ],
        "deadline": "decision_due",
        "later": None,
        "overdue": False,
        "token": None,
        "office": "MA-RAB",
        "tasks": [
            {
                "what": "notice_parked",
                "permit_id": "0190c5a0-0000-7000-8000-000000000001",
                "due_on": date(2017, 11, 1),
                "days": -3,
                "detail": "renewal_reminder: no_address",
            },
            {
                "what": "decision_due",
                "permit_id": "0190c5a0-0000-7000-8000-000000000002",
                "due_on": None,
                "days": None,
                "detail": None,
            },
        ],
        "total": 3,
    }
    return given | changed


BARE = dict.fromkeys(
    ("file_number", "card_number", "valid_until", "window_closes", "receipt_until", "due_on", "tier")
) | {"holder_name": None, "days_left": None, "documents": [], "appeals": []}


@pytest.mark.parametrize(("jurisdiction", "language", "kind"), EACH)
@pytest.mark.parametrize(
    "changed",
    [
        {},
        BARE,
        {"expedited": True},
        {"days_left": -1, "tier": "P1D-after", "overdue": True},
        {"favourable": True, "decision": "renewed"},
        {"favourable": True, "decision": "automatic", "appeals": []},
    ],
    ids=["full", "bare", "expedited", "after", "granted", "automatic"],
)
def test_every_letter_renders(jurisdiction: str, language: str, kind: str, changed: dict[str, Any]) -> None:
    """Every kind in every language of every country renders from full and from bare values, without gaps."""
    subject, text, direction, used = Templates(jurisdiction).compose(kind, language, values(**changed))
    assert used == language
    assert direction == ("rtl" if language == "ar" else "ltr")
    assert subject and "\n" not in subject
    assert text.endswith("\n")
    for trace in ("{{", "{%", "None", "\n\n\n", "<<", "\x1f", "  \n"):
        assert trace not in subject + text


def test_values_left_out_are_absent() -> None:
    """A letter can be made from the three values that every letter has; strictness is about the templates."""
    few = {"permit_id": "p", "office_name": "Rabat", "authority": "Rabat"}
    assert Templates("MA").compose("title_lapsed", "fr", few).subject


@pytest.mark.parametrize("jurisdiction", JURISDICTIONS)
def test_languages_say_the_same(jurisdiction: str) -> None:
    """The four languages of a country speak of the same variables in each kind of letter."""
    templates = Templates(jurisdiction)
    assert set(templates.languages) == set(LANGUAGES)
    for kind in sorted(KINDS):
        shapes = set()
        for language in LANGUAGES:
            letter = templates.compose(kind, language, values())
            shapes.add((letter.text.count("\n"), letter.text.count("2018"), letter.text.count("Rabat")))
        assert len(shapes) == 1, (kind, shapes)


@pytest.mark.parametrize(
    ("jurisdiction", "wanted", "used"),
    [
        ("MA", "fr-MA", "fr"),
        ("MA", "FR_ma", "fr"),
        ("MA", "ar-MA", "ar"),
        ("MA", "wo", "fr"),
        ("MA", "", "fr"),
        ("MA", None, "fr"),
        ("FR", "zgh", "fr"),
        ("ES", "ca", "es"),
        ("ES", "en-GB", "en"),
    ],
)
def test_language_falls_back(jurisdiction: str, wanted: str | None, used: str) -> None:
    """A region is ignored, and a language without letters gives the country's first one."""
    letter = Templates(jurisdiction).compose("title_lapsed", wanted, values())
    assert letter.language == used


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("fr", "1er août 2019"),
        ("ar", "1 غشت 2019"),
        ("en", "1 August 2019"),
        ("es", "1 de agosto de 2019"),
    ],
)
def test_dates_are_written_out(language: str, written: str) -> None:
    """Dates appear in the words of the language, Arabic with the month names used in Morocco."""
    letter = Templates("MA").compose("renewal_reminder", language, values(valid_until=date(2019, 8, 1)))
    assert written in letter.text
    assert written in letter.subject


def test_codes_become_words() -> None:
    """Documents, decisions, bodies and deadlines are named in the language, never by their codes."""
    templates = Templates("MA")
    documents = templates.compose("documents_reminder", "ar", values()).text
    assert "جواز السفر (الأصل)" in documents
    assert "passport" not in documents
    decision = templates.compose("decision_notified", "es", values()).text
    assert "solicitud denegada" in decision
    assert "tribunal administrativo: hasta el 1 de marzo de 2018" in decision
    assert "plazo" in decision
    assert (
        "avis de la commission"
        in templates.compose("office_alert", "fr", values(deadline="opinion_due")).text
    )


def test_spain_names_its_own_remedies() -> None:
    """A country's courts and offices are data: Spanish letters know no Moroccan tribunal or police desk."""
    text = Templates("ES").compose("decision_notified", "es", values()).text
    assert "juzgado de lo contencioso-administrativo" in text
    assert "recurso de reposición" in text
    assert "prefectura" not in text


def test_an_unlisted_document_is_named_by_its_code() -> None:
    """A document that only an office's own list knows does not stop the letter."""
    text = Templates("MA").compose("documents_reminder", "fr", values(documents=["rent-receipt"])).text
    assert "- rent receipt\n" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_expedited_asks_for_nothing_new(language: str) -> None:
    """An expedited reminder asks for no documents, whatever the list says."""
    templates = Templates("MA")
    plain = templates.compose("renewal_reminder", language, values())
    quick = templates.compose("renewal_reminder", language, values(expedited=True))
    listed = next(line for line in plain.text.splitlines() if line.startswith("- "))
    assert listed not in quick.text
    assert "15" in quick.text


def test_an_adverse_reminder_never_names_a_grant() -> None:
    """Where silence refused after a grant, the reminder does not quote the grant."""
    text = Templates("MA").compose("appeal_reminder", "en", values(decision="issued", favourable=True)).text
    assert "granted" not in text


@pytest.mark.parametrize(
    ("kind", "changed", "said"),
    [
        ("birthday", {}, "kind"),
        ("title_lapsed", {"authority": None}, "authority"),
        ("title_lapsed", {"permit_id": ""}, "permit_id"),
        ("decision_notified", {"decision": None}, "decision"),
        ("decision_notified", {"decision": "burnt"}, "burnt"),
        ("office_alert", {"deadline": "someday"}, "someday"),
        ("decision_notified", {"appeals": [{"body": "king", "due_on": None}]}, "king"),
        ("title_lapsed", {"salutation": "Dear"}, "salutation"),
        ("title_lapsed", {"card_number": object()}, "card_number"),
    ],
)
def test_values_that_make_no_letter_are_refused(kind: str, changed: dict[str, Any], said: str) -> None:
    """A letter with a hole or an unknown word in it is not sent; the error names what is wrong."""
    with pytest.raises(NoticesError, match=said):
        Templates("MA").compose(kind, "fr", values(**changed))


HOSTILE = [
    "Awa\r\nBcc: everyone@example.org\r\n\r\nPay here",
    "Awa\x00Ndiaye\x1fSubject",
    "Awa \u202egnp.exe\u202c \u2066x\u2069\u200f\u061c",
    "Awa\u2028Ndiaye\u2029\x85x\x0b\x0c",
    "A" * 10_000,
    "{{ 7 * 7 }}{% for x in range(10**9) %}{% endfor %}{{ ''.__class__.__mro__ }}",
    "\ud800 alone",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_hostile_name_changes_no_line(name: str, language: str) -> None:
    """Whatever a name holds, the lines around it stay and nothing in them fails to print."""
    templates = Templates("MA")
    for kind in sorted(KINDS):
        fair = templates.compose(kind, language, values())
        foul = templates.compose(kind, language, values(holder_name=name, file_number=name, office_name=name))
        assert foul.text.count("\n") - fair.text.count("\n") in (0, 1)  # the authority's own line
        assert all(c.isprintable() or c == "\n" for c in foul.text + foul.subject)
        assert "\n" not in foul.subject
        foul.text.encode("utf-8")
        assert "49" not in foul.text.replace("2018", "").replace("RAB", "") or "7 * 7" in foul.text


@given(st.text(alphabet=st.characters(), max_size=2 * LONGEST))
def test_harmless_is_printable_and_short(value: str) -> None:
    """A neutralised value prints (joiners apart), fits, and is neutral already."""
    calm = sanitised(value)
    assert all(c.isprintable() or c in "\u200c\u200d" for c in calm)
    assert len(calm) <= LONGEST + 1
    assert len(calm) > LONGEST or sanitised(calm) == calm


def test_joiners_in_names_stay() -> None:
    """The invisible joiners that some scripts need in names are kept."""
    name = "علی\u200cرضا"
    assert name in Templates("MA").compose("title_lapsed", "ar", values(holder_name=name)).text


def packaged(jurisdiction: str = "MA") -> dict[str, str]:
    folder = resources.files("permits_engine") / "jurisdictions" / jurisdiction.lower() / "notices"
    return {f.name: f.read_text(encoding="utf-8") for f in folder.iterdir()}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("language: fr", "language: fr\nlanguage2: x", "language2"),
        ("direction: ltr", "direction: up", "direction"),
        ("{{ permit_id }}", "{{ birth_date }}", "birth_date"),
        ("{% if expedited %}", "{% if expedited %", "renewal_reminder|office_alert"),
        ("  title_lapsed:", "  title_elapsed:", "title_lapsed"),
        ("default: true", "default: false", "default"),
        ("    means: ", "    meens: ", "means"),
        ("language: fr", "language: [fr", "fr.yaml"),
    ],
)
def test_a_broken_file_does_not_load(old: str, new: str, said: str) -> None:
    """A notices file with an unknown key, variable, kind or word is refused before any letter is made."""
    texts = packaged()
    assert old in texts["fr.yaml"]
    texts["fr.yaml"] = texts["fr.yaml"].replace(old, new)
    with pytest.raises(NoticesError, match=said):
        Templates("MA", texts)


@pytest.mark.parametrize(
    "attack", ["{{ ''.__class__.__mro__ }}", "{{ permit_id.__init__.__globals__ }}", "{{ missing }}"]
)
def test_templates_reach_nothing(attack: str) -> None:
    """A template that reaches for Python's insides, or for an unknown variable, makes no letter."""
    texts = packaged()
    texts["fr.yaml"] = texts["fr.yaml"].replace("{{ permit_id }}", attack)
    with pytest.raises(NoticesError):
        Templates("MA", texts).compose("office_alert", "fr", values())


@pytest.mark.parametrize("unknown", ["DE", "../ma", "", "M"])
def test_a_country_without_letters_is_refused(unknown: str) -> None:
    """A country that has no letters is named in an error, and no path can be smuggled in."""
    with pytest.raises(NoticesError):
        Templates(unknown)


def test_letters_follow_the_calendar_of_a_window() -> None:
    """A reminder names both the last day of the title and the last day to ask."""
    end = date(2018, 2, 2)
    closes = end + timedelta(days=15)
    text = (
        Templates("MA").compose("renewal_reminder", "en", values(valid_until=end, window_closes=closes)).text
    )
    assert "2 February 2018" in text
    assert "17 February 2018" in text


def test_france_never_says_the_last_day_is_the_advised_one() -> None:
    """In France the advised day comes 60 days before the end, and the letter says so."""
    text = Templates("FR").compose("renewal_reminder", "en", values(due_on=date(2018, 2, 2))).text
    assert "at least 60 days before" in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("jurisdiction", JURISDICTIONS)
@pytest.mark.parametrize(
    ("kind", "reason"), list(product(("documents_reminder", "decision_notified"), ("feast", "year")))
)
def test_a_day_that_may_be_later_is_said_to_be_so_in_one_clause(
    jurisdiction: str, language: str, kind: str, reason: str
) -> None:
    templates = Templates(jurisdiction)
    clause = templates.later(language, reason)
    assert clause is not None
    appeals = [{"body": "administrative_tribunal", "due_on": date(2027, 3, 11), "later": reason}]
    letter = templates.compose(kind, language, values(later=reason, appeals=appeals))
    assert letter.text.count(f"({clause})") == 1
    assert clause not in templates.compose(kind, language, values()).text


def test_variables_are_the_contract() -> None:
    """The variables a template may use are those of the contract, no more."""
    assert set(values()) == VARIABLES
