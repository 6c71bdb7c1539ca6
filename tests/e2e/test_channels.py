"""How messages leave, as settings say it: to offices each morning and by services; what a bad setting gets."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.e2e.command_line import Cli


@pytest.fixture
def service() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A text message service on the loopback interface: its address, and what it was given."""
    given: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            given.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}/{{phone}}", given
    server.shutdown()
    server.server_close()
    thread.join()


def services(url: str) -> str:
    return json.dumps([{"name": "sms", "url": url, "segments": 3}])


def test_a_service_named_in_the_settings_gets_the_message(
    cli: Cli, service: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PERMITS_SERVICES names it, PERMITS_CHANNELS puts it first; the history says that it was taken."""
    url, given = service
    monkeypatch.setenv("PERMITS_SERVICES", services(url))
    monkeypatch.setenv("PERMITS_CHANNELS", "sms,mail")
    cli.title(holder_id=cli.holder(phone="+212612345678"))
    report = cli.ok("daemon", "--once", "--on", "2018-01-08", "--json").json
    assert report["notices"] == {"sent": 1}
    assert len(given) == 1
    [row] = cli.ok("notices", "--json").json
    told = cli.ok("notices", "show", row["notice_id"], "--json").json
    assert [each["name"] for each in told] == ["notice.due", "notice.attempted", "notice.sent"]
    assert told[-1]["channel"] == "sms"


@pytest.mark.parametrize(
    ("setting", "value", "names"),
    [
        ("PERMITS_SERVICES", "no json", "JSON such as"),
        ("PERMITS_SERVICES", '[{"name": "smtp", "url": "json://x/{phone}"}]', "smtp"),
        ("PERMITS_SERVICES", '[{"name": "SMS", "url": "json://x/{phone}"}]', "name"),
        ("PERMITS_SERVICES", '[{"name": "sms"}]', "url"),
        ("PERMITS_SERVICES", '[{"name": "sms", "url": "json://x/nobody"}]', "{phone}"),
        ("PERMITS_SERVICES", '[{"name": "sms", "url": "what://{phone}"}]', "Apprise"),
        ("PERMITS_SERVICES", '[{"name": "sms", "url": "json://x/{phone}", "segments": 0}]', "segments"),
        ("PERMITS_CHANNELS", "mail,pigeon", "pigeon"),
        ("PERMITS_CHANNELS", "mail,mail", "twice"),
    ],
)
def test_a_setting_that_cannot_be_is_named(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, names: str
) -> None:
    """Exit 2, the setting and what is wrong with it; nothing is sent, nothing recorded."""
    cli.title()
    before = cli.position
    monkeypatch.setenv(setting, value)
    done = cli("daemon", "--once", "--on", "2018-01-08")
    assert done.code == 2
    assert "input.invalid" in done.err
    assert setting in done.err
    assert names in done.err
    monkeypatch.delenv(setting)
    assert cli.position == before


def test_what_waits_for_an_office_is_shown(cli: Cli) -> None:
    """permits digest lists it worst first, for people and for programs; a code that is none is refused."""
    first, second = cli.title(), cli.title()
    on = "2018-01-10"
    request = {"command": "request_renewal", "actor": {"id": "a", "role": "counter", "prefecture": "MA-RAB"}}
    cli.did({**request, "permit_id": first, "on": on}, {**request, "permit_id": second, "on": "2018-01-09"})
    rows = cli.ok("digest", "--prefecture", "MA-RAB", "--on", "2018-01-20", "--json").json
    assert [(row["what"], row["permit_id"], row["days"]) for row in rows] == [
        ("ready_to_sign", second, 4),
        ("ready_to_sign", first, 5),
    ]
    shown = cli.ok("digest", "--on", "2018-01-20").out
    assert "ready_to_sign" in shown
    assert first in shown
    done = cli("digest", "--prefecture", "Rabat")
    assert (done.code, "--prefecture" in done.err) == (2, True)
    assert cli("digest", "--on", "soon").code == 2
