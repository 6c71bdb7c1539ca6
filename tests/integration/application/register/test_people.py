"""People in a register: what is known of them is kept, and who looks the same is told."""

from pathlib import Path

from permits_engine import Actor
from permits_engine.testing import Office
from tests.integration.application.register.test_importer import counts
from tests.registers import FRENCH, row, text


def test_what_a_register_says_of_people_is_kept_as_it_is_known(today: Office, tmp_path: Path) -> None:
    """One name, a birth date in part, other names, a code of its day; what was left out is reported by line."""
    known = {"autres_noms": "", "nationalite": "SCG"}
    lines = [
        row(numero_dossier="1", prenoms="FNU", date_naissance="XX/05/1990", **known),
        row(
            numero_dossier="2",
            date_naissance="00/00/1990",
            **known | {"autres_noms": "تراوري, أميناتا; Sow"},
        ),
    ]
    path = tmp_path / "register.csv"
    path.write_text(text(lines, columns=[*FRENCH, "autres_noms"], separator=";"), "utf-8")
    report = today.engine.store.import_register(path)
    assert counts(report) == (2, 2, 0, 0)
    assert report.notes == {"given_names.filler": [2], "nationality.former": [2, 3]}
    reader = today.engine.as_(Actor("officer-7", "counter", "MA-RAB"))
    [row_of_one] = reader.find(name="traore", birth_date="1990-05")[:1]
    assert row_of_one["birth_date"] in {"1990", "1990-05"}
    [found] = reader.find(name="أميناتا تراوري", birth_date="1990")
    assert (found["family_name"], found["birth_date"]) == ("Traoré", "1990")
    [lodged, *_] = today.engine.history(found["permit_id"])
    assert (lodged["age"], lodged["age_at_most"], lodged["nationality"]) == (23, 24, "SCG")


def test_people_look_the_same_in_any_spelling(today: Office, tmp_path: Path) -> None:
    """Joined or apart, as a machine-readable zone has it, under another name, and by what is known of the birth."""
    lines = [
        row(numero_dossier="1", nom="N'Diaye", prenoms="Müller"),
        row(numero_dossier="2", nom="MUELLER", prenoms="N DIAYE", date_naissance="04/1990"),
        row(numero_dossier="3", nom="Sow", autres_noms="Ndiaye, Muller"),
        row(numero_dossier="4", nom="N'Diaye", prenoms="Müller", date_naissance="1990-05"),
        row(numero_dossier="5", nom="N'Diaye", prenoms="Awa"),
    ]
    path = tmp_path / "register.csv"
    path.write_text(text(lines, columns=[*FRENCH, "autres_noms"]), "utf-8")
    [group] = today.engine.store.import_register(path).look_alikes
    assert group["lines"] == [2, 3, 4]
