"""Files on which something is due today, a channel that answers as a test wants, and a mail server that counts."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from permits_engine import Actor, Engine
from permits_engine.commands import Command, parse
from permits_engine.domain.errors import PermitsError
from permits_engine.scheduler.delivery.channel import Channel, Contact, DeliveryError, Evidence, Letter
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.limits import Limits
from permits_engine.scheduler.passes.reconciler import Pass
from permits_engine.scheduler.passes.run import run_pass
from tests.integration.application.conftest import Office

COUNTER = Actor(id="officer-17", role="counter", prefecture="MA-RAB")
DECIDER = Actor(id="officer-3", role="decider", prefecture="MA-RAB")


class Post(Channel):
    """A channel that remembers every letter and answers as it is told to."""

    name = "post"
    contact: Contact | None = "email"
    idempotent = True
    batch = 1

    def __init__(self, answer: Callable[[Letter], DeliveryError | None] = lambda letter: None) -> None:
        self.answer = answer
        self.tried: list[Letter] = []
        self.letters: list[Letter] = []

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        return [self._one(letter) for letter in letters]

    def _one(self, letter: Letter) -> Evidence | DeliveryError:
        self.tried.append(letter)
        refusal = self.answer(letter)
        if refusal is None:
            self.letters.append(letter)
        return refusal or Evidence(self.name, f"<{letter.notice_id}@example.org>", "250 taken")

    @property
    def told(self) -> list[tuple[str, str | None]]:
        """Kind and tier of each letter that was taken."""
        return [(letter.kind, letter.tier) for letter in self.letters]


def run(office: Office, day: str, *channels: Any, limits: Limits | None = None) -> Pass:
    """A pass on the morning of a day, through channels in their order."""
    office.at(day)
    used = channels or (Post(),)
    routes = Routes(used, used[0], offices={"MA-RAB": "office@example.org"})
    return run_pass(office.engine.context, routes, on=date.fromisoformat(day), limits=limits)


def many_due(engine: Engine, number: int, *, today: date | None = None) -> list[str]:
    """Files of as many people, whose cards end in 25 days: each has one reminder due, of 30 days before."""
    day = today or engine.queries.today()
    issued = _a_year_before(day + timedelta(days=26))
    people: list[Command] = [
        parse(
            "register_holder",
            {
                "family_name": f"Ndiaye{n}",
                "given_names": "Awa",
                "birth_date": "1990-04-01",
                "sex": "F",
                "nationality": "SEN",
                "language": ("fr", "ar", "en", "es")[n % 4],
                "email": f"holder{n}@example.org",
            },
        )
        for n in range(number)
    ]
    holders = [_held(outcome).holder_id for outcome in engine.execute_many(people, actor=COUNTER)]
    files = [
        parse(
            "lodge_application",
            {
                "holder_id": holder_id,
                "jurisdiction": "MA",
                "category": "ordinary",
                "prefecture": "MA-RAB",
                "file_number": f"RAB-{n}",
                "on": (issued - timedelta(days=10)).isoformat(),
            },
        )
        for n, holder_id in enumerate(holders)
    ]
    permits = [str(_held(o).permit_id) for o in engine.execute_many(files, actor=COUNTER)]
    grants = [
        parse("issue_permit", {"permit_id": each, "on": issued.isoformat(), "term": "P1Y"})
        for each in permits
    ]
    for outcome in engine.execute_many(grants, actor=DECIDER):
        _held(outcome)
    return permits


def _a_year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _held(outcome: Any) -> Any:
    assert not isinstance(outcome, PermitsError), outcome
    return outcome


class Mailbox:
    """What a mail server on the loopback interface was given: how often each message, by its id."""

    def __init__(self) -> None:
        self.ids: Counter[str] = Counter()
        self.per_notice: dict[str, set[str]] = {}
        self.answers: list[str] = []
        """What the server says to the next letters, before it takes any again."""
        self.delay = 0.0
        """Seconds that the server takes for each letter."""
        self.lock = threading.Lock()
        self.first: datetime | None = None
        self.last: datetime | None = None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.delay:
            await asyncio.sleep(self.delay)
        message = message_from_bytes(envelope.content, policy=policy.default)
        with self.lock:
            if self.answers:
                return self.answers.pop(0)
            self.last = datetime.now(UTC)
            self.first = self.first or self.last
            self.ids[message["Message-ID"]] += 1
            self.per_notice.setdefault(message["X-Permits-Notice"], set()).add(message["Message-ID"])
        return f"250 2.0.0 queued as {len(self.ids)}"

    @property
    def repeats(self) -> int:
        """Letters that came more than once, each time under the same id."""
        return sum(count - 1 for count in self.ids.values())


@pytest.fixture
def mailbox() -> Mailbox:
    """What the mail server took."""
    return Mailbox()


@pytest.fixture
def mail_server(mailbox: Mailbox) -> Iterator[tuple[str, int]]:
    """A running mail server's address."""
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), ready_timeout=20)
    controller.start()
    try:
        yield controller.server.sockets[0].getsockname()[:2]
    finally:
        controller.stop()


def free_port() -> int:
    """A port that no one listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
