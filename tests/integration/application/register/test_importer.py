"""A register taken over, on both databases: what comes in, what stays out, and nothing twice."""

import csv
import threading
from pathlib import Path
from typing import Any

import pytest

from permits_engine import Engine, PermitsError
from permits_engine.application.register import importer
from permits_engine.application.register.importer import ImportReport
from permits_engine.application.register.rows import CODES
from permits_engine.store.database.transactions import Statement
from permits_engine.testing import Office
from tests.integration.application.register.conftest import Import
from tests.registers import ENGLISH, GOOD, PENDING, REFUSED, row, rows, text, write
from tests.stores import family_name


def only(office: Office) -> str:
    """The one permit of the store."""
    [found] = office.engine.find(limit=None)
    return str(found["permit_id"])


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    """What the contract counts."""
    return report.read, report.imported, report.unchanged, report.rejected


def rejected(report: ImportReport) -> list[dict[str, str]]:
    """The rows of a rejects file."""
    assert report.rejects is not None
    with Path(report.rejects).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=report.separator))


def test_a_good_row_becomes_a_holder_and_a_permit_with_the_registers_own_dates(
    today: Office, take_over: Import
) -> None:
    """The contract's sentence: the register's legal dates, today's recorded time, basis ``register``."""
    report = take_over([row(categorie="ordinary", critere="", date_fin="2024-09-09")])
    assert counts(report) == (1, 1, 0, 0)
    permit_id = only(today)
    lodged, issued, *_ = today.engine.history(permit_id)
    assert (lodged["name"], lodged["effective_on"]) == ("permit.application_lodged", "2014-03-10")
    assert (lodged["nationality"], lodged["sex"], lodged["age"]) == ("MLI", "F", 23)
    assert (issued["name"], issued["effective_on"]) == ("permit.issued", "2014-09-10")
    assert (issued["valid_from"], issued["valid_until"]) == ("2014-09-10", "2024-09-09")
    assert (issued["term"], issued["term_number"]) == ("P10Y", 1)
    for event in (lodged, issued):
        assert event["recorded_at"].startswith("2026-06-10T")
        assert list(event["basis"]["rules"]) == ["register"]
        assert event["actor"] == {"id": "register", "role": "administrator"}
    assert today.engine.permit(permit_id).file_number == "RAB-2014-0001"


def test_the_person_is_encrypted_and_can_be_read_with_their_key(today: Office, take_over: Import) -> None:
    """Names, birth date and contact are nowhere in clear, and come back whole."""
    take_over([GOOD])
    holder_id = today.engine.permit(only(today)).holder_id
    with today.engine.database.read() as tx:
        person = today.engine.context.person(tx, holder_id)
        payloads = b"".join(bytes(each[0]) for each in tx.all(Statement("SELECT payload FROM events")))
    assert (person.name, str(person.birth_date), person.sex) == ("Aminata Traoré", "1990-04-01", "F")
    assert (person.nationality, person.language) == ("MLI", "fr")
    assert (person.email, person.phone) == ("aminata@example.org", "+212661234567")
    for secret in ("Traor", "Aminata", "1990-04-01", "aminata@", "661234567", "RAB-2014-0001"):
        assert secret.encode() not in payloads


def test_a_file_number_reveals_itself_nowhere_without_the_keys(today: Office, take_over: Import) -> None:
    """What tells a row again is an HMAC under the store's key, and one under the holder's."""
    take_over([GOOD])
    with today.engine.database.read() as tx:
        found = tx.all(
            Statement("SELECT command_id, digest FROM commands WHERE command_id LIKE 'register/%'")
        )
    [(command_id, digest)] = found
    from hashlib import sha256

    plain = {sha256(text.encode()).hexdigest() for text in ("RAB-2014-0001", "register/RAB-2014-0001")}
    assert command_id.removeprefix("register/") not in plain
    assert len(bytes(digest)) == 32


def test_a_refused_and_an_open_file_come_in_as_what_they_are(today: Office, take_over: Import) -> None:
    """A refusal no one is known to have been told of changes nothing for the stay; an open file goes on."""
    waiting = PENDING | {"categorie": "ordinary", "critere": "", "date_depot": "2026-05-20"}
    take_over([row(numero_dossier="1", **REFUSED), row(numero_dossier="2", **waiting)])
    views = {
        today.engine.permit(each["permit_id"]).file_number: each for each in today.engine.find(limit=None)
    }
    refused = today.engine.permit(views["1"]["permit_id"])
    assert (refused.application_status, refused.title_status, refused.lawful_stay) == (
        "refused",
        "none",
        True,
    )
    waits = today.engine.permit(views["2"]["permit_id"])
    assert (waits.application_status, waits.receipt_until, waits.lawful_stay) == ("under_review", None, True)
    kinds = {each["kind"]: each["due_on"] for each in waits.deadlines}
    assert kinds["decision_due"] == "2026-07-20"


def test_bad_rows_go_whole_to_the_rejects_and_the_others_go_in(today: Office, take_over: Import) -> None:
    """Each bad row with its line, code and reason, in the order of the file; the rest is in the store."""
    lines = [
        row(numero_dossier="1"),
        row(numero_dossier="2", date_depot="demain"),
        row(numero_dossier="3", date_fin="2014-09-01"),
        row(numero_dossier="4", prefecture="MA-XXX"),
        row(numero_dossier="5", date_naissance="2014-03-11", telephone="+212600000001"),
        row(numero_dossier="6", nom="=1+1"),
    ]
    report = take_over(lines)
    assert counts(report) == (6, 2, 0, 4)
    found = rejected(report)
    assert [(each["line"], each["code"]) for each in found] == [
        ("3", "row.date"),
        ("4", "row.order"),
        ("5", "row.prefecture"),
        ("6", "row.birth"),
    ]
    for each, given in zip(found, lines[1:5], strict=True):
        assert each["reason"]
        assert {name: each[name].removeprefix("'") for name in given} == given
    assert report.codes == {"row.date": 1, "row.order": 1, "row.prefecture": 1, "row.birth": 1}
    assert len(today.engine.find(limit=None)) == 2
    assert [family_name(today.engine, number) for number in ("1", "6")] == ["Traoré", "=1+1"]


def test_importing_the_same_file_again_adds_nothing(today: Office, take_over: Import) -> None:
    """Not an event, not a row, whenever and however often."""
    lines = [*rows(30), row(numero_dossier="bad", sexe="?")]
    first = take_over(lines)
    head = today.position()
    today.at("2026-09-01")
    again = take_over(lines)
    assert counts(first) == (31, 30, 0, 1)
    assert counts(again) == (31, 0, 30, 1)
    assert today.position() == head


def test_the_same_row_in_another_spelling_is_unchanged(
    today: Office, tmp_path: Path, take_over: Import
) -> None:
    """Another encoding, separator, language, order and form of dates: still the same register."""
    lines = rows(20)
    take_over(lines)
    head = today.position()
    for line in lines:
        for name in ("date_depot", "date_decision", "date_debut", "date_fin"):
            line[name] = "-".join(reversed(line[name].split("-")))
        line["sexe"] = line["sexe"].lower()
    path = tmp_path / "other.csv"
    path.write_bytes(text(lines, columns=ENGLISH[::-1], separator="\t").encode("utf-16"))
    assert counts(today.engine.store.import_register(path)) == (20, 0, 20, 0)
    assert today.position() == head


@pytest.mark.parametrize(
    "changed",
    [{"nom": "Keïta"}, {"date_fin": "2015-09-10"}, {"email": ""}, REFUSED],
    ids=lambda each: next(iter(each)),
)
def test_a_changed_row_with_a_known_number_is_rejected(
    changed: dict[str, str], today: Office, take_over: Import
) -> None:
    """``row.changed``: the store is right until a person says otherwise."""
    take_over([GOOD])
    head = today.position()
    report = take_over([row(**changed)])
    assert counts(report) == (1, 0, 0, 1)
    assert [each["code"] for each in rejected(report)] == ["row.changed"]
    assert today.position() == head


def test_a_repeated_row_of_one_file_goes_in_once(today: Office, take_over: Import) -> None:
    """The second is unchanged; one with the same number and other content is rejected."""
    report = take_over([GOOD, GOOD, row(nom="Keïta"), GOOD])
    assert counts(report) == (4, 1, 2, 1)
    assert [(each["line"], each["code"]) for each in rejected(report)] == [("4", "row.changed")]
    assert counts(take_over([GOOD, GOOD, row(nom="Keïta"), GOOD])) == (4, 0, 3, 1)
    only(today)


def test_people_who_look_the_same_are_named_and_never_merged(today: Office, take_over: Import) -> None:
    """Same name and birth date under two numbers: two holders, and their lines for a human to look at."""
    lines = [
        row(numero_dossier="1"),
        row(numero_dossier="2", nom="AMINATA", prenoms="Traore"),
        row(numero_dossier="3", date_naissance="1990-04-02"),
        row(numero_dossier="4", sexe="M"),
        row(numero_dossier="1"),
    ]
    report = take_over(lines)
    [group] = report.look_alikes
    assert group["lines"] == [2, 3, 5]
    assert len(set(group["holder_ids"])) == 3
    held = {
        each["permit_id"]: today.engine.permit(each["permit_id"]).holder_id for each in today.engine.find()
    }
    assert len(set(held.values())) == 4
    again = take_over(lines)
    assert again.look_alikes == report.look_alikes


def test_the_read_models_equal_rebuilt_ones(today: Office, take_over: Import) -> None:
    """``rebuild --check`` finds nothing, and rebuilding changes nothing that counts."""
    assert take_over(rows(200)).imported == 200
    report = today.engine.store.rebuild(check=True)
    assert report.differences == []
    assert report.streams > 200


def test_files_with_the_same_dates_differ_in_everything_else(today: Office, take_over: Import) -> None:
    """What time made of a file is worked out once for its dates; the rows are each file's own all the same."""
    people = [
        {
            "sexe": sex,
            "nationalite": nation,
            "prefecture": office,
            "date_naissance": birth,
            "langue": language,
        }
        for sex, nation, office, birth, language in (
            ("F", "SEN", "MA-RAB", "1980-01-01", "fr"),
            ("M", "SYR", "MA-OUJ", "2013-01-01", "ar"),
            ("X", "NGA", "MA-CAS.HH", "1999-12-31", ""),
        )
    ]
    courses: list[dict[str, str]] = [{}, {"critere": "R1"}, REFUSED, PENDING, {"date_fin": "2016-09-09"}]
    courses += [{"categorie": "ordinary", "critere": ""}, PENDING | {"categorie": "ordinary", "critere": ""}]
    lines = [person | course for course in courses for person in people]
    report = take_over([row(numero_dossier=str(n), **each) for n, each in enumerate(lines)])
    assert report.imported == len(lines)
    assert today.engine.store.rebuild(check=True).differences == []
    counted = {
        each["nationality"]: each["applications"]
        for each in today.engine.queries.results(by=("nationality",))
    }
    assert counted == {"SEN": 7, "SYR": 7, "NGA": 7}


def test_a_file_without_rejects_leaves_none(today: Office, take_over: Import, tmp_path: Path) -> None:
    """Nothing rejected: ``rejects`` is null and no file is made."""
    assert take_over([GOOD]).rejects is None
    assert [each.name for each in tmp_path.glob("*.csv*")] == ["register.csv"]


def test_corrected_rejects_can_be_imported_as_they_are(today: Office, take_over: Import) -> None:
    """The rejects file, put right in a spreadsheet, is a register itself."""
    report = take_over([row(numero_dossier="1", sexe="?"), row(numero_dossier="2")])
    assert report.rejects is not None
    place = Path(report.rejects)
    place.write_bytes(place.read_bytes().replace(b",?,", b",F,"))
    assert counts(today.engine.store.import_register(place)) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", text([GOOD], columns=ENGLISH[1:]).encode(), b"PK\x03\x04"]
)
def test_a_file_that_cannot_be_read_writes_nothing(content: bytes, today: Office, tmp_path: Path) -> None:
    """``input.invalid`` before anything is recorded; no rejects file is made."""
    head = today.position()
    path = tmp_path / "register.csv"
    path.write_bytes(content)
    with pytest.raises(PermitsError) as caught:
        today.engine.store.import_register(path)
    assert caught.value.code == "input.invalid"
    assert today.position() == head
    assert [each.name for each in tmp_path.glob("*.csv")] == ["register.csv"]


def test_the_register_is_never_its_own_rejects_file(today: Office, tmp_path: Path) -> None:
    """Naming the register itself is refused, and the register stays."""
    path = write(tmp_path / "register.csv", [row(sexe="?")])
    before = path.read_bytes()
    with pytest.raises(PermitsError) as caught:
        today.engine.store.import_register(path, rejects=path)
    assert caught.value.code == "input.invalid"
    assert path.read_bytes() == before


def test_a_country_without_a_policy_is_refused_before_anything_is_written(
    today: Office, tmp_path: Path
) -> None:
    """No one's rules can place the rows."""
    head = today.position()
    with pytest.raises(PermitsError) as caught:
        today.engine.store.import_register(write(tmp_path / "register.csv", [GOOD]), jurisdiction="IT")
    assert caught.value.code == "policy.none_in_force"
    assert today.position() == head


def test_another_countrys_register_comes_in_under_its_own_rules(today: Office, tmp_path: Path) -> None:
    """France: a card of four years, decided before the code of today."""
    card = row(
        prefecture="FR-75C",
        categorie="temporary",
        critere="",
        date_depot="2023-03-10",
        date_decision="2023-09-10",
        date_debut="2023-09-10",
        date_fin="2027-09-09",
    )
    report = today.engine.store.import_register(write(tmp_path / "register.csv", [card]), jurisdiction="FR")
    assert counts(report) == (1, 1, 0, 0)
    view = today.engine.permit(only(today))
    assert (view.jurisdiction, view.title_status, view.lawful_stay) == ("FR", "active", True)


def test_an_erased_holder_does_not_come_back(today: Office, take_over: Import) -> None:
    """Once a holder's key is gone the same row is refused by its code, and nothing is recorded."""
    take_over([GOOD])
    holder_id = today.engine.permit(only(today)).holder_id
    with today.engine.database.write() as tx:
        tx.run(Statement("DELETE FROM holder_keys WHERE holder_id = :of"), {"of": holder_id})
    head = today.position()
    report = take_over([GOOD])
    assert [each["code"] for each in rejected(report)] == ["row.erased"]
    assert today.position() == head


def test_two_imports_at_once_take_each_row_over_once(made_url: str, keys: Path, tmp_path: Path) -> None:
    """Two operators, one register: between them every row goes in exactly once."""
    lines = rows(1200)
    path = write(tmp_path / "register.csv", lines)
    reports: list[ImportReport] = []
    start = threading.Barrier(2)

    def uow(place: Path) -> None:
        with Engine.open(made_url, keys=keys) as engine:
            start.wait()
            reports.append(engine.store.import_register(path, rejects=place))

    threads = [threading.Thread(target=uow, args=(tmp_path / f"bad{n}.csv",)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each.imported for each in reports) == len(lines)
    assert sum(each.imported + each.unchanged for each in reports) == 2 * len(lines)
    with Engine.open(made_url, keys=keys) as engine:
        assert len(engine.find(limit=None)) == len(lines)
        assert engine.store.rebuild(check=True).differences == []


def test_a_batch_that_cannot_be_committed_leaves_no_part_of_a_row(
    today: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that fails in the midst of a batch keeps none of it; the next run does it all."""
    path = write(tmp_path / "register.csv", rows(60))
    monkeypatch.setattr(importer, "BATCH", 20)
    head = today.position()
    done: list[Any] = []

    def progress(position: int, size: int) -> None:
        done.append(position)
        if len(done) == 2:
            raise RuntimeError("the operator's machine fails")

    with pytest.raises(RuntimeError):
        today.engine.store.import_register(path, progress=progress)
    assert len(today.engine.find(limit=None)) == 40
    assert today.position() > head
    report = today.engine.store.import_register(path)
    assert counts(report) == (60, 20, 40, 0)
    assert today.engine.store.rebuild(check=True).differences == []


def test_progress_runs_from_nothing_to_the_files_size(today: Office, tmp_path: Path) -> None:
    """Bytes read of bytes there are, never backwards, and at last all of them."""
    path = write(tmp_path / "register.csv", rows(1100))
    seen: list[tuple[int, int]] = []
    today.engine.store.import_register(path, progress=lambda done, total: seen.append((done, total)))
    size = path.stat().st_size
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (size, size)
    assert len(seen) == 3


def test_every_code_has_its_meaning() -> None:
    """Codes are dotted words of one family, each with a sentence."""
    for code, meaning in CODES.items():
        assert code.startswith("row.")
        assert meaning
