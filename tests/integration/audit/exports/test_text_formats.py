"""CloudEvents, CSV and XES: what others' readers make of them, and that nothing personal is in them unasked."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from permits_engine import Actor
from permits_engine.audit.exports.csv_table import harmless
from permits_engine.audit.exports.xes import _value
from tests.acts import fact

from .conftest import NAMES, Past

XES = "{http://www.xes-standard.org/}"
SCHEMA = Path(__file__).parent / "xes.xsd"
AUDITOR = Actor("auditor-1", "auditor")


@pytest.fixture
def out(past: Past, tmp_path: Path) -> Path:
    """The three formats in one export."""
    past.office.engine.audit.export(tmp_path / "out", "cloudevents,csv,xes")
    return tmp_path / "out"


def lines(file: Path) -> list[dict[str, Any]]:
    """JSON Lines."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def table(file: Path) -> list[dict[str, str]]:
    """A CSV file as Python reads it."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def test_every_line_is_a_cloud_event(past: Past, out: Path) -> None:
    """By the SDK of the CloudEvents project, which checks the required attributes and the names of the others."""
    read = JSONFormat()
    events = [read.read(CloudEvent, line) for line in (out / "events.jsonl").read_bytes().splitlines()]
    stored = past.stored()
    assert sorted(int(each.get_extension("sequence")) for each in events) == [r.position for r in stored]
    assert len({(each.get_source(), each.get_id()) for each in events}) == len(stored)
    assert {each.get_specversion() for each in events} == {"1.0"}
    issued = next(each for each in events if each.get_type() == "permit.issued")
    assert issued.get_subject() == past.granted
    data = issued.get_data()
    assert isinstance(data, dict)
    assert (data["effective_on"], data["valid_until"], data["term_number"]) == ("2017-02-01", "2018-01-31", 1)
    assert data["basis"]["rules"]


def test_no_attribute_of_a_cloud_event_is_null(out: Path) -> None:
    """The specification has no such value; context attributes are small letters and digits."""
    for event in lines(out / "events.jsonl"):
        assert None not in event.values()
        assert all(name.isalnum() and name.islower() for name in event)


def test_the_table_has_every_event_under_its_columns(past: Past, out: Path) -> None:
    """As many rows as events, each with its name and legal date."""
    rows = table(out / "events.csv")
    assert sorted(int(row["position"]) for row in rows) == [record.position for record in past.stored()]
    (issued,) = [row for row in rows if row["event"] == "permit.issued"]
    assert (issued["effective_on"], issued["valid_until"]) == ("2017-02-01", "2018-01-31")
    assert json.loads(issued["says"])["term"] == "P1Y"


def test_the_log_has_the_form_that_the_standard_asks_for(out: Path) -> None:
    """Order of elements, types of values, names of keys."""
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    schema.assertValid(etree.parse(out / "permits.xes"))


def test_the_log_has_a_trace_for_each_permit_and_each_of_its_events(past: Past, out: Path) -> None:
    """In the order of the file; the keys within an event are unique, the prefixes declared."""
    log = etree.parse(out / "permits.xes").getroot()
    prefixes = {each.get("prefix") for each in log.findall(f"{XES}extension")}
    found = {}
    for trace in log.findall(f"{XES}trace"):
        for element in [trace, *trace.findall(f"{XES}event")]:
            keys = [each.get("key") for each in element if each.get("key")]
            assert len(keys) == len(set(keys))
            assert {key.partition(":")[0] for key in keys if ":" in key} <= prefixes
        name = trace.find(f"{XES}string[@key='concept:name']").get("value")
        found[name] = [
            event.find(f"{XES}string[@key='concept:name']").get("value")
            for event in trace.findall(f"{XES}event")
        ]
    history = past.office.engine.history
    permits = (past.granted, past.refused, past.pending)
    assert found == {each: [event["name"] for event in history(each)] for each in permits}


def test_nothing_personal_is_in_them_unasked(past: Past, out: Path) -> None:
    """No name, number, address or reason; nor what tells of protection or health."""
    past.office.do("record_fact", "2018-01-20", permit_id=past.granted, **fact("pregnant", "2018-01-05"))
    past.office.engine.audit.export(out, "cloudevents,csv,xes", force=True)
    for file in ("events.jsonl", "events.csv", "permits.xes"):
        lines_of_it = (out / file).read_text(encoding="utf-8").splitlines()
        text = "\n".join(
            line for line in lines_of_it if "policy.adopted" not in line
        )  # the law speaks of it all
        assert "fact_recorded" in text
        assert [name for name in (*NAMES, "pregnant", "2018-01-05", "sealed") if name in text] == []


def test_what_was_asked_for_with_a_purpose_is_in_them(past: Past, tmp_path: Path) -> None:
    """Every name in each format, unharmed; in the spreadsheet no name is a formula."""
    reader = past.office.engine.as_(AUDITOR, "order 94 of the tribunal")
    reader.audit.export(tmp_path / "all", "cloudevents,csv,xes", with_personal_data=True)
    events = {each["data"]["position"]: each["data"] for each in lines(tmp_path / "all" / "events.jsonl")}
    names = {data.get("family_name") for data in events.values()} - {None}
    assert names == {"Diallo", "=SUM(A1:A9)", "Keita"}
    assert any(data.get("reasons_in_fact") == "bail non fourni" for data in events.values())
    says = [json.loads(row["says"]) for row in table(tmp_path / "all" / "events.csv") if row["says"]]
    assert {each.get("family_name") for each in says} - {None} == names
    log = (tmp_path / "all" / "permits.xes").read_text(encoding="utf-8")
    assert 'key="file_number" value="F-2016/17"' in log
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(etree.parse(tmp_path / "all" / "permits.xes"))


def test_each_export_is_noted_with_every_person(past: Past, tmp_path: Path) -> None:
    """Also the second one of a day: an export is more than a look."""
    reader = past.office.engine.as_(AUDITOR, "yearly control")
    for name in ("one", "two"):
        reader.audit.export(tmp_path / name, "csv", with_personal_data=True)
    for permit_id in (past.granted, past.refused, past.pending):
        holder_id = past.office.engine.permit(permit_id).holder_id
        looks = [each["purpose"] for each in reader.queries.accesses(holder_id)]
        assert looks == ["export (csv): yearly control"] * 2


def test_a_single_format_may_be_one_file(past: Past, tmp_path: Path) -> None:
    """Where the name bears the format's ending."""
    for name, said in (("a.csv", "csv"), ("a.jsonl", "cloudevents"), ("a.xes", "xes")):
        made = past.office.engine.audit.export(tmp_path / name, said)
        assert (tmp_path / name).is_file()
        assert [each.path for each in made.files] == [name]
    assert sorted(each.name for each in tmp_path.iterdir() if not each.name.startswith("store")) == [
        "a.csv",
        "a.jsonl",
        "a.xes",
    ]


@given(st.text())
def test_no_text_begins_a_formula(text: str) -> None:
    """Whatever someone is called, their name is text; and it is there whole."""
    cell = harmless(text)
    assert cell[:1] not in set("=+-@\t\r\n＝＋－＠") - {""}
    assert cell.endswith(text)


@given(st.text())
def test_every_text_is_well_formed_in_a_log(text: str) -> None:
    """What XML cannot hold is replaced; everything else comes back."""
    read = etree.fromstring(_value("reason", text)).get("value")
    assert read.replace("\ufffd", "") == "".join(
        each for each in text if each in "\t\n\r" or (ord(each) >= 32 and each not in "\ufffe\uffff\ufffd")
    ).replace("\r\n", "\r\n")
