"""One row checked: what a good one says, and the code and reason of every bad one."""

from datetime import date

import pytest

from permits_engine.application.register.rows import CODES, NOTES, BadRow, Checks, Record, notes_of
from permits_engine.policies.loading import compile_text, packaged
from tests.registers import ENGLISH, FRENCH, PENDING, REFUSED, row

TODAY = date(2026, 6, 10)


@pytest.fixture(scope="module")
def checks() -> Checks:
    """Morocco's rules today."""
    return Checks(compile_text(packaged("MA")), TODAY)


def record(checks: Checks, **changed: str) -> Record:
    """The record of the good row with some cells changed."""
    english = dict(zip(FRENCH, ENGLISH, strict=True)) | {"autres_noms": "also_known_as"}
    return checks.record({english[name]: cell for name, cell in row(**changed).items()})


def rejected(checks: Checks, **changed: str) -> BadRow:
    """How the good row with some cells changed is rejected."""
    with pytest.raises(BadRow) as caught:
        record(checks, **changed)
    assert caught.value.code in CODES
    assert caught.value.reason.isprintable()
    return caught.value


def test_a_good_row_is_a_plain_record(checks: Checks) -> None:
    """Every cell in the program's own terms."""
    assert record(checks) == Record(
        jurisdiction="MA",
        file_number="RAB-2014-0001",
        family_name="Traoré",
        given_names="Aminata",
        birth_date="1990-04-01",
        sex="F",
        nationality="MLI",
        prefecture="MA-RAB",
        category="regularisation-2014",
        lodged_on=date(2014, 3, 10),
        criterion="R5",
        decision="granted",
        decided_on=date(2014, 9, 10),
        valid_from=date(2014, 9, 10),
        valid_until=date(2015, 9, 9),
        language="fr",
        email="aminata@example.org",
        phone="+212661234567",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"date_depot": "10/03/2014", "date_decision": "10-09-2014", "date_naissance": "01/04/1990"},
        {"decision": "ACCORDÉE"},
        {"decision": "granted"},
        {"decision": " Accordee "},
        {"sexe": "f"},
        {"sexe": "Femme"},
        {"nationalite": "mli"},
        {"prefecture": "ma-rab"},
        {"prefecture": "Rabat"},
        {"prefecture": "RABAT"},
        {"prefecture": "الرباط"},
        {"categorie": "Régularisation 2014"},
        {"critere": "r5"},
        {"langue": "FR"},
        {"telephone": "06 61 23 45 67"},
        {"telephone": "+212 661-234567"},
        {"email": "aminata@EXAMPLE.org"},
        {"nom": "  Traore\u0301 "},
    ],
)
def test_another_spelling_is_the_same_record(checks: Checks, changed: dict[str, str]) -> None:
    """Dates in three forms, words with or without accents and capitals, names of offices, national numbers."""
    assert record(checks, **changed) == record(checks)
    assert record(checks, **changed).canonical() == record(checks).canonical()


def test_an_open_file_and_a_refused_one_need_no_more_than_their_dates(checks: Checks) -> None:
    """Empty optional cells are fine."""
    bare = {"critere": "", "langue": "", "email": "", "telephone": ""}
    waiting = record(checks, **PENDING, **bare)
    assert (waiting.decision, waiting.decided_on, waiting.language) == (None, None, None)
    refused = record(checks, **REFUSED)
    assert (refused.decision, refused.decided_on, refused.valid_from) == ("refused", date(2014, 9, 10), None)


@pytest.mark.parametrize(
    ("cell", "known"),
    [
        ("1990", "1990"),
        ("00/00/1990", "1990"),
        ("XX/XX/1990", "1990"),
        ("1990-00-00", "1990"),
        ("05/1990", "1990-05"),
        ("XX/05/1990", "1990-05"),
        ("00-05-1990", "1990-05"),
        ("1990-05", "1990-05"),
        ("1990-05-00", "1990-05"),
        ("01/01/1990", "1990-01-01"),
    ],
)
def test_a_birth_date_known_in_part_is_kept_so(checks: Checks, cell: str, known: str) -> None:
    """1 January is neither made up nor taken for unknown."""
    assert record(checks, date_naissance=cell).birth_date == known


@pytest.mark.parametrize("cell", ["", "-", ".", "FNU", "lnu", "XXX"])
def test_one_name_alone_has_no_filler(checks: Checks, cell: str) -> None:
    """Registers fill the empty cell; the person has one name."""
    assert record(checks, prenoms=cell).given_names is None


def test_other_names_are_read(checks: Checks) -> None:
    """Names with and without given names, in any script."""
    assert record(checks, autres_noms="ديالو، أميناتا ; Sow").also_known_as == [
        {"family_name": "ديالو", "given_names": "أميناتا"},
        {"family_name": "Sow"},
    ]


def test_a_withdrawn_nationality_is_kept_as_a_fact_of_its_day(checks: Checks) -> None:
    """It is not converted; after the withdrawal it is said, and so is a code that is written otherwise today."""
    cells = {"nationality": "SCG", "given_names": "FNU"}
    found = record(checks, nationalite="scg", prenoms="FNU")
    assert (found.nationality, found.nationality_read) == ("SCG", None)
    assert notes_of(found, cells) == ["given_names.filler", "nationality.former"]
    found = record(checks, nationalite="ROM")
    assert (found.nationality, found.nationality_read) == ("ROU", "ROM")
    assert notes_of(found, {}) == ["nationality.alias"]
    assert set(NOTES) == {"given_names.filler", "nationality.alias", "nationality.former"}


@pytest.mark.parametrize("sexe", ["M", "m", "H", "homme", "Masculin"])
def test_h_for_homme_is_m(checks: Checks, sexe: str) -> None:
    """French registers write H."""
    assert record(checks, sexe=sexe).sex == "M"


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        *(("row.missing", {name: "  "}) for name in FRENCH[:8] if name != "prenoms"),
        ("row.missing", {"date_depot": ""}),
        ("row.missing", {"date_decision": ""}),
        ("row.missing", {"date_fin": ""}),
        ("row.missing", REFUSED | {"date_decision": ""}),
        ("row.date", {"date_naissance": "15/00/1990"}),
        ("row.date", {"date_naissance": "13/1990"}),
        ("row.date", {"date_naissance": "31/02/1990"}),
        ("row.text", {"nom": "\u3164"}),
        ("row.text", {"nom": "-"}),
        ("row.text", {"autres_noms": "Sow, Awa, Fatou"}),
        ("row.text", {"autres_noms": ", Awa"}),
        ("row.date", {"date_depot": "2014-13-01"}),
        ("row.date", {"date_depot": "2014-02-29"}),
        ("row.date", {"date_depot": "31/04/2014"}),
        ("row.date", {"date_depot": "2014/03/10"}),
        ("row.date", {"date_depot": "10.03.2014"}),
        ("row.date", {"date_depot": "10/03-2014"}),
        ("row.date", {"date_depot": "10/03/14"}),
        ("row.date", {"date_depot": "41708"}),
        ("row.date", {"date_depot": "٢٠١٤-٠٣-١٠"}),
        ("row.date", {"date_naissance": "1899-12-31"}),
        ("row.date", {"date_fin": "2200-01-01"}),
        ("row.date", PENDING | {"date_depot": "2026-06-11"}),
        ("row.date", {"date_decision": "2026-06-11", "date_fin": "2026-12-01"}),
        ("row.birth", {"date_naissance": "2014-03-11"}),
        ("row.order", {"date_decision": "2014-03-09"}),
        ("row.order", {"date_debut": "2015-09-10"}),
        ("row.order", {"date_fin": "2014-09-09"}),
        ("row.order", {"date_debut": "2014-03-09"}),
        ("row.order", {"date_decision": "2015-09-10"}),
        ("row.term", {"date_fin": "2024-09-11"}),
        ("row.sex", {"sexe": "?"}),
        ("row.sex", {"sexe": "1"}),
        ("row.nationality", {"nationalite": "Congo"}),
        ("row.nationality", {"nationalite": "malienne"}),
        ("row.nationality", {"nationalite": "ZZZ"}),
        ("row.prefecture", {"prefecture": "MA-ZZZ"}),
        ("row.prefecture", {"prefecture": "FR-75"}),
        ("row.prefecture", {"prefecture": "Atlantis"}),
        ("row.category", {"categorie": "tourist"}),
        ("row.category", {"categorie": "regularisation-2016"}),
        ("row.criterion", {"critere": "R7"}),
        ("row.criterion", {"categorie": "ordinary"}),
        ("row.decision", {"decision": "maybe"}),
        ("row.decision", {"decision": ""}),
        ("row.decision", PENDING | {"date_fin": "2015-09-09"}),
        ("row.decision", {"decision": "refusee"}),
        ("row.language", {"langue": "français"}),
        ("row.email", {"email": "aminata at example.org"}),
        ("row.email", {"email": "a@b"}),
        ("row.email", {"email": "a@example.org,b@example.org"}),
        ("row.phone", {"telephone": "12"}),
        ("row.phone", {"telephone": "call me"}),
        ("row.phone", {"telephone": "=cmd|' /C calc'!A0"}),
        ("row.text", {"nom": "Traoré\nfils"}),
        ("row.text", {"nom": "Tra\x00oré"}),
        ("row.text", {"prenoms": "A\x07"}),
        ("row.text", {"numero_dossier": "1\t2"}),
        ("row.text", {"nom": "x" * 201}),
        ("row.text", {"nom": "evil\u202egnp"}),
        ("row.text", {"nom": "\u200b"}),
        ("row.unreadable", {"nom": "Traor\ufffd"}),
        ("row.unreadable", {"nom": "Traor\udce9"}),
    ],
)
def test_a_bad_row_has_its_code_and_a_reason(checks: Checks, code: str, changed: dict[str, str]) -> None:
    """Each fault has one code, and the reason can be read."""
    assert rejected(checks, **changed).code == code


def test_the_reason_names_the_column_in_both_languages(checks: Checks) -> None:
    """Anyone who made the register knows the column by its own name."""
    assert rejected(checks, date_depot="demain").reason == (
        "date_depot (lodged_on) “demain” is not a day of the calendar written 2014-03-10, 10/03/2014 "
        "or 10-03-2014"
    )


def test_a_formula_is_a_name_like_any_other(checks: Checks) -> None:
    """What a spreadsheet would carry out is text here, and kept as it is."""
    assert record(checks, nom="=cmd|'/C calc'!A0", prenoms="@SUM(A1)").family_name == "=cmd|'/C calc'!A0"


def test_a_card_may_be_counted_to_its_anniversary(checks: Checks) -> None:
    """Old registers end a card on the day before or on the day itself; ten years is the longest."""
    assert record(checks, categorie="ordinary", critere="", date_fin="2024-09-10").valid_until is not None


def test_what_the_old_office_decided_is_not_judged(checks: Checks) -> None:
    """A campaign file without its criterion, or taken after its last day, is a fact and goes in."""
    late = {"date_depot": "2015-02-01", "date_decision": "2015-03-01", "date_debut": "2015-03-01"}
    assert record(checks, critere="", **late).criterion is None


def test_a_file_older_than_the_law_goes_in(checks: Checks) -> None:
    """A register reaches further back than the rules in force."""
    dates = {"date_depot": "1998-02-01", "date_decision": "1998-03-01", "date_debut": "1998-03-01"}
    old = record(checks, categorie="ordinary", critere="", date_fin="2008-02-29", **dates)
    assert old.valid_until == date(2008, 2, 29)


def test_any_difference_of_content_is_another_content(checks: Checks) -> None:
    """No two different records have one canonical form."""
    forms = {record(checks).canonical()}
    changes: list[dict[str, str]] = [
        {"nom": "Traore"},
        {"prenoms": "Awa"},
        {"date_naissance": "1990-04-02"},
        {"sexe": "X"},
        {"nationalite": "SEN"},
        {"prefecture": "MA-SAL"},
        {"critere": ""},
        {"langue": "ar"},
        {"email": ""},
        {"telephone": ""},
        {"date_fin": "2015-09-10"},
        PENDING,
        REFUSED,
    ]
    forms |= {record(checks, **changed).canonical() for changed in changes}
    assert len(forms) == len(changes) + 1


def test_a_name_of_two_offices_is_no_name_of_an_office() -> None:
    """Only a name that belongs to one office is taken for it."""
    text = packaged("MA").replace('{fr: "Salé"', '{fr: "Rabat"')
    assert text != packaged("MA")
    twice = Checks(compile_text(text), TODAY)
    assert rejected(twice, prefecture="Rabat").code == "row.prefecture"
    assert record(twice, prefecture="MA-RAB").prefecture == "MA-RAB"
