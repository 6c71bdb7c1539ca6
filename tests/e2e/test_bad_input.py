"""Bad input at the door of ``execute``: its code, the field and the remedy; nothing half-written, ever."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.command_line import COUNTER, DECIDER, Cli, application, opinion

HOLDER = str(uuid4())
FILED = application(HOLDER)
PERSON: dict[str, Any] = {
    "command": "register_holder",
    "family_name": "Diallo",
    "given_names": "Aminata",
    "sex": "F",
    "birth_date": "1990-04-01",
    "nationality": "SEN",
    "language": "fr",
    "actor": COUNTER,
}

UNREADABLE: dict[str, tuple[bytes, str]] = {
    "not UTF-8": (b'{"command": "\xff"}', "is not UTF-8 text"),
    "UTF-16": ('{"command": "x"}'.encode("utf-16-le"), "is not JSON"),
    "not finished": (b'{"command": ', "is not JSON"),
    "NaN": (b'{"expected_version": NaN}', "NaN is not a number"),
    "Infinity": (b'{"expected_version": Infinity}', "Infinity is not a number"),
    "minus Infinity": (b'{"expected_version": -Infinity}', "-Infinity is not a number"),
    "a field twice": (b'{"on": "2017-01-01", "on": "2018-01-01"}', "the field 'on' is given twice"),
    "deep lists": (b"[" * 200_000, "is nested too deep"),
    "deep objects": (b'{"a":' * 100_000, "is nested too deep"),
    "a list": (b'["lodge_application"]', "is not an object"),
    "a text": (b'"lodge_application"', "is not an object"),
    "a number": (b"5", "is not an object"),
    "null": (b"null", "is not an object"),
    "a raw NUL": (b'{"command": "\x00"}', "Invalid control character"),
    "a raw escape": (b'{"command": "\x1b[31m"}', "Invalid control character"),
    "a huge number": (b'{"expected_version": ' + b"9" * 5000 + b"}", "a number has too many digits"),
    "two objects": (b"{} {}", "is not JSON"),
    "ten megabytes": (b'{"family_name": "' + b"x" * 10_000_000 + b'"}', "is longer than 1,000,000 bytes"),
}

FIELDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no command": ({"command": None}, "command", "is missing"),
    "a command that is a list": ({"command": ["a"]}, "command", "is not a command"),
    "an unknown command": ({"command": "lodge_aplication"}, "command", "did you mean lodge_application?"),
    "the scheduler's command": ({"command": "run_clock"}, "command", "is not a command"),
    "an unknown field": ({"prefectur": "MA-RAB"}, "prefectur", "did you mean prefecture?"),
    "no such day": ({"on": "2014-02-30"}, "on", "is not a day of the calendar"),
    "year 0": ({"on": "0000-01-01"}, "on", "is not a day of the calendar"),
    "long ago": ({"on": "1700-01-01"}, "on", "lies outside 1900-01-01 to 2199-12-31"),
    "far ahead": ({"on": "9999-12-31"}, "on", "lies outside 1900-01-01 to 2199-12-31"),
    "tomorrow": ({"on": "2199-12-31"}, "on", "lies after today"),
    "a number for a date": ({"on": 20170101}, "on", "is not a calendar date such as 2017-01-31"),
    "a moment for a date": ({"on": "2017-01-01T00:00:00Z"}, "on", "is not a calendar date"),
    "a short date": ({"on": "2017-1-1"}, "on", "is not a calendar date"),
    "other digits": ({"on": "٢٠١٧-٠١-٠١"}, "on", "is not a calendar date"),
    "true for a text": ({"category": True}, "category", "is not text; write it in quotes"),
    "a number for a text": ({"category": 5}, "category", "is not text"),
    "a list for a text": ({"category": ["ordinary"]}, "category", "is not text"),
    "a float for a version": ({"expected_version": 1.0}, "expected_version", "is not a whole number"),
    "a text for a version": ({"expected_version": "1"}, "expected_version", "is not a whole number"),
    "beyond floats": ({"expected_version": b"1e400"}, "expected_version", "is not a whole number"),
    "below zero": ({"expected_version": -1}, "expected_version", "is less than 0"),
    "a text for a list": ({"missing": "means"}, "missing", "is not a list"),
    "an object for a list": ({"missing": {"means": True}}, "missing", "is not a list"),
    "a list in a list": ({"missing": [["means"]]}, "missing.0", "is not text"),
    "too many": ({"missing": [f"d{n}" for n in range(61)]}, "missing", "is too long: 60 entries at most"),
    "no UUID": ({"holder_id": "17"}, "holder_id", "is not a UUID"),
    "a long id": ({"holder_id": "1" * 65}, "holder_id", "is too long: 64 characters at most"),
    "an unknown category": ({"category": "nope"}, "category", "is not one of"),
    "a category of signs": ({"category": "a b"}, "category", "is not a code"),
    "an unknown office": (
        {"prefecture": "MA-ZZZ", "actor": COUNTER | {"prefecture": "MA-ZZZ"}},
        "prefecture",
        "is not an office of MA",
    ),
    "no office code": ({"prefecture": "Rabat"}, "prefecture", "is not an office code such as MA-RAB"),
    "no country": ({"jurisdiction": "Maroc"}, "jurisdiction", "is not a country code"),
    "control characters": ({"file_number": "a\u0007b"}, "file_number", "holds the character U+0007"),
    "NUL": ({"file_number": "a\u0000b"}, "file_number", "holds the character U+0000"),
    "half a character": ({"file_number": "a\ud800b"}, "file_number", "holds half a character"),
    "a hidden override": ({"file_number": "a\u202eb"}, "file_number", "holds the character U+202E"),
    "two lines": ({"file_number": "a\nb"}, "file_number", "holds a line break"),
    "a line separator": ({"file_number": "a\u2028b"}, "file_number", "holds a line break"),
    "nothing to see": ({"file_number": "\u200b"}, "file_number", "is blank"),
    "a long text": ({"file_number": "x" * 201}, "file_number", "is too long: 200 characters at most"),
    "a blank command_id": ({"command_id": " "}, "command_id", "is blank"),
    "an empty command_id": ({"command_id": ""}, "command_id", "is empty"),
    "a command_id with NUL": ({"command_id": "a\u0000b"}, "command_id", "cannot be printed"),
    "a command_id that is half": ({"command_id": "\ud800"}, "command_id", "holds half a character"),
    "a correlation that steers": ({"correlation_id": "\u001b[31m"}, "correlation_id", "cannot be printed"),
    "no actor": ({"actor": None}, "actor", "is missing; give"),
    "an actor that is a text": ({"actor": "me"}, "actor", "is not an object; give"),
    "an actor without id": ({"actor": {"role": "counter"}}, "actor.id", "is missing"),
    "an actor without role": ({"actor": {"id": "x"}}, "actor.role", "is missing"),
    "an actor with a number": ({"actor": COUNTER | {"id": 5}}, "actor.id", "is not text"),
    "an actor with half": ({"actor": COUNTER | {"id": "\ud800"}}, "actor.id", "cannot be printed"),
    "an actor of nowhere": ({"actor": COUNTER | {"prefecture": "xx"}}, "actor.prefecture", "office code"),
    "an office of half": ({"actor": COUNTER | {"prefecture": "\ud800"}}, "actor.prefecture", "office code"),
    "an actor with more": ({"actor": COUNTER | {"offic": "x"}}, "actor.offic", "is not a field of actor"),
    "a long actor": ({"actor": COUNTER | {"id": "x" * 201}}, "actor.id", "is too long"),
    "before the holder's birth": ({"on": "1980-01-01", "category": "ordinary"}, "on", "birth"),
}


def line(fields: dict[str, Any]) -> bytes:
    """A line of JSON; bytes stand for themselves."""
    raw = {name: value.decode() for name, value in fields.items() if isinstance(value, bytes)}
    text = json.dumps({name: f"@{name}" if name in raw else value for name, value in fields.items()})
    for name, value in raw.items():
        text = text.replace(f'"@{name}"', value)
    return text.encode()


def test_lines_that_cannot_be_read_are_refused_and_leave_no_trace(cli: Cli) -> None:
    """Each gets input.invalid about the line with the reason; the good line after them is carried out."""
    before = cli.position
    done = cli.execute(*(text for text, _ in UNREADABLE.values()))
    assert done.code == 2
    for (name, (_, reason)), outcome in zip(UNREADABLE.items(), done.lines, strict=True):
        assert outcome["error"]["code"] == "input.invalid", name
        [fault] = outcome["error"]["details"]["fields"]
        assert (fault["path"], reason in fault["reason"]) == ("line", True), (name, fault)
    assert [each["error"]["line"] for each in done.lines] == list(range(1, len(UNREADABLE) + 1))
    assert cli.position == before
    bom = b"\xef\xbb\xbf" + json.dumps(PERSON).encode()
    assert cli.execute(b"[", bom).lines[1]["ok"] is True


def test_bad_fields_are_named_with_the_remedy_and_leave_no_trace(cli: Cli) -> None:
    """Each gets input.invalid with the path of the bad field and a reason in plain words."""
    cli.holder(holder_id=HOLDER)
    before = cli.position
    done = cli.execute(*(line(FILED | changed) for changed, _, _ in FIELDS.values()))
    assert done.code == 2
    for (name, (_, path, reason)), outcome in zip(FIELDS.items(), done.lines, strict=True):
        assert outcome["ok"] is False, name
        error = outcome["error"]
        assert error["code"] == "input.invalid", (name, error)
        faults = {each["path"]: each["reason"] for each in error["details"]["fields"]}
        assert path in faults, (name, error)
        assert reason in faults[path], (name, error)
        assert "Input should" not in error["message"], (name, error)
    assert cli.position == before


def test_every_bad_field_of_a_line_is_told_at_once(sqlite_cli: Cli) -> None:
    """Actor and command are read together, so that one look mends them all."""
    bad = FILED | {"on": "never", "prefecture": 5, "zzz": 1, "actor": {"id": ""}}
    error = sqlite_cli.refused(bad)
    paths = {each["path"] for each in error["details"]["fields"]}
    assert paths == {"actor.id", "actor.role", "on", "prefecture", "zzz"}
    assert error["message"].endswith("(and 2 more)")


def test_a_line_of_a_hundred_thousand_unknown_fields_is_answered_shortly(sqlite_cli: Cli) -> None:
    """The answer to rubbish is not larger, nor slower, than the rubbish."""
    rubbish = {f"f{n}": 0 for n in range(60_000)}
    error = sqlite_cli.refused(FILED | rubbish)
    assert len(error["details"]["fields"]) <= 60
    long = FILED | {"x" * 900_000: 1}
    assert len(json.dumps(sqlite_cli.refused(long))) < 2000


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("nationality", "XYZ", "is not an ISO 3166-1 alpha-3 code"),
        ("nationality", "SE", "is not an ISO 3166-1 alpha-3 code"),
        ("language", "français", "is not a BCP 47 language tag"),
        ("email", "aminata@", "is not an e-mail address"),
        ("email", "a\n@example.org", "is not an e-mail address"),
        ("phone", "0612345678", "write it in E.164 form"),
        ("phone", "+212537000000 ext. 5", "without an extension"),
        ("sex", "female", "is none of F, M, X"),
        ("birth_date", "1890-01-01", "lies outside"),
        ("birth_date", "2199-01-01", "lies after today"),
        ("family_name", "\u202eollaiD", "holds the character U+202E"),
        ("family_name", " \u200b", "is blank"),
        ("address", "x" * 1001, "is too long: 1000 characters at most"),
    ],
)
def test_persons_are_checked_field_by_field(sqlite_cli: Cli, field: str, value: str, reason: str) -> None:
    """What is wrong with a person is said of the field, and the value is not repeated."""
    error = sqlite_cli.refused(PERSON | {field: value})
    assert error["details"]["fields"][0]["path"] == field
    assert reason in error["details"]["fields"][0]["reason"]
    if field in {"email", "phone", "address"}:
        assert value not in error["message"]


def test_names_of_every_script_are_taken_and_shown_rightly(cli: Cli) -> None:
    """Right-to-left and accented text is kept in Unicode's composed form and comes back unchanged."""
    decomposed = "Ba\u0301 علي \u05d9\u05d5\u05e1\u05e3 \u674e\u96f7 \u1004\u103a"
    cli.holder(family_name="ابن خلدون", given_names="آوا‌\u200cنور", holder_id=HOLDER)
    permit_id = cli.application(HOLDER, file_number=decomposed)
    composed = "Bá علي \u05d9\u05d5\u05e1\u05e3 \u674e\u96f7 \u1004\u103a"
    assert cli.ok("show", permit_id, "--json").json["file_number"] == composed
    assert composed in cli.ok("show", permit_id).out
    assert composed in cli.ok("history", permit_id).out


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("card_number", "a\ud800"),
        ("card_number", "a\u202eb"),
        ("card_number", ["a"]),
        ("card_number", 5),
        ("card_number", None),
        ("card_number", "x" * 100_000),
        ("valid_until", "9999-12-31"),
        ("valid_until", "2014-02-30"),
        ("valid_until", 20180101),
        ("valid_until", "2016-01-01"),
        ("valid_from", True),
        ("term_number", 2),
        ("nonsense", "x"),
        ("nonsense", {"a": b"1e400"}),
        ("x\u0000y", "x"),
    ],
)
def test_a_correction_keeps_to_what_its_field_may_hold(sqlite_cli: Cli, field: str, value: Any) -> None:
    """A correction is checked as the command would be that wrote the field."""
    permit_id = sqlite_cli.title()
    correction = {
        "command": "correct_record",
        "permit_id": permit_id,
        "of_version": 4,
        "reason": "a slip",
        "field": field,
        "value": value,
        "on": "2017-03-01",
        "actor": DECIDER,
    }
    encoded = (
        line(correction) if not isinstance(value, dict) else json.dumps(correction, default=float).encode()
    )
    assert sqlite_cli.refused(encoded)["code"] == "input.invalid"


def test_a_good_correction_of_each_kind_is_taken(sqlite_cli: Cli) -> None:
    """Dates, numbers of cards and codes are corrected, and the view follows."""
    permit_id = sqlite_cli.title()
    correct = {"command": "correct_record", "permit_id": permit_id, "reason": "a slip", "actor": DECIDER}
    sqlite_cli.did(
        correct | {"of_version": 4, "field": "card_number", "value": "A 17"},
        correct | {"of_version": 4, "field": "valid_until", "value": "2018-01-30"},
        correct | {"of_version": 1, "field": "nationality", "value": "mli"},
        correct | {"of_version": 3, "field": "favourable", "value": True},
    )
    view = sqlite_cli.ok("show", permit_id, "--as-of", "2017-06-01", "--json").json
    assert (view["card_number"], view["valid_until"]) == ("A 17", "2018-01-30")
    assert sqlite_cli.ok("history", permit_id, "--json").json[6]["value"] == "MLI"


@pytest.mark.parametrize("name", ["no-such-file.jsonl", ".", "a\x00b", "x" * 5000])
def test_a_file_that_cannot_be_read_is_bad_input(sqlite_cli: Cli, name: str) -> None:
    """A missing file, a folder or an impossible name: exit 2, and what to name instead."""
    done = sqlite_cli("execute", name, "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")
    assert done.error["details"]["fields"][0]["path"] == "FILE"
    assert "name a file of JSON Lines" in done.err


def test_an_empty_file_asks_nothing(sqlite_cli: Cli) -> None:
    """No line, no outcome, exit 0; Windows line ends and a missing last one are no matter."""
    Path("empty.jsonl").touch()
    done = sqlite_cli.ok("execute", "empty.jsonl")
    assert done.out == ""
    Path("windows.jsonl").write_bytes(json.dumps(PERSON).encode() + b"\r\n\r\n" + json.dumps(PERSON).encode())
    assert [each["ok"] for each in sqlite_cli.ok("execute", "windows.jsonl").lines] == [True, True]


def test_an_opinion_in_the_wrong_types_changes_nothing(sqlite_cli: Cli) -> None:
    """Words for truth values and numbers for texts are not guessed at."""
    permit_id = sqlite_cli.application()
    for changed in ({"favourable": "yes"}, {"favourable": 1}, {"reasons": 5}, {"reasons": "x" * 20_001}):
        assert sqlite_cli.refused(opinion(permit_id) | changed)["code"] == "input.invalid"
