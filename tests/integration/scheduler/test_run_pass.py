"""A pass that a host runs itself, through the façade."""

from __future__ import annotations

from datetime import date

import pytest

from permits_engine.domain.errors import InputError
from permits_engine.scheduler.daemon.lease import look
from tests.integration.application.conftest import Office
from tests.integration.scheduler.conftest import Post

EXPIRES = date(2018, 1, 31)
REMINDED = date(2017, 11, 2)


def states(office: Office) -> list[str]:
    return [str(each["state"]) for each in office.engine.notices.list()]


def test_a_pass_without_channels_records_and_leaves_the_letters_due(office: Office) -> None:
    """The message is claimed once and waits; the pass is recorded, and the lease is free after it."""
    office.title()
    office.at(REMINDED)
    foreseen = office.engine.preview()
    report = office.engine.run_pass()
    assert [each["does"] for each in foreseen] == ["notice"]
    assert (report.on, report.files, dict(report.notices)) == (REMINDED, 1, {})
    assert states(office) == ["due"]
    assert office.engine.preview() == []
    assert dict(office.engine.run_pass().notices) == {}
    assert states(office) == ["due"]
    assert look(office.engine.database).expired


def test_a_pass_with_channels_delivers_what_is_due(office: Office) -> None:
    """Also what an earlier pass without channels left: through the first channel that reaches the holder."""
    office.title()
    office.at(REMINDED)
    office.engine.run_pass()
    post, second = Post(), Post()
    report = office.engine.run_pass(channels=[post, second])
    assert dict(report.notices) == {"sent": 1}
    assert [letter.kind for letter in post.letters] == ["renewal_reminder"]
    assert second.tried == []
    assert states(office) == ["sent"]


def test_a_pass_records_what_time_alone_does(office: Office) -> None:
    """A card that ended lapses with or without channels; what an office is told waits at its counter."""
    permit_id = office.title()
    office.application(holder_id=office.holder(given_names="Waiting"))
    office.at("2018-03-01")
    report = office.engine.run_pass(on=date(2018, 2, 28))
    assert report.on == date(2018, 2, 28)
    assert report.acts["permit.lapsed"] == 1
    assert office.engine.permit(permit_id).title_status == "expired"
    post = Post()
    office.engine.run_pass(channels=[post])
    told = office.engine.notices.list(limit=None)
    assert {each["recipient"] for each in told} == {"holder", "prefecture"}
    for each in told:
        sent = office.engine.notices.history(each["notice_id"])[-1]
        assert sent["channel"] == ("post" if each["recipient"] == "holder" else "counter")
    assert len(post.letters) == sum(each["recipient"] == "holder" for each in told)


def test_a_pass_of_a_day_to_come_is_refused(office: Office) -> None:
    """It would record what has not happened; the lease is free again."""
    office.at(REMINDED)
    with pytest.raises(InputError):
        office.engine.run_pass(on=EXPIRES)
    assert office.engine.run_pass().files == 0
