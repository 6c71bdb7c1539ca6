"""How long data are kept: a floor of the archives' law, a ceiling of the privacy law, both policy data."""

from pathlib import Path

import pytest

from permits_engine import PermitsError
from permits_engine.policies.loading import packaged
from permits_engine.store.database.transactions import Statement
from permits_engine.testing import Office
from tests.integration.application.privacy.conftest import ADMINISTRATOR, ended, holder_of

_ERASED = Statement("SELECT holder_id FROM erasures WHERE scrubbed_at IS NOT NULL")


def erased(office: Office) -> set[str]:
    with office.engine.database.read() as tx:
        return {row[0] for row in tx.all(_ERASED)}


def due(office: Office, letters: Path | None = None) -> list[str]:
    return [each.holder_id for each in office.engine.privacy.retention_due(letters=letters).due]


def test_a_persons_time_is_over_five_years_after_their_last_file(office: Office) -> None:
    """Closed on 2 May 2017: nothing on 1 May 2022, due on the 2nd, with the norm; anyone who has a later file stays."""
    holder_id = holder_of(office, ended(office))
    someone = office.holder(given_names="Later")
    ended(office, someone)
    office.at("2021-03-01")
    later = office.application(someone, category="ordinary", criterion=None, on="2021-03-01")
    office.do("close_permit", "2021-04-01", permit_id=later, reason="departed")
    office.at("2022-05-01")
    assert due(office) == []
    office.at("2022-05-02")
    [found] = office.engine.privacy.retention_due().due
    assert (found.holder_id, str(found.ended_on), str(found.due_on)) == (
        holder_id,
        "2017-05-02",
        "2022-05-02",
    )
    assert "09-08" in found.norm
    office.at("2026-04-01")
    assert set(due(office)) == {holder_id, someone}


def test_a_title_that_only_ended_counts_from_its_last_day(office: Office) -> None:
    """No one closed the file and no scheduler ran: its window closed on 15 February 2018."""
    holder_id = holder_of(office, office.title())
    office.at("2023-02-14")
    assert due(office) == []
    office.at("2023-02-15")
    assert due(office) == [holder_id]


def test_a_person_without_a_file_is_not_kept_for_ever(office: Office) -> None:
    """Registered and never heard of again: counted from the last that was said about them."""
    holder_id = office.holder()
    office.at("2021-12-01")
    assert due(office) == []
    office.at("2022-01-01")
    assert due(office) == [holder_id]


def test_nothing_is_erased_but_by_a_plan_that_was_looked_at(office: Office, tmp_path: Path) -> None:
    """Another plan than the present one is a conflict; the right one erases exactly what it showed."""
    first, second = holder_of(office, ended(office)), holder_of(office, ended(office))
    office.at("2022-06-01")
    plan = office.engine.privacy.retention_due(letters=tmp_path)
    assert {each.holder_id for each in plan.people} == {first, second}
    assert erased(office) == set()
    office.do("place_hold", "2022-06-01", ADMINISTRATOR, holder_id=second, norm="order 9/2022")
    with pytest.raises(PermitsError) as caught:
        office.engine.privacy.apply_retention(plan.plan, actor=ADMINISTRATOR, letters=tmp_path)
    assert caught.value.code == "concurrency.conflict"
    again = office.engine.privacy.retention_due(letters=tmp_path)
    assert [each.norm for x in again.due for each in x.held_by] == ["order 9/2022"]
    done = office.engine.privacy.apply_retention(again.plan, actor=ADMINISTRATOR, letters=tmp_path)
    assert done == {"plan": again.plan, "erased": 1, "letters_removed": 0}
    assert erased(office) == {first}
    [event] = office.engine.subscribe(timeout=0, names=("holder.erased",))
    assert event["reason"] == "retention: loi 09-08, article 3"


def test_the_archives_floor_holds_against_the_ceiling(office: Office) -> None:
    """An adopted floor of ten years: after five the person is listed as held, by that norm, and not erased."""
    floor = "    applies: {data: [person]}\n    value: unset"
    office.at("2017-05-03")
    office.engine.policies.adopt(packaged("MA").replace(floor, floor.replace("unset", "P10Y")))
    ended(office, day="2017-05-04")
    office.at("2022-06-01")
    plan = office.engine.privacy.retention_due()
    [found] = plan.due
    assert plan.people == []
    [obstacle] = found.held_by
    assert (obstacle.kind, str(obstacle.until)) == ("archive_duty", "2027-05-04")
    assert "69-99" in obstacle.norm


def test_letters_go_two_years_after_they_went_out(office: Office, tmp_path: Path) -> None:
    """A letter in the folder, by the day on which it left; its person stays, and so does what no one knows."""
    permit_id = office.application()
    office.run_scheduler("2017-03-15")
    [notice] = [each for each in office.engine.notices.list(permit_id=permit_id) if each["state"] == "sent"][
        :1
    ]
    letter = tmp_path / f"{notice['notice_id']}.eml"
    letter.write_text("to Diallo")
    (tmp_path / "unknown.eml").write_text("of another store")
    office.at("2019-03-14")
    assert office.engine.privacy.retention_due(letters=tmp_path).letters == []
    office.at("2019-03-15")
    plan = office.engine.privacy.retention_due(letters=tmp_path)
    assert [each.notice_id for each in plan.letters] == [notice["notice_id"]]
    done = office.engine.privacy.apply_retention(plan.plan, actor=ADMINISTRATOR, letters=tmp_path)
    assert done["letters_removed"] == 1
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".eml"] == ["unknown.eml"]


def test_every_country_says_how_long_with_its_norm(office: Office) -> None:
    """Each class of data has a floor and a ceiling, and none of them is without a source."""
    office.at("2022-01-01")
    rows = office.engine.privacy.retention_rules()
    assert {(row["jurisdiction"], row["data"]) for row in rows} == {
        (code, data) for code in ("MA", "FR", "ES") for data in ("person", "file", "letter")
    }
    assert all(row[f"{end}_norm"] for row in rows for end in ("floor", "ceiling"))
    assert {row["floor"] for row in rows if row["data"] == "file"} == {"unlimited"}
