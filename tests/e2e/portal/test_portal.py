"""The example portal over HTTP, against the real engine, on both databases."""

import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text

from examples.portal.app import create
from permits_engine import Engine
from permits_engine.testing import FakeClock, Office
from tests.acts import ADVISED

PASSWORDS = {"samira": "counter-rabat", "karim": "decider-rabat", "leila": "counter-fes"}
PERSON = {
    "family_name": "Diallo",
    "given_names": "Aminata",
    "birth_date": "1990-04-01",
    "sex": "F",
    "nationality": "SEN",
    "language": "fr",
    "category": "regularisation-2016",
    "criterion": "R5",
}


class Browser:
    """Someone before the portal: follows links and sends the forms that the page shows."""

    def __init__(self, app: Any, name: str | None = None) -> None:
        self.client = TestClient(app, base_url="https://portal.example")
        self.status = 0
        self.page = ""
        if name is not None:
            self.get("/login")
            self.send("/login", name=name, password=PASSWORDS[name])
            assert self.status == 200

    def get(self, address: str, **query: str) -> str:
        """Open a page."""
        return self._seen(self.client.get(address, params=query or None))

    def send(self, address: str, **fields: str) -> str:
        """Fill in the form of the page that goes to an address, with what it holds already, and send it."""
        form = re.search(rf'<form[^>]*action="{re.escape(address)}".*?</form>', self.page, re.DOTALL)
        assert form is not None, f"the page has no form for {address}"
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
        return self._seen(self.client.post(address, data=hidden | fields))

    def buttons(self) -> set[str]:
        """The commands that the page offers."""
        return set(re.findall(r'action="/permits/[^/"]+/(\w+)"', self.page))

    def _seen(self, answer: Any) -> str:
        self.status, self.page = answer.status_code, unescape(answer.text)
        self.address = str(answer.url.path)
        return self.page


class World:
    """The portal, the engine under it with its clock, and the host's table."""

    def __init__(self, office: Office, url: str) -> None:
        self.office = office
        self.host = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        self.engine = Engine.open(
            self.host, keys=office.engine.context.keyring._master_keys, clock=office.clock
        )
        self.app = create(self.engine, self.host, secret="for a test")

    def visits(self) -> list[tuple[str, str]]:
        """What the host noted."""
        with self.host.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(text("SELECT officer, act FROM visits"))]


@pytest.fixture
def world(store_url: str, tmp_path: Path) -> Iterator[World]:
    """A portal on an initialised store, on 20 December 2016."""
    clock = FakeClock()
    clock.at(date(2016, 12, 20))
    with Engine.initialise(store_url, keys=tmp_path / "keys", clock=clock, simulated=True) as engine:
        world = World(Office(engine, clock), store_url)
        yield world
        world.engine.close()
        world.host.dispose()


def filed(world: World, counter: Browser) -> str:
    """A person and a file, from the form on the first page; gives the file's address."""
    counter.get("/")
    counter.send("/people", **PERSON)
    assert counter.status == 200, counter.page
    return counter.address


def granted(world: World, counter: Browser, decider: Browser) -> str:
    """The file advised on and granted."""
    address = filed(world, counter)
    world.office.do("record_opinion", "2017-01-20", permit_id=address.rpartition("/")[2], **ADVISED)
    world.office.at("2017-02-01")
    decider.get(address)
    decider.send(f"{address}/issue_permit", card_number="L 1001")
    assert "active, until 2018-01-31, card L 1001" in decider.page
    return address


def test_a_file_from_its_filing_to_a_card_of_three_years(world: World) -> None:
    """Two officers, each with the buttons of their role; the host's rows are beside the engine's events."""
    counter, decider = Browser(world.app, "samira"), Browser(world.app, "karim")
    address = granted(world, counter, decider)
    counter.get(address)
    assert "request_renewal" in counter.buttons()
    world.office.at("2018-01-10")
    counter.send(f"{address}/request_renewal")
    assert "under_review" in counter.page
    world.office.at("2018-01-18")
    decider.get(address)
    decider.send(f"{address}/renew_permit", card_number="L 1002")
    assert "active, until 2021-01-31, card L 1002" in decider.page
    assert world.visits() == [
        ("samira", "lodge_application"),
        ("karim", "issue_permit"),
        ("samira", "request_renewal"),
        ("karim", "renew_permit"),
    ]
    assert world.office.engine.store.rebuild(check=True).differences == []


def test_the_buttons_are_those_of_the_officer_and_the_file(world: World) -> None:
    """What the engine allows: no button of another role, and none that the state refuses."""
    counter, decider = Browser(world.app, "samira"), Browser(world.app, "karim")
    address = filed(world, counter)
    permit_id = address.rpartition("/")[2]
    for browser, role in ((counter, "counter"), (decider, "decider")):
        browser.get(address)
        actor = world.office.actor(role)
        assert browser.buttons() <= set(world.engine.allowed(permit_id, actor=actor))
    assert "issue_permit" in decider.buttons() - counter.buttons()
    assert "transfer_file" in counter.buttons() - decider.buttons()
    assert "request_renewal" not in counter.buttons()


def test_two_officers_on_one_file_do_not_overwrite_one_another(world: World) -> None:
    """The second form was filled in on an older version: a conflict, said in words, and nothing is done."""
    counter, decider = Browser(world.app, "samira"), Browser(world.app, "karim")
    address = granted(world, counter, decider)
    world.office.at("2018-01-10")
    first, second = Browser(world.app, "samira"), Browser(world.app, "samira")
    first.get(address)
    second.get(address)
    first.send(f"{address}/record_exit", on="2017-12-01")
    assert first.status == 200
    second.send(f"{address}/transfer_file", prefecture="MA-FES")
    assert second.status == 409
    assert "Somebody else changed the file since you opened it" in second.page
    assert ("samira", "transfer_file") not in world.visits()
    assert world.engine.permit(address.rpartition("/")[2]).prefecture == "MA-RAB"


def test_a_form_sent_twice_is_carried_out_once(world: World) -> None:
    """Its command bears an id of its own: the second time shows the first outcome, and no second visit."""
    counter, decider = Browser(world.app, "samira"), Browser(world.app, "karim")
    address = granted(world, counter, decider)
    counter.get(address)
    shown = counter.page
    counter.send(f"{address}/record_exit", on="2017-01-25")
    counter.page = shown
    counter.send(f"{address}/record_exit", on="2017-01-25")
    assert counter.status == 200
    assert world.visits().count(("samira", "record_exit")) == 1


def test_what_the_engine_refuses_is_shown_in_its_own_words(world: World) -> None:
    """With the status of its family; neither an event nor a visit is left."""
    counter, decider = Browser(world.app, "samira"), Browser(world.app, "karim")
    address = filed(world, counter)
    before, end = world.visits(), world.office.position()
    decider.get(address)
    decider.send(f"{address}/issue_permit")
    assert (decider.status, "opinion.missing" in decider.page) == (422, True)
    decider.get(address)
    decider.send(f"{address}/refuse_application", reasons_in_fact=" ", reasons_in_law="x")
    assert (decider.status, "decision.reasons_missing" in decider.page) == (422, True)
    counter.get("/")
    counter.send("/people", **PERSON | {"birth_date": "2030-01-01"})
    assert (counter.status, "input.invalid" in counter.page) == (422, True)
    counter.get("/")
    counter.send("/people", **PERSON | {"criterion": "R99"})
    assert (counter.status, "criterion.unknown" in counter.page) == (422, True)
    assert world.visits() == before
    # The looks of that day were noted before; the person of the refused file was not registered either.
    assert [e["name"] for e in world.engine.subscribe(after=end, timeout=0)] == ["holder.accessed"]


def test_a_counter_finds_the_people_of_its_own_office(world: World) -> None:
    """By name and birth date or by number; another office finds no one, and may not open the file."""
    counter, decider = Browser(world.app, "samira"), Browser(world.app, "karim")
    address = granted(world, counter, decider)
    for query in ({"name": "diallo", "birth_date": "1990-04-01"}, {"number": "l-1001"}):
        assert "Aminata" in counter.get("/find", **query)
    stranger = Browser(world.app, "leila")
    assert "Nothing found" in stranger.get("/find", name="diallo", birth_date="1990-04-01")
    stranger.get(address)
    assert (stranger.status, "actor.wrong_prefecture" in stranger.page) == (403, True)
    assert counter.get("/find", name="diallo") and counter.status == 422
    looks = [e["actor"]["id"] for e in world.engine.subscribe(timeout=0, names=("holder.accessed",))]
    assert set(looks) == {"samira", "karim"}


def test_the_portal_asks_for_a_login(world: World) -> None:
    """Neither to a page nor by a form; a wrong password is told without saying which part was wrong."""
    address = filed(world, Browser(world.app, "samira"))
    stranger = Browser(world.app)
    for page in ("/", address, "/find?name=x"):
        stranger.get(page)
        assert stranger.address == "/login"
    stranger.send("/login", name="samira", password="wrong")
    assert stranger.status == 401
    answer = stranger.client.post(f"{address}/transfer_file", data={"prefecture": "MA-FES"})
    assert answer.url.path == "/login"
    assert len(world.visits()) == 1


def test_a_form_from_elsewhere_is_not_taken(world: World) -> None:
    """Without the session's own token a form does nothing, although the officer is logged in."""
    counter = Browser(world.app, "samira")
    address = filed(world, counter)
    answer = counter.client.post(f"{address}/transfer_file", data={"prefecture": "MA-FES", "token": "guess"})
    assert answer.url.path == "/login"
    assert world.engine.permit(address.rpartition("/")[2]).prefecture == "MA-RAB"


def test_names_are_shown_as_text(world: World) -> None:
    """A name with markup in it is a name."""
    counter = Browser(world.app, "samira")
    counter.get("/")
    answer = counter.client.post(
        "/people",
        data=PERSON | {"family_name": "<b>Diallo</b>", "token": _token(counter.page)},
    )
    assert "<b>Diallo</b>" not in answer.text
    assert "&lt;b&gt;Diallo" in answer.text


def _token(page: str) -> str:
    found = re.search(r'name="token" value="(\w+)"', page)
    assert found is not None
    return found[1]


def test_a_file_that_is_not_there_is_not_found(world: World) -> None:
    """With the engine's sentence."""
    counter = Browser(world.app, "samira")
    counter.get("/permits/0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f00ff")
    assert (counter.status, "permit.not_found" in counter.page) == (404, True)
