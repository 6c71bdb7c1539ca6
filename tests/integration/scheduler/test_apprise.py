"""Services beside mail, by Apprise and a real HTTP server: each letter goes there once, and what comes back is read."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import unquote

import pytest

from permits_engine.scheduler.delivery.apprise import AppriseChannel
from permits_engine.scheduler.delivery.channel import DeliveryError, Evidence, Letter
from tests.integration.application.conftest import Office
from tests.integration.scheduler.conftest import Post, many_due, run
from tests.letters import a_letter

PHONE = "+212612345678"
DAY = "2018-01-08"


class Service:
    """A text message service on the loopback interface: remembers what it was given, answers as it is told to."""

    def __init__(self) -> None:
        self.answer = 200
        self.taken: list[tuple[str, dict[str, Any]]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.taken.append((unquote(self.path), json.loads(body)))
                self.send_response(service.answer)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self.server.server_port}/{{phone}}"


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    thread = threading.Thread(target=running.server.serve_forever, daemon=True)
    thread.start()
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()


def letter(**changed: Any) -> Letter:
    arabic = {"language": "ar", "direction": "rtl", "subject": "تنتهي مدة بطاقة إقامتك", "text": "نص الرسالة"}
    return a_letter(**{"kind": "renewal_reminder", "tier": "P30D", "to_address": PHONE} | arabic | changed)


def test_a_text_message_is_the_subject_and_says_its_size(service: Service) -> None:
    """Arabic goes as UCS-2; the evidence says how many segments."""
    done = AppriseChannel("sms", service.url, segments=2).send(letter())
    assert done == Evidence("sms", None, "taken by the service: 1 segments of UCS-2")
    ((path, body),) = service.taken
    assert path == f"/{PHONE}"
    assert body["message"] == letter().subject


def test_other_services_get_the_whole_letter(service: Service) -> None:
    """Without a number of segments subject and text go."""
    AppriseChannel("whatsapp", service.url).send(letter())
    ((_, body),) = service.taken
    assert (body["title"], body["message"]) == (letter().subject, letter().text)


@pytest.mark.parametrize(
    ("answer", "permanent", "unavailable"),
    [(400, True, False), (404, True, False), (429, False, True), (500, False, False), (503, False, False)],
)
def test_an_answer_is_a_refusal_a_wait_or_unknown(
    service: Service, answer: int, permanent: bool, unavailable: bool
) -> None:
    """4xx: not taken, the next channel may try; 429: later; 5xx: it may have gone, so no one repeats it."""
    service.answer = answer
    with pytest.raises(DeliveryError) as refused:
        AppriseChannel("sms", service.url, segments=2).send(letter())
    assert (refused.value.permanent, refused.value.unavailable, refused.value.code) == (
        permanent,
        unavailable,
        str(answer),
    )


def test_a_message_that_is_too_long_is_not_sent(service: Service) -> None:
    """More segments than are paid for: a refusal for good, before anything leaves."""
    with pytest.raises(DeliveryError, match="3 segments of UCS-2") as refused:
        AppriseChannel("sms", service.url, segments=2).send(letter(subject="ب" * 135))
    assert refused.value.permanent
    assert service.taken == []


def test_nothing_of_the_recipient_is_logged(
    service: Service, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever the library warns about stays in the evidence, which is encrypted."""
    service.answer = 500
    with caplog.at_level(logging.INFO), pytest.raises(DeliveryError):
        AppriseChannel("sms", service.url).send(letter())
    assert "212612345678" not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("url", ["json://127.0.0.1/nobody", "nothing://{phone}", "{phone}{email}"])
def test_an_address_that_leads_nowhere_is_refused_at_once(url: str) -> None:
    """No place for the recipient, no such service: before the first letter."""
    with pytest.raises(ValueError, match=r"recipient goes|understands"):
        AppriseChannel("sms", url)


def test_what_the_holder_prefers_goes_first(office: Office, service: Service) -> None:
    """Mail is the first channel, but a holder who prefers the telephone gets a text message, and mail if that fails."""
    mail, sms = Post(), AppriseChannel("sms", service.url, segments=3)
    office.title(office.holder(phone=PHONE, prefers="phone"))
    office.title(office.holder(phone=PHONE, given_names="Mariam"))
    run(office, DAY, mail, sms)
    assert len(service.taken) == 1
    assert mail.told == [("renewal_reminder", "P30D")]
    service.answer = 404
    run(office, "2018-01-18", mail, sms)
    assert len(service.taken) == 2
    assert len(mail.letters) == 3


def test_a_service_that_may_have_sent_it_is_not_asked_twice(office: Office, service: Service) -> None:
    """After an answer that leaves it open the message waits for a human; the next pass does not repeat it."""
    service.answer = 502
    office.title(office.holder(phone=PHONE, email=None))
    sms = AppriseChannel("sms", service.url, segments=3)
    run(office, DAY, sms)
    run(office, DAY, sms)
    assert len(service.taken) == 1
    (row,) = office.engine.notices.list(state="parked")
    assert row["reason"] == "unknown_outcome"


def test_without_a_number_mail_is_taken(office: Office, service: Service) -> None:
    """A service that cannot reach the holder is left out of the order."""
    many_due(office.engine, 3)
    mail = Post()
    run(office, "2016-12-01", AppriseChannel("sms", service.url), mail)
    assert service.taken == []
    assert len(mail.letters) == 3
