"""What the reading commands print, for programs and for people."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import COUNTER, DECIDER, Cli, application

VIEW = {
    *("permit_id", "holder_id", "jurisdiction", "prefecture", "category", "criterion", "title_status"),
    *("application_status", "appeal_status", "term_number", "valid_from", "valid_until", "receipt_until"),
    *("track", "lawful_stay", "version", "as_of", "known_at", "standing", "file_number", "card_number"),
}
ENVELOPE = {
    *(
        "event_id",
        "effective_on",
        "recorded_at",
        "actor",
        "operator",
        "correlation_id",
        "position",
        "version",
    ),
    "name",
}
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")


def test_a_permit_is_shown_on_any_legal_date(cli: Cli) -> None:
    """show --json gives the view of the contract; before, in and after the term."""
    permit_id = cli.title()
    view = cli.ok("show", permit_id, "--as-of", "2017-06-01", "--json").json
    assert set(view) >= VIEW
    assert (view["title_status"], view["valid_until"], view["lawful_stay"]) == ("active", "2018-01-31", True)
    assert set(view["standing"]) == {"because", "basis", "certain"}
    assert [each["kind"] for each in view["deadlines"]] == ["title_expiry", "renewal_window_closes"]
    assert all(each["explanation"] for each in view["deadlines"])
    statuses = {
        day: cli.ok("show", permit_id, "--as-of", day, "--json").json["title_status"]
        for day in ("2016-01-01", "2017-01-31", "2018-02-15", "2018-02-16", "2190-01-01")
    }
    assert list(statuses.values()) == ["none", "none", "expired_in_window", "expired", "expired"]


def test_what_was_known_then_is_another_answer(cli: Cli) -> None:
    """--known-at before anything was recorded finds nothing; with an offset it is the same instant."""
    permit_id = cli.title()
    recorded = cli.ok("history", permit_id, "--json").json[1]["recorded_at"]
    view = cli.ok("show", permit_id, "--as-of", "2017-06-01", "--known-at", recorded, "--json").json
    assert (view["title_status"], view["version"], view["known_at"]) == ("none", 2, recorded)
    offset = recorded.replace("Z", "+00:00")
    assert cli.ok("show", permit_id, "--as-of", "2017-06-01", "--known-at", offset, "--json").json == view
    done = cli("show", permit_id, "--known-at", "2010-01-01T00:00:00Z", "--json")
    assert (done.code, done.error["code"]) == (1, "permit.not_found")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--as-of", "2014-02-30"],
        ["--as-of", "1700-01-01"],
        ["--as-of", "9999-12-31"],
        ["--as-of", "tomorrow"],
        ["--known-at", "2017-01-31"],
        ["--known-at", "2017-01-31T09:00:00"],
        ["--known-at", "2017-02-30T09:00:00Z"],
        ["--known-at", "0001-01-01T00:00:00+23:59"],
        ["--known-at", "now"],
    ],
    ids=" ".join,
)
def test_a_date_or_instant_that_is_none_names_its_option(sqlite_cli: Cli, arguments: list[str]) -> None:
    """Exit 2, the option, what was typed and what it should look like."""
    permit_id = "00000000-0000-4000-8000-000000000000"
    done = sqlite_cli("show", permit_id, *arguments, "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")
    assert done.error["details"]["fields"][0]["path"] == arguments[0]
    assert arguments[1] in done.err


def test_a_history_carries_its_envelope(cli: Cli) -> None:
    """history --json: every event in order with who, for whom, when and by which rules."""
    permit_id = cli.title(command_id="filing-1")
    events = cli.ok("history", permit_id, "--json").json
    assert [each["name"] for each in events] == [
        "permit.application_lodged",
        "permit.receipt_issued",
        "permit.opinion_recorded",
        "permit.issued",
    ]
    for number, event in enumerate(events, 1):
        assert set(event) >= ENVELOPE
        assert event["version"] == number
        assert INSTANT.fullmatch(event["recorded_at"])
        assert event["basis"]["rules"]
    assert events[0]["command_id"] == "filing-1"
    assert events[2]["reasons"] == "five years shown"


def test_an_event_is_explained_by_its_rules(cli: Cli) -> None:
    """explain: each rule with parameter, value, norm, rank and since when it was in force and known."""
    permit_id = cli.title()
    told = cli.ok("explain", permit_id, "--json").json
    assert told["name"] == "permit.issued"
    rules = {each["parameter"]: each for each in told["basis"]["rules"]}
    assert rules["term.first"]["value"] == "P1Y"
    for rule in rules.values():
        assert set(rule) >= {"parameter", "value", "norm", "rank", "in_force_since", "known_since"}
    assert (
        cli.ok("explain", permit_id, "--version", "1", "--json").json["name"] == "permit.application_lodged"
    )


def test_the_rules_are_heard_in_french_and_arabic(sqlite_cli: Cli) -> None:
    """explain --language: words of that language, no mark of direction on a terminal; another one is refused."""
    permit_id = sqlite_cli.title()
    assert (
        "la période n° 1 court du 1er février 2017"
        in sqlite_cli.ok("explain", permit_id, "--language", "fr").out
    )
    arabic = sqlite_cli.ok("explain", permit_id, "--language", "ar").out
    assert "تسري المدة رقم 1 من 1 فبراير 2017" in arabic
    assert "u2068" not in arabic.encode("unicode_escape").decode()
    done = sqlite_cli("explain", permit_id, "--language", "es", "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")


def test_people_read_a_permit_its_history_and_its_reasons(cli: Cli) -> None:
    """Without --json: sentences and columns, each deadline with its working."""
    permit_id = cli.title()
    shown = cli.ok("show", permit_id, "--as-of", "2017-06-01").out
    assert f"Permit {permit_id} on 2017-06-01" in shown
    assert "active, term 1 from 2017-02-01 to 2018-01-31" in shown
    assert "lawful stay  yes: a title is in force" in shown
    assert "  2018-01-31  title_expiry\n              term 1 runs from 1 February 2017" in shown
    told = cli.ok("history", permit_id).out.splitlines()
    assert told[0].split() == ["version", "on", "event", "by", "recorded", "says"]
    assert (
        len({line.index(word) for line, word in zip(told[1:3], ("officer-17", "officer-17"), strict=True)})
        == 1
    )
    explained = cli.ok("explain", permit_id, "--version", "4").out
    assert "permit.issued (version 4) on 2017-02-01" in explained
    assert "term.first = P1Y" in explained


def test_permits_are_listed_by_state_office_and_expiry(cli: Cli) -> None:
    """Each condition of list narrows it, nearest expiry first; a limit that cuts says so."""
    old = cli.title()
    new = cli.application()
    elsewhere = COUNTER | {"prefecture": "MA-FES"}
    far = cli.application(prefecture="MA-FES", actor=elsewhere)
    ids = {
        arguments: [row["permit_id"] for row in cli.ok("list", *arguments, "--json").json]
        for arguments in [
            (),
            ("--status", "expired"),
            ("--status", "under_review"),
            ("--prefecture", "MA-FES"),
            ("--status", "expired", "--prefecture", "MA-FES"),
            ("--limit", "1"),
        ]
    }
    assert ids[()][0] == old
    assert set(ids[()]) == {old, new, far}
    assert ids[("--status", "expired")] == [old]
    assert set(ids[("--status", "under_review")]) == {new, far}
    assert ids[("--prefecture", "MA-FES")] == [far]
    assert ids[("--status", "expired", "--prefecture", "MA-FES")] == []
    assert ids[("--limit", "1")] == [old]
    assert "1 shown; --limit shows more" in cli.ok("list", "--limit", "1").err
    assert "nothing found" in cli.ok("list", "--status", "closed").err


@pytest.mark.parametrize(
    ("arguments", "path", "says"),
    [
        (["list", "--status", "lost"], "status", "is none of none, active"),
        (["list", "--prefecture", "Rabat"], "--prefecture", "is not an office code such as MA-RAB"),
        (["list", "--limit", "0"], "--limit", "is less than 1"),
        (["list", "--limit", "9" * 30], "--limit", "is more than 1000000"),
        (["list", "--limit", "many"], "--limit", "is not a whole number"),
        (["list", "--expiring-before", "soon"], "--expiring-before", "is not a calendar date"),
        (["explain", "x", "--version", "0"], "--version", "is less than 1"),
        (["show", "17"], "ID", "permits list shows the ids"),
        (["notices", "--state", "lost"], "state", "is none of"),
        (["notices", "retry", "17"], "ID", "permits notices shows the ids"),
        (["results", "--by", "colour"], "by", "is none of nationality"),
        (["results", "--by", ","], "by", "is none of nationality"),
        (["caseload", "--on", "1-1-2014"], "--on", "is not a calendar date"),
        (["due", "--on", "2014-02-30"], "--on", "is not a day of the calendar"),
        (["daemon", "--on", "2018-01-02"], "--on", "is for one pass"),
        (["daemon", "--once", "--on", "9999-12-31"], "--on", "lies outside"),
        (["rebuild", "letters"], "name", "is none of permits, notices"),
        (["policy", "diff", "--jurisdiction", "MA", "--from", "2018-01-01"], "--to", "is missing"),
        (["list", "--lmit", "3"], "--lmit", "did you mean --limit?"),
        (["lsit"], "permits", "did you mean list?"),
        (["policy", "shwo"], "permits policy", "did you mean show?"),
        (["show"], "ID", "is missing: the permit's id"),
        (["list", "x"], "permits list", "'x' is one too many"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_usage_names_the_option_and_the_remedy(
    sqlite_cli: Cli, arguments: list[str], path: str, says: str
) -> None:
    """Exit 2: the machine gets the option's name, the person a sentence that says what to type."""
    done = sqlite_cli(*arguments, "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")
    assert done.error["details"]["fields"][0]["path"] == path
    assert says in done.err
    assert "Input should" not in done.err


def test_a_future_pass_is_previewed_and_not_run(cli: Cli) -> None:
    """due may look ahead and does nothing; daemon --once does what it showed, and nothing the second time."""
    permit_id = cli.title()
    position = cli.position
    ahead = cli.ok("due", "--on", "2018-01-01", "--json").json
    assert [(each["does"], each["tier"]) for each in ahead] == [("notice", "P30D")]
    assert cli.position == position
    done = cli("daemon", "--once", "--on", "2199-01-01", "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")
    report = cli.ok("daemon", "--once", "--on", "2018-01-02", "--json").json
    assert report["notices"] == {"sent": 1}
    assert cli.ok("daemon", "--once", "--on", "2018-01-02", "--json").json["notices"] == {}
    [notice] = cli.ok("notices", "--json").json
    assert (notice["permit_id"], notice["kind"], notice["state"]) == (permit_id, "renewal_reminder", "sent")
    assert cli.ok("notices", "--state", "parked", "--json").json == []
    retried = cli("notices", "retry", notice["notice_id"], "--json")
    assert (retried.code, retried.error["code"]) == (1, "transition.not_allowed")


def test_a_parked_notice_is_named_and_tried_again(cli: Cli) -> None:
    """A holder without an address has a parked notice; once there is one, retry lets it go out."""
    holder_id = cli.holder(email=None)
    cli.title(holder_id=holder_id)
    cli.ok("daemon", "--once", "--on", "2018-01-02")
    [parked] = cli.ok("notices", "--state", "parked", "--json").json
    assert parked["reason"] == "no_address"
    assert "permits notices --state parked" in cli.ok("doctor").out
    address = {"command": "update_holder", "holder_id": holder_id, "email": "a@example.org", "actor": COUNTER}
    cli.did(address)
    assert cli.ok("notices", "retry", parked["notice_id"], "--json").json["state"] == "due"
    assert cli.ok("daemon", "--once", "--on", "2018-01-03", "--json").json["notices"].get("sent") == 1


def test_status_describes_the_store(cli: Cli) -> None:
    """Head, lag, last pass and what is parked, with instants in RFC 3339."""
    cli.title()
    state = cli.ok("status", "--json").json
    assert state["head"]["position"] == 8
    assert INSTANT.fullmatch(state["head"]["recorded_at"])
    assert (state["lag"], state["last_pass"], state["parked_streams"]) == (0, None, [])
    cli.ok("daemon", "--once")
    state = cli.ok("status", "--json").json
    assert INSTANT.fullmatch(state["last_pass"]["finished_at"])
    told = cli.ok("status").out
    assert f"position {state['head']['position']}" in told


def test_the_doctor_finds_what_is_wrong(sqlite_cli: Cli, tmp_path: Path) -> None:
    """Warnings and notes are exit 0, an error is exit 1, and each says what to do."""

    def found(level: str) -> str:
        done = sqlite_cli("doctor", "--json")
        said = [each["message"] for each in done.json["findings"] if each["level"] == level]
        assert done.code == (1 if any(each["level"] == "error" for each in done.json["findings"]) else 0)
        return "\n".join(said)

    assert "permits daemon --once" in found("warning")
    assert "the master key lies beside the store" in found("warning")
    assert found("error") == ""
    sqlite_cli.ok("daemon", "--once", "--on", "2018-01-02")
    assert "the last pass was of 2018-01-02" in found("warning")
    sqlite_cli.monkeypatch.setenv("PERMITS_SMTP_HOST", "smtp.example.org")
    sqlite_cli.monkeypatch.setenv("PERMITS_SMTP_SECURITY", "none")
    assert "PERMITS_MAIL_FROM" in found("error")
    assert "unencrypted" in found("warning")
    sqlite_cli.monkeypatch.delenv("PERMITS_SMTP_HOST")
    (tmp_path / "mail").write_text("no folder", encoding="utf-8")
    sqlite_cli.monkeypatch.setenv("PERMITS_MAIL_DIR", str(tmp_path / "mail"))
    assert "letters cannot be written" in found("error")


def test_the_account_is_counted_by_attribute(cli: Cli) -> None:
    """caseload by office and day, results by nationality, sex, office, category and outcome."""
    cli.title()
    cli.application(cli.holder(nationality="MLI", sex="M"))
    assert cli.ok("caseload", "--on", "2016-12-20", "--json").json == [
        {"prefecture": "MA-RAB", "open": 2, "filed": 2, "decided": 0}
    ]
    rows = cli.ok("results", "--by", "nationality,outcome", "--json").json
    counted = {(row["nationality"], row["outcome"]): row["applications"] for row in rows}
    assert counted[("SEN", "granted")] == 1
    assert sum(counted.values()) == 2
    only = cli.ok("results", "--by", "sex", "--category", "ordinary", "--json").json
    assert only == []


def test_text_that_would_steer_a_terminal_is_shown_as_text(sqlite_cli: Cli) -> None:
    """Line breaks and tabs in free text do not break a table."""
    permit_id = sqlite_cli.application()
    refuse: dict[str, Any] = {"command": "refuse_application", "permit_id": permit_id, "actor": DECIDER}
    sqlite_cli.did(refuse | {"on": "2017-01-05", "reasons_in_fact": "one\n\ttwo", "reasons_in_law": "law"})
    told = sqlite_cli.ok("history", permit_id).out
    assert "one\\n\\ttwo" in told
    assert len(told.splitlines()) == 4


def test_a_wide_or_right_to_left_cell_keeps_its_column(sqlite_cli: Cli) -> None:
    """Columns after a cell of Arabic, combining or wide letters keep their place."""
    from permits_engine.cli.output import padded, width

    assert [width(text) for text in ("abc", "علي", "عَلِي", "李雷", "e\u0301")] == [3, 3, 3, 4, 1]
    assert width(padded("علي", 6).replace("\u2068", "").replace("\u2069", "")) == 6
    permit_id = sqlite_cli.application(actor=COUNTER | {"id": "موظف ٧"}, file_number="ملف")
    lines = sqlite_cli.ok("history", permit_id).out.splitlines()
    ends = {width(line[: line.index("20")]) for line in lines[1:]}
    assert len(ends) == 1


def test_a_filed_line_may_be_given_with_json_too(sqlite_cli: Cli) -> None:
    """execute prints outcomes as JSON with and without --json, so that programs may always give it."""
    holder_id = sqlite_cli.holder()
    done = sqlite_cli("execute", "--json", "-", stdin=json.dumps(application(holder_id)).encode())
    assert (done.code, done.lines[0]["ok"]) == (0, True)
