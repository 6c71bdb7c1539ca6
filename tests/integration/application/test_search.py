"""Finding a person or a file by what is encrypted, and no one else by what is stored for it."""

import itertools
from datetime import date

import pytest

from permits_engine import Actor, UpdateHolder
from permits_engine.store.database.transactions import Statement
from permits_engine.store.keys import blind_index
from permits_engine.testing import Office, a_holder
from tests.acts import ADVISED, correction
from tests.integration.application.conftest import COUNTER, DECIDER
from tests.integration.embedding.conftest import refused

BORN = date(1990, 4, 1)
ELSEWHERE = Actor("officer-8", "counter", "MA-FES")


def names(page: object) -> list[str | None]:
    return [row["given_names"] for row in page]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "asked",
    [
        "Aminata Diallo",
        "diallo AMINATA",
        "Diallo",
        "aminata",
        "  DÍALLO,  Aminata ",
        "Diallo-Aminata",
        "Aminata Fatou Diallo",
    ],
)
def test_a_person_is_found_by_words_of_their_name_and_birth_date(office: Office, asked: str) -> None:
    """In any order, without accents, case or signs; one word is enough, one too many is not there."""
    holder_id = office.holder(given_names="Aminata Fatou")
    office.application(holder_id)
    [row] = office.engine.as_(COUNTER).find(name=asked, birth_date=BORN)
    assert (row["holder_id"], row["family_name"], row["birth_date"]) == (holder_id, "Diallo", "1990-04-01")
    assert office.engine.as_(COUNTER).find(name=f"{asked} Awa", birth_date=BORN) == []
    assert office.engine.as_(COUNTER).find(name=asked, birth_date=date(1990, 4, 2)) == []


@pytest.mark.parametrize(
    ("registered", "asked"),
    [
        ("N’Diaye", "NDIAYE"),
        ("Ould Sidi-Brahim", "brahim sidi ould"),
        ("Łukasiewicz", "lukasiewicz"),
        ("Straße", "STRASSE"),
        ("Œuvrard", "oeuvrard"),
        ("الأَحْمَدِيّ", "الاحمدي"),
        ("فاطمة", "فاطمه"),
        ("عيسى", "عيسي"),
        ("محـــمد", "محمد"),
        ("李", "李"),
        *(
            ("N'Diaye", asked)
            for asked in ("N Diaye", "Ndiaye", "N’DIAYE", "N＇Diaye", "Nʿdiaye", "Nʾdiaye", "N′Diaye")
        ),
        *(("N Diaye", asked) for asked in ("N'Diaye", "NDIAYE", "N-Diaye")),
        *(("Ben Ali", asked) for asked in ("Ben-Ali", "BENALI", "ali ben")),
        *(("Benali", asked) for asked in ("Ben Ali", "Ben-Ali")),
        ("عبد الله", "عبدالله"),
        ("عبدالله", "عبد الله"),
        ("Müller", "MUELLER"),
        ("MUELLER", "Müller"),
        ("Sørensen", "SOERENSEN"),
        ("Ångström", "AANGSTROEM"),
        ("Ɓoye Ɗem", "BOYE DEM"),
        ("Ŋom Ɲaŋ", "nom nan"),
        ("Ɛkɔ Ƴero", "EKO YERO"),
        ("على", "علي"),
        ("ہاشم", "هاشم"),
        ("فاطمة", "فاطمہ"),
        ("علی\u200cرضا", "علی رضا"),
    ],
)
def test_a_name_is_found_as_people_write_it(office: Office, registered: str, asked: str) -> None:
    """Latin with and without marks, Arabic letters that stand for one another, vowels and stretching left out."""
    holder_id = office.holder(family_name=registered)
    [row] = office.engine.as_(COUNTER).find(name=asked, birth_date=BORN)
    assert row["holder_id"] == holder_id


def test_a_person_is_found_by_other_and_former_names(office: Office) -> None:
    """In another script, from before a marriage; what was erased is found no more, and the row shows today's name."""
    holder_id = office.holder(also_known_as=[{"family_name": "ديالو", "given_names": "أميناتا"}])
    office.engine.execute(UpdateHolder(holder_id=holder_id, family_name="Sow"), actor=COUNTER)
    reader = office.engine.as_(COUNTER)
    for asked in ("اميناتا ديالو", "Aminata Diallo", "Sow", "Sow Diallo"):
        [row] = reader.find(name=asked, birth_date=BORN)
        assert (row["holder_id"], row["family_name"]) == (holder_id, "Sow")
    assert reader.queries.holder(holder_id).also_known_as == [
        {"family_name": "ديالو", "given_names": "أميناتا"}
    ]
    assert office.engine.store.rebuild("search", check=True).differences == []


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ("1990", ("1990", "1990-04", "1990-04-01", BORN)),
        ("1990-04", ("1990", "1990-04", "1990-04-00", BORN)),
        ("1990-04-01", ("1990", "1990-04", BORN)),
    ],
)
def test_a_person_is_found_by_what_is_known_of_the_birth_date(
    office: Office, known: str, asked: tuple[str | date, ...]
) -> None:
    """To the day, the month or the year, on either side; a row shows what is known."""
    office.holder(birth_date=known, given_names=None)
    reader = office.engine.as_(COUNTER)
    for each in asked:
        [row] = reader.find(name="diallo", birth_date=each)
        assert (row["birth_date"], row["given_names"]) == (known, None)
    for other in ("1991", "1991-04", "1991-04-01"):
        assert reader.find(name="diallo", birth_date=other) == []


def test_people_without_a_file_are_found_too(office: Office) -> None:
    """Their row has no permit, so that the counter files for them instead of registering them again."""
    holder_id = office.holder()
    [row] = office.engine.as_(COUNTER).find(name="Diallo", birth_date=BORN)
    assert (row["holder_id"], row["permit_id"]) == (holder_id, None)
    permit_id = office.application(holder_id)
    [row] = office.engine.as_(COUNTER).find(name="Diallo", birth_date=BORN)
    assert row["permit_id"] == permit_id


def test_a_counter_finds_no_person_of_another_office(office: Office) -> None:
    """Neither by name nor by number: as if they were not there, and without a trace."""
    office.title(file_number="12/2016")
    reader = office.engine.as_(ELSEWHERE)
    assert reader.find(name="Diallo", birth_date=BORN) == []
    assert reader.find(file_number="12/2016") == []
    auditor = office.engine.as_(Actor("inspector-1", "auditor"))
    assert auditor.find(name="Diallo", birth_date=BORN) == []
    assert list(office.engine.subscribe(timeout=0, names=("holder.accessed",))) == []
    with_purpose = office.engine.as_(Actor("inspector-1", "auditor"), purpose="complaint")
    assert len(with_purpose.find(name="Diallo", birth_date=BORN)) == 1


def test_a_file_is_found_by_its_numbers(office: Office) -> None:
    """However they are typed; by every card that it has had."""
    permit_id = office.application(file_number="RAB/2016-0012 b")
    office.do("record_opinion", "2017-01-20", permit_id=permit_id, **ADVISED)
    office.do("issue_permit", "2017-02-01", permit_id=permit_id, card_number="L 1001")
    office.do("replace_card", "2017-03-01", permit_id=permit_id, reason="lost", card_number="L 1002")
    reader = office.engine.as_(COUNTER)
    for asked in ("RAB/2016-0012 b", "rab 2016 0012 B", "RAB20160012B"):
        assert [row["permit_id"] for row in reader.find(file_number=asked)] == [permit_id]
    for asked in ("l1001", "L-1002", "L ١٠٠٢"):
        assert [row["permit_id"] for row in reader.find(card_number=asked)] == [permit_id]
    assert reader.find(card_number="RAB20160012B") == []
    assert reader.find(file_number="L1001") == []
    assert reader.find(card_number="L 100") == []


def test_what_was_corrected_is_no_longer_found_by(office: Office) -> None:
    """The wrong number finds nothing, the right one the file; the same for a name that was updated."""
    holder_id = office.holder()
    permit_id = office.application(holder_id, file_number="12/2016")
    office.do("correct_record", "2016-12-21", permit_id=permit_id, **correction(1, "file_number", "21/2016"))
    reader = office.engine.as_(COUNTER)
    assert reader.find(file_number="12/2016") == []
    assert [row["permit_id"] for row in reader.find(file_number="21/2016")] == [permit_id]
    update = UpdateHolder(holder_id=holder_id, family_name="Sow", birth_date=date(1991, 4, 1))
    office.engine.execute(update, actor=COUNTER)
    assert reader.find(name="Diallo", birth_date=BORN) == []
    assert names(reader.find(name="Aminata Sow", birth_date=date(1991, 4, 1))) == ["Aminata"]
    assert office.engine.store.rebuild("search", check=True).differences == []


def test_what_was_written_is_found_at_once(office: Office) -> None:
    """Also within one batch, and not where the command was refused."""
    people = [a_holder(given_names=name, command_id=name) for name in ("Awa", "Binta", "Coumba")]
    list(office.engine.execute_many(people, actor=COUNTER))
    reader = office.engine.as_(COUNTER)
    assert sorted(map(str, names(reader.find(name="diallo", birth_date=BORN)))) == ["Awa", "Binta", "Coumba"]
    refused(
        "actor.not_competent", lambda: office.engine.execute(a_holder(given_names="Demba"), actor=DECIDER)
    )
    assert reader.find(name="demba", birth_date=BORN) == []


def test_pages_are_taken_up_where_the_last_one_ended(office: Office) -> None:
    """Every row once, in the order of expiry, whatever the size of a page; the last one has no next."""
    holders = [office.holder(given_names=f"Awa {letter}") for letter in "bcdefg"]
    for number, holder_id in enumerate(holders[:5]):
        if number % 2:
            office.title(holder_id)
        else:
            office.application(holder_id)
    office.application(holders[0])
    reader = office.engine.as_(COUNTER)
    for ask in (
        lambda **page: reader.find(name="awa", birth_date=BORN, **page),
        reader.find,
        office.engine.find,
    ):
        whole = ask()
        assert whole.next is None
        for size in (1, 2, 3, len(whole), 50):
            pages = [ask(limit=size)]
            while pages[-1].next is not None:
                pages.append(ask(limit=size, after=pages[-1].next))
            assert list(itertools.chain(*pages)) == whole
            assert all(len(page) <= size for page in pages)
    assert len(reader.find(name="awa", birth_date=BORN)) == 7


@pytest.mark.parametrize("after", ["x", "", "!!!", "MjAxNy0wMi0zMXx4", "é"])
def test_a_cursor_that_is_none_is_refused(office: Office, after: str) -> None:
    """It comes from the page before, and from nowhere else."""
    refused("input.invalid", lambda: office.engine.find(after=after))


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"name": "Diallo"}, "birth_date"),
        ({"birth_date": BORN}, "name"),
        ({"name": "'’ -", "birth_date": BORN}, "name"),
        ({"file_number": "--"}, "file_number"),
        ({"file_number": "1", "card_number": "1"}, "card_number"),
        ({"name": "Diallo", "birth_date": BORN, "file_number": "1"}, "file_number"),
    ],
)
def test_a_question_that_says_too_little_or_too_much_is_refused(
    office: Office, asked: dict[str, object], field: str
) -> None:
    """With the field that is missing or too much."""
    told = refused("input.invalid", lambda: office.engine.as_(COUNTER).find(**asked))  # type: ignore[arg-type]
    assert told.details["fields"][0]["path"] == field


def test_without_an_actor_no_person_is_found(office: Office) -> None:
    """Without a reader the façade refuses to look, and says how it is done."""
    told = refused("input.invalid", lambda: office.engine.find(name="Diallo", birth_date=BORN))
    assert "as_(actor)" in told.message


def test_the_index_says_nothing_without_the_key(office: Office) -> None:
    """It holds neither a name nor a hash that anybody could compute from one; the key lies wrapped."""
    from hashlib import sha256

    office.title(file_number="12/2016")
    with office.engine.database.read() as tx:
        tokens = [bytes(row[0]) for row in tx.all(Statement("SELECT token FROM search"))]
        wrapped = tx.one(
            Statement("SELECT wrapped FROM holder_keys WHERE holder_id = :id"), {"id": blind_index.KEY_ID}
        )
    assert wrapped is not None
    assert len(set(tokens)) == len(tokens) == 3
    for said in blind_index.of_person("x", ("Aminata", "Diallo"), BORN):
        assert sha256(said.said).digest()[:16] not in tokens
    assert not any(word in b"".join(tokens) for word in (b"diallo", b"122016", b"1990"))


def test_an_erased_person_is_found_by_nothing(office: Office) -> None:
    """The entries are taken out with the key: what is left says nothing about anybody, and others stay."""
    holder_id = office.holder()
    office.title(holder_id, file_number="12/2016")
    office.holder(given_names="Awa")
    with office.engine.database.write() as tx:
        assert blind_index.forget(tx, holder_id) == 3
        tx.run(Statement("DELETE FROM holder_keys WHERE holder_id = :id"), {"id": holder_id})
        assert blind_index.entries_of(tx, holder_id) == set()
    reader = office.engine.as_(COUNTER)
    assert names(reader.find(name="Diallo", birth_date=BORN)) == ["Awa"]
    assert reader.find(file_number="12/2016") == []
    assert office.engine.store.rebuild("search", check=True).differences == []


def test_an_entry_left_behind_by_an_erasure_shows_no_person(office: Office) -> None:
    """Even if the entries were there still: what they lead to no longer says who it is."""
    holder_id = office.holder()
    office.title(holder_id, file_number="12/2016")
    with office.engine.database.write() as tx:
        tx.run(Statement("DELETE FROM holder_keys WHERE holder_id = :id"), {"id": holder_id})
    reader = office.engine.as_(COUNTER)
    assert reader.find(name="Diallo", birth_date=BORN) == []
    assert reader.find(file_number="12/2016") == []


def test_the_index_is_built_again_from_history(office: Office) -> None:
    """Lost or altered, it comes back as it was; a check names whom it differs for."""
    holder_id = office.holder()
    office.title(holder_id, file_number="12/2016")
    with office.engine.database.write() as tx:
        before = blind_index.entries_of(tx, holder_id)
        blind_index.forget(tx, holder_id)
    [difference] = office.engine.store.rebuild("search", check=True).differences
    assert difference == {"holder_id": holder_id, "missing": 3, "extra": 0}
    assert office.engine.store.rebuild("search").written == 3
    with office.engine.database.read() as tx:
        assert blind_index.entries_of(tx, holder_id) == before
    assert office.engine.store.rebuild("search", check=True).differences == []
