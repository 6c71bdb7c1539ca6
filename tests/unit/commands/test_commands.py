"""What a command may carry: each kind of field brought to one form, or refused in plain words."""

import unicodedata
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import permits_engine
from permits_engine.commands import COMMANDS, PUBLIC, LodgeApplication, RegisterHolder, UpdateHolder, parse
from permits_engine.domain.errors import InputError

HOLDER_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
PERSON: dict[str, Any] = {
    "family_name": "Diallo",
    "given_names": "Aminata",
    "birth_date": date(1990, 4, 1),
    "sex": "F",
    "nationality": "SEN",
    "language": "fr",
}
FILED: dict[str, Any] = {
    "holder_id": HOLDER_ID,
    "jurisdiction": "MA",
    "category": "ordinary",
    "prefecture": "MA-RAB",
}
ISSUE = {"permit_id": HOLDER_ID}


def faults(name: str, fields: dict[str, Any]) -> dict[str, str]:
    """The reasons by path with which a command is refused."""
    with pytest.raises(InputError) as caught:
        parse(name, fields)
    assert caught.value.code == "input.invalid"
    return {each["path"]: each["reason"] for each in caught.value.details["fields"]}


def person(**fields: Any) -> RegisterHolder:
    """A person with some fields replaced."""
    return RegisterHolder(**PERSON | fields)


@pytest.mark.parametrize(
    ("given_number", "kept"),
    [
        ("+212537000000", "+212537000000"),
        ("+212 537-00-00-00", "+212537000000"),
        ("+33 (6) 12.34.56.78", "+33612345678"),
        ("+٢١٢٥٣٧٠٠٠٠٠٠", "+212537000000"),
    ],
)
def test_a_telephone_number_is_kept_in_e164(given_number: str, kept: str) -> None:
    """Spaces, dashes, brackets and other digits are brought to E.164."""
    assert person(phone=given_number).phone == kept


@pytest.mark.parametrize(
    "number",
    [
        "0537000000",
        "212537000000",
        "+0",
        "+212",
        "+212537000000 ext 5",
        "+1-800-FLOWERS",
        "+",
        "",
        "tel:+212537000000",
    ],
)
def test_what_is_no_e164_number_is_refused(number: str) -> None:
    """A national number, an extension and letters are not guessed at."""
    assert "E.164" in faults("register_holder", PERSON | {"phone": number})["phone"]


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("aminata@example.org", "aminata@example.org"),
        ("Aminata@EXAMPLE.org", "Aminata@example.org"),
        ("a@bücher.example", "a@bücher.example"),
        ("آمنة@example.org", "آمنة@example.org"),
    ],
)
def test_an_email_address_is_kept_as_it_is_delivered(address: str, kept: str) -> None:
    """The domain is lower-cased, the local part is the receiver's own matter."""
    assert person(email=address).email == kept


@pytest.mark.parametrize(
    "address", ["a", "a@", "@b.org", "a b@c.org", "a@b", "a@b..org", "a\n@b.org", "A <a@b.org>"]
)
def test_what_is_no_email_address_is_refused(address: str) -> None:
    """The reason says what an address looks like and what is wrong with this one."""
    assert faults("register_holder", PERSON | {"email": address})["email"].startswith(
        "is not an e-mail address"
    )


@pytest.mark.parametrize(
    ("code", "kept"), [("SEN", "SEN"), ("sen", "SEN"), ("XXA", "XXA"), ("XXX", "XXX"), ("XKX", "RKS")]
)
def test_a_nationality_is_an_iso_code_or_says_stateless(code: str, kept: str) -> None:
    """ISO 3166-1 alpha-3 in any case, and the codes of travel documents for those without one."""
    assert person(nationality=code).nationality == kept


@pytest.mark.parametrize("code", ["SE", "SN", "XYZ", "Senegal", "", "123", "S€N", "ſen"])
def test_what_is_no_nationality_is_refused(code: str) -> None:
    """Two letters, names and unassigned codes."""
    assert "ISO 3166-1 alpha-3" in faults("register_holder", PERSON | {"nationality": code})["nationality"]


@pytest.mark.parametrize(
    ("tag", "kept"),
    [
        ("fr", "fr"),
        ("FR", "fr"),
        ("ar-ma", "ar-MA"),
        ("ZH-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("zgh", "zgh"),
        ("de-CH-1996", "de-CH-1996"),
        ("ar-u-nu-latn", "ar-u-nu-latn"),
    ],
)
def test_a_language_is_kept_in_its_recommended_spelling(tag: str, kept: str) -> None:
    """BCP 47: languages small, scripts with a capital, regions in capitals, extensions small."""
    assert person(language=tag).language == kept


@pytest.mark.parametrize(
    "tag", ["", "f", "french", "fr_FR", "fr-", "-fr", "fr--FR", "fr-u", "123", "français", "a" * 40]
)
def test_what_is_no_language_tag_is_refused(tag: str) -> None:
    """Names, underscores and half tags."""
    assert "language" in faults("register_holder", PERSON | {"language": tag})


@pytest.mark.parametrize("code", ["MA-RAB", "MA-CAS.HH", "FR-01", "FR-2A", "ES-M", "MA-X.12345678"])
def test_an_office_has_an_iso_code_with_a_local_part(code: str) -> None:
    """ISO 3166-2, or that, a dot and a local part."""
    assert LodgeApplication(**FILED | {"prefecture": code}).prefecture == code


@pytest.mark.parametrize(
    "code", ["Rabat", "MA", "ma-rab", "MA-RABAT", "MA-RAB.", "MA-RAB.123456789", "MA-RAB\n", "MA_RAB", ""]
)
def test_what_is_no_office_code_is_refused(code: str) -> None:
    """Names, small letters, and codes that are too long."""
    assert "office code" in faults("lodge_application", FILED | {"prefecture": code})["prefecture"]


@pytest.mark.parametrize(
    ("period", "kept"),
    [("P1Y", "P1Y"), ("P12M", "P12M"), ("P2W", "P14D"), ("P1Y6M", "P1Y6M"), ("P90D", "P90D")],
)
def test_a_term_is_an_iso_period(period: str, kept: str) -> None:
    """ISO 8601 durations; weeks are seven days each."""
    assert parse("issue_permit", ISSUE | {"term": period}).term == kept  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "period", ["", "P", "1Y", "P1", "PT", "P-1Y", "P1.5Y", "one year", "P99999Y", "P1Y ", "p1y"]
)
def test_what_is_no_period_is_refused(period: str) -> None:
    """Numbers without units, signs, fractions and words."""
    assert "ISO 8601 period" in faults("issue_permit", ISSUE | {"term": period})["term"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("2014-02-30", "is not a day of the calendar"),
        ("2015-02-29", "is not a day of the calendar"),
        ("0000-01-01", "is not a day of the calendar"),
        ("1899-12-31", "lies outside 1900-01-01 to 2199-12-31"),
        ("2200-01-01", "lies outside 1900-01-01 to 2199-12-31"),
        (date(1, 1, 1), "lies outside"),
        (datetime(2017, 1, 1), "is not a calendar date"),
        ("2017-01-01T00:00:00", "is not a calendar date"),
        ("20170101", "is not a calendar date"),
        ("2017-W01-1", "is not a calendar date"),
        ("2017-1-1", "is not a calendar date"),
        ("2017-01-01\n", "is not a calendar date"),
        ("２０１７-01-01", "is not a calendar date"),
        (1483228800, "is not a calendar date"),
        (True, "is not a calendar date"),
        (["2017-01-01"], "is not a calendar date"),
    ],
)
def test_a_date_is_a_calendar_date_and_nothing_else(value: Any, says: str) -> None:
    """Neither moments nor numbers nor other spellings are taken for a legal date."""
    assert says in faults("lodge_application", FILED | {"on": value})["on"]


def test_the_ends_of_the_calendar_are_days() -> None:
    """A date may be given as text or as a date, from 1900 to 2199."""
    for day in (date(1900, 1, 1), date(2199, 12, 31), date(2016, 2, 29)):
        assert LodgeApplication(**FILED | {"on": day}).on == day
        assert LodgeApplication(**FILED | {"on": day.isoformat()}).on == day


@pytest.mark.parametrize(
    "value", ["0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f0001", "0B6D3A526D0C4A8C9A556F2B8F6F0001"]
)
def test_an_identity_is_kept_in_one_form(value: str) -> None:
    """A UUID in any spelling is the same UUID."""
    assert (
        LodgeApplication(**FILED | {"holder_id": value}).holder_id == "0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f0001"
    )


@pytest.mark.parametrize(
    "name",
    [
        "José",
        "Jose\u0301",
        "  Aminata ",
        "علي",
        "Ô'Brien-Łukasz",
        "李雷",
        "नेहा",
        "نور\u200cالدين",
    ],
)
def test_a_name_of_any_script_is_kept_composed(name: str) -> None:
    """Names keep their letters and marks, in NFC, without blanks around them."""
    assert person(family_name=name).family_name == unicodedata.normalize("NFC", name).strip()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("\u200b", "is blank"),
        ("\u3164", "is blank"),
        ("-", "no letter"),
        ("", "is blank"),
        (" \u00a0", "is blank"),
        ("\u200b\u2060", "is blank"),
        ("a\x00b", "U+0000"),
        ("a\x1b[31m", "U+001B"),
        ("a\u202eb", "U+202E"),
        ("a\u2066b", "U+2066"),
        ("a\ue000b", "U+E000"),
        ("a\ufffeb", "U+FFFE"),
        ("a\ud800b", "half a character"),
        ("a\nb", "line break"),
        ("a\u2028b", "line break"),
        ("x" * 201, "200 characters at most"),
        (5, "is not text"),
        (None, "is not text"),
    ],
)
def test_what_is_no_name_is_refused(name: Any, says: str) -> None:
    """Nothing invisible, nothing that steers, nothing that is not a character."""
    assert says in faults("register_holder", PERSON | {"family_name": name})["family_name"]


@given(st.text(max_size=60))
def test_text_is_kept_composed_or_refused(text: str) -> None:
    """Whatever is taken is NFC and holds no control character; everything else is input.invalid."""
    fields = {"permit_id": HOLDER_ID, "reasons_in_fact": text, "reasons_in_law": "law"}
    try:
        kept = parse("refuse_application", fields).reasons_in_fact  # type: ignore[attr-defined]
    except InputError as problem:
        assert [each["path"] for each in problem.details["fields"]] == ["reasons_in_fact"]
        return
    assert kept == unicodedata.normalize("NFC", text)
    assert not any(
        unicodedata.category(char) in {"Cc", "Cs", "Co", "Cn"} for char in kept if char not in "\n\r\t"
    )


@given(
    st.sampled_from(PUBLIC),
    st.dictionaries(
        st.sampled_from(sorted({name for kind in COMMANDS.values() for name in kind.model_fields})),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
            max_leaves=5,
        ),
        max_size=6,
    ),
)
def test_any_fields_are_a_command_or_bad_input(name: str, fields: dict[str, Any]) -> None:
    """Whatever values come, the answer is a command or input.invalid with a path and a reason in plain words."""
    try:
        parse(name, fields)
    except InputError as problem:
        assert problem.details["fields"]
        for each in problem.details["fields"]:
            assert each["path"]
            assert each["reason"]
            assert "Input should" not in each["reason"], each


def test_codes_are_words_and_unique() -> None:
    """A document named twice is one document; codes have letters, digits, dots, dashes and underscores."""
    filed = LodgeApplication(**FILED | {"missing": ["means", "photos", "means"]})
    assert filed.missing == ("means", "photos")
    told = faults("lodge_application", FILED | {"missing": ["a b", "-x", "", "é", "x" * 81]})
    assert set(told) == {f"missing.{n}" for n in range(5)}


def test_an_idempotency_key_is_kept_as_it_is() -> None:
    """A command_id is the caller's own: it is printed text, and no letter of it is changed."""
    for key in ("a", " a", "Jose\u0301", "x" * 200, "🌍"):
        assert LodgeApplication(**FILED | {"command_id": key}).command_id == key
    for key in ("", "  ", "a\nb", "a\x00", "x" * 201, "\ud800", 5):
        assert "command_id" in faults("lodge_application", FILED | {"command_id": key})


def test_versions_are_whole_numbers() -> None:
    """Neither true nor 1.0 nor "1" is a version."""
    for value in (True, 1.0, "1", -1, float("nan"), float("inf")):
        assert "expected_version" in faults("lodge_application", FILED | {"expected_version": value})
    for value in (0, -1, "2"):
        told = faults(
            "notify_decision", {"permit_id": HOLDER_ID, "mode": "written", "decision_version": value}
        )
        assert set(told) == {"decision_version"}


def test_an_unknown_field_or_command_is_met_with_the_nearest() -> None:
    """A slip of the pen gets the name that was meant; rubbish gets the list."""
    assert faults("lodge_application", FILED | {"criteria": "R1"})["criteria"].endswith(
        "did you mean criterion?"
    )
    assert "there is: card_number" in faults("issue_permit", ISSUE | {"zzz": 1})["zzz"]
    assert faults("isue_permit", {})["command"].endswith("did you mean issue_permit?")
    assert "there is: " in faults("zzz", {})["command"]
    assert "is not a field of exclusion" in str(faults("renew_permit", ISSUE | {"exclusion": {"why": "x"}}))


def test_a_missing_field_is_named() -> None:
    """Each field that has to be given and is not."""
    assert faults("lodge_application", {}) == dict.fromkeys(FILED, "is missing")


def test_a_change_of_a_person_names_only_what_changes() -> None:
    """update_holder takes any field of register_holder, and each is checked as there."""
    changed = UpdateHolder(holder_id=HOLDER_ID, language="AR")
    assert changed.model_dump(exclude_unset=True) == {"holder_id": HOLDER_ID, "language": "ar"}
    assert "phone" in faults("update_holder", {"holder_id": HOLDER_ID, "phone": "0537"})


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("valid_until", "2018-01-30", "2018-01-30"),
        ("valid_until", date(2018, 1, 30), "2018-01-30"),
        ("card_number", " A 17 ", "A 17"),
        ("nationality", "sen", "SEN"),
        ("missing", ["means", "means"], ["means"]),
        ("favourable", False, False),
        ("age", 26, 26),
    ],
)
def test_a_correction_is_brought_to_its_fields_form(field: str, value: Any, kept: Any) -> None:
    """The value of a correction is checked as the command that wrote the field would."""
    correction = {"permit_id": HOLDER_ID, "of_version": 1, "field": field, "value": value, "reason": "a slip"}
    assert parse("correct_record", correction).value == kept  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("valid_until", "9999-12-31"),
        ("age", 200),
        ("age", True),
        ("sex", "Q"),
        ("favourable", 1),
        ("mode", "by owl"),
    ],
)
def test_a_correction_that_does_not_fit_its_field_is_refused(field: str, value: Any) -> None:
    """Nothing is corrected into what could never have been written."""
    correction = {"permit_id": HOLDER_ID, "of_version": 1, "field": field, "value": value, "reason": "a slip"}
    assert set(faults("correct_record", correction)) == {"value"}


def test_every_public_command_is_exported() -> None:
    """What can be asked on a line can be asked from Python, under the same name."""
    for name in PUBLIC:
        kind = COMMANDS[name]
        assert getattr(permits_engine, kind.__name__) is kind
        assert "".join(part.title() for part in name.split("_")) == kind.__name__


def test_personal_data_stay_out_of_messages_and_logs() -> None:
    """Neither the printed form of a command nor a refusal repeats a value."""
    assert "Diallo" not in repr(person()) + str(person())
    with pytest.raises(InputError) as caught:
        person(email="secret@", phone="0537-secret")
    assert "secret" not in str(caught.value.as_dict())
