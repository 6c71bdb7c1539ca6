"""The code in an expedited reminder: good for one renewal of one permit, once."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine import Engine
from permits_engine.commands import parse
from permits_engine.domain.errors import InputError, PermitsError
from permits_engine.scheduler.notices import renewal_token
from permits_engine.scheduler.notices.renewal_token import Token
from permits_engine.store.log.signed_note import Signer
from permits_engine.testing.clock import FakeClock
from tests.integration.application.conftest import COUNTER, Office
from tests.integration.scheduler.conftest import Post, run

SIGNER = Signer.new("permits-engine/test")
TOKEN = Token("0197a1a0-0000-7000-8000-000000000001", 3, date(2018, 2, 15))


def holds(said: bytes, by: bytes) -> bool:
    return SIGNER.verifier.signed(said, by)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Office]:
    """A store of real time (its clock is the test's): only such a one signs tokens."""
    clock = FakeClock()
    clock.at(date(2016, 12, 1))
    with Engine.initialise(
        f"sqlite:///{tmp_path / 'store.db'}", keys=tmp_path / "store.keys", clock=clock
    ) as engine:
        yield Office(engine, clock)


def reminded(office: Office) -> tuple[str, str]:
    """A permit and the code in its reminder."""
    permit_id = office.title()
    post = Post()
    run(office, "2017-11-03", post)
    [letter] = post.letters
    assert letter.expedited
    [code] = re.findall(r"^[\w-]{122}$", letter.text, re.MULTILINE)
    return permit_id, code


def test_the_code_in_the_letter_files_the_renewal_once(real: Office) -> None:
    """A portal verifies it, files what it says, and the second time is told that it has been used."""
    permit_id, code = reminded(real)
    found = real.engine.notices.verify_token(code)
    assert (found["permit_id"], found["term_number"], found["expires_on"]) == (permit_id, 1, "2018-02-15")
    fields = {name: value for name, value in found["command"].items() if name != "command"}
    first = real.engine.execute(parse("request_renewal", fields), actor=COUNTER)
    assert "permit.renewal_requested" in first.events
    again = real.engine.execute(parse("request_renewal", fields), actor=COUNTER)
    assert again.replayed
    with pytest.raises(PermitsError, match=r"transition\.not_allowed: the token has been used"):
        real.engine.notices.verify_token(code)


def test_its_time_is_that_of_the_renewal(real: Office) -> None:
    """To the fifteenth day after the end, and not on the sixteenth."""
    _, code = reminded(real)
    assert real.engine.notices.verify_token(code, on=date(2018, 2, 15))["term_number"] == 1
    with pytest.raises(PermitsError, match=r"window\.closed: the token could be used until 2018-02-15"):
        real.engine.notices.verify_token(code, on=date(2018, 2, 16))


def test_another_stores_code_opens_nothing(real: Office, tmp_path: Path) -> None:
    """The signature is over the store's name too."""
    _, code = reminded(real)
    with (
        Engine.initialise(f"sqlite:///{tmp_path / 'b.db'}", keys=tmp_path / "b.keys") as other,
        pytest.raises(InputError, match="no token of this store"),
    ):
        other.notices.verify_token(code)
    with pytest.raises(InputError, match="no token of this store"):
        renewal_token.read(renewal_token.issue(TOKEN, "one", SIGNER.signature), "two", holds)


@given(st.integers(0, 121), st.integers(1, 63))
def test_no_letter_of_a_code_can_be_changed(at: int, by: int) -> None:
    """Whatever is altered, cut or added, it is no token any more."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    code = renewal_token.issue(TOKEN, "one", SIGNER.signature)
    assert renewal_token.read(code, "one", holds) == TOKEN
    other = alphabet[(alphabet.index(code[at]) + by) % 64]
    for changed in (code[:at] + other + code[at + 1 :], code[:at], code + other):
        with pytest.raises(InputError):
            renewal_token.read(changed, "one", holds)


@given(st.text(max_size=200))
def test_what_is_no_code_is_refused_as_input(text: str) -> None:
    """Whatever someone types."""
    with pytest.raises(InputError):
        renewal_token.read(text, "one", holds)


def test_a_demonstration_hands_out_no_codes(office: Any) -> None:
    """A simulated store's letters carry none."""
    office.title()
    post = Post()
    run(office, "2017-11-03", post)
    assert not re.findall(r"^[\w-]{122}$", post.letters[0].text, re.MULTILINE)
    assert post.letters[0].deadline == date(2018, 1, 31)
    run(office, "2018-02-01", post)
    assert post.letters[-1].deadline == date(2018, 1, 31) + timedelta(days=15)
