"""The rules at the command line: shown, compared, drawn, checked and adopted; hostile texts refused."""

from importlib import resources
from pathlib import Path

import pytest

from permits_engine.policies.loading import packaged
from tests.e2e.command_line import Cli, application

ROW = {
    "name": "absence.limit",
    "value": "P6M",
    "from": "2010-04-19",
    "known": "2010-04-19",
    "rank": "decree",
    "confidence": "high",
    "source": "{text: a decree}",
}
BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
)


def part(*rows: dict[str, str]) -> str:
    """The policy part of a text of Morocco; a field without a value is left out."""
    told = ["policy: MA", "title: a test", "parameters:"]
    for row in rows or ({},):
        told.append("  - {" + ", ".join(f"{k}: {v}" for k, v in (ROW | row).items() if v) + "}")
    return "\n".join(told) + "\n"


def packaged_part(code: str, kind: str) -> str:
    """One of the three files of a packaged policy."""
    folder = resources.files("permits_engine") / "jurisdictions" / code.lower()
    return (folder / f"{kind}.yaml").read_text(encoding="utf-8")


HOSTILE: dict[str, tuple[str | bytes, int, str]] = {
    "code in a tag": (part({"value": "!!python/object/apply:os.system [true]"}), 4, "is not allowed"),
    "another tag": (part({"value": "!secret x"}), 4, "is not allowed"),
    "a bomb of aliases": (BOMB, 1, "unfolds into too much"),
    "itself in itself": ("policy: &a [*a]\n", 1, "refers to itself"),
    "a hundred thousand brackets": ("[" * 100_000, 1, "nested deeper"),
    "five thousand levels": ("policy: " + "{a: " * 5000, 1, "nested deeper"),
    "not UTF-8": (b"policy: MA\ntitle: \xff\n", 2, "is not UTF-8 text"),
    "NUL": ("policy: \x00\n", 1, "control characters are not allowed"),
    "no YAML": ("policy: [\n", 2, "did not find"),
    "a field twice": (part({"value": "P6M, value: P7M"}), 4, "the field 'value' occurs twice"),
    "a key that is a list": ("? [a]\n: b\n", 1, "name is not plain text"),
    "a huge number": (part({"value": "9" * 5000}), 4, "too many digits"),
    "an impossible date": (part({"from": "2010-02-30"}), 4, "cannot be read"),
    "year 0": (part({"from": "0000-01-01"}), 4, "cannot be read"),
    "far ahead": (part({"until": "9999-12-31"}), 4, "lies outside"),
    "until before from": (part({"until": "2009-01-01"}), 4, "lies before from"),
    "no source": (part({"source": ""}), 4, "a value without a legal basis does not load"),
    "an empty source": (part({"source": "{text: ''}"}), 4, "is empty"),
    "no rank": (part({"rank": ""}), 4, "is missing"),
    "an unknown rank": (part({"rank": "rumour"}), 4, "is none of constitution"),
    "an unknown parameter": (part({"name": "absence.limt"}), 4, "did you mean absence.limit?"),
    "an unknown field": (part({"untl": "2011-01-01"}), 4, "is not a field here"),
    "an unknown circumstance": (part({"applies": "{weather: [rain]}"}), 4, "'weather' is none of"),
    "no circumstance": (part({"applies": "{category: []}"}), 4, "names nothing"),
    "two at once": (part({}, {}), 5, "two values of absence.limit apply at once"),
    "words for a period": (part({"value": "six months"}), 4, "takes an ISO 8601 period"),
    "ten thousand years": (part({"value": "P9999Y"}), 4, "longer than a century"),
    "a term of no days": (part({"name": "term.first", "value": "P0D"}), 4, "is no term"),
    "a word of another list": (
        part({"name": "decision.silence", "value": "maybe"}),
        4,
        "refusal, acceptance",
    ),
    "hours without quotes": (
        part({"name": "notices.quiet", "value": "{from: 20:00, to: 08:00, holidays: true}"}),
        4,
        "with the hours in quotes",
    ),
    "a window of moments": (
        part({"name": "campaign.window", "value": "{opens: 2014-01-01T00:00:00Z, closes: 2014-12-31}"}),
        4,
        "{opens: DATE, closes: DATE}",
    ),
    "an unknown role": (
        part({"name": "competence", "value": "{issue_permit: {king: own}}"}),
        4,
        "competence takes a mapping of commands to roles",
    ),
    "two parts of a kind": ("policy: MA\n---\npolicy: MA\n", 3, "two parts of the kind policy"),
    "no part": ("nothing: here\n", 1, "begins with none of policy, calendar, offices"),
    "empty": ("", 1, "lacks: policy, calendar, offices"),
    "another country": (part().replace("policy: MA", "policy: XX"), 1, "lacks: calendar, offices"),
    "a country that YAML reads as false": (part().replace("policy: MA", "policy: NO"), 1, "lacks"),
    "no such time zone": ("calendar: MA\ntime_zone: Mars/Phobos\n", 2, "is not a time zone"),
    "no such holiday": (
        packaged("MA").replace('day: "01-01"', 'day: "13-45"', 1),
        packaged("MA").split('day: "01-01"')[0].count("\n") + 1,
        "is not a day of the year",
    ),
    "nobody works": (
        "calendar: MA\ntime_zone: UTC\nweekend: [1, 2, 3, 4, 5, 6, 7]\n",
        3,
        "fewer than seven",
    ),
    "too large": ("#" * 2_000_001, 1, "is larger than 2,000,000 bytes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_broken_policy_gets_line_and_reason(bare: Cli, name: str) -> None:
    """check ends with 2 and policy.invalid, the line and the reason; no code is run, nothing hangs."""
    text, line, reason = HOSTILE[name]
    file = Path("broken.yaml")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = bare("policy", "check", "broken.yaml", "--json")
    assert (done.code, done.error["code"]) == (2, "policy.invalid")
    if problems := done.error["details"].get("problems"):
        assert any(each["line"] == line and reason in each["reason"] for each in problems), problems
    else:
        assert reason in done.err


def test_every_fault_of_a_file_is_told_at_once(bare: Cli) -> None:
    """The person gets one line for each, with its line in the file."""
    Path("broken.yaml").write_text(part({"rank": ""}, {"known": "soon"}), encoding="utf-8")
    done = bare("policy", "check", "broken.yaml")
    assert "line 4, parameters.0.rank: is missing" in done.err
    assert "line 5, parameters.1.known: is not a calendar date" in done.err


def test_a_file_that_is_not_there_is_said_to_be_so(bare: Cli) -> None:
    """A missing file and an empty folder: exit 2 with what to name."""
    for name in ("nothing.yaml", "."):
        done = bare("policy", "check", name, "--json")
        assert (done.code, done.error["code"]) == (2, "policy.invalid")


def test_a_sound_file_a_folder_and_a_part_are_checked(bare: Cli) -> None:
    """check says what it read, whatever the line ends and the byte order mark."""
    Path("whole.yaml").write_bytes(b"\xef\xbb\xbf" + packaged("MA").replace("\n", "\r\n").encode())
    whole = bare.ok("policy", "check", "whole.yaml", "--json").json
    assert (whole["jurisdiction"], whole["parameters"] > 30) == ("MA", True)
    Path("folder").mkdir()
    for kind in ("policy", "calendar", "offices"):
        (Path("folder") / f"{kind}.yaml").write_text(packaged_part("FR", kind), encoding="utf-8")
    assert bare.ok("policy", "check", "folder", "--json").json["jurisdiction"] == "FR"
    Path("part.yaml").write_text(part().rstrip("\n"), encoding="utf-8")
    assert bare.ok("policy", "check", "part.yaml", "--json").json["values"] == 1


def test_an_adopted_text_is_history_and_decides_from_then_on(cli: Cli) -> None:
    """adopt makes a text the rules in use; the same again changes nothing; a broken one leaves no trace."""
    before = cli.position
    Path("broken.yaml").write_text(part({"source": ""}), encoding="utf-8")
    done = cli("policy", "adopt", "broken.yaml", "--json")
    assert (done.code, done.error["code"], cli.position) == (2, "policy.invalid", before)
    text = packaged("MA").replace("value: [R1, R2, R3, R4, R5, R6]", "value: [R1, R2]")
    Path("ma.yaml").write_text(text.rstrip("\n"), encoding="utf-8")
    first = cli.ok("policy", "adopt", "ma.yaml", "--json").json
    assert (first["jurisdiction"], first["adopted"]) == ("MA", True)
    assert cli.position == before + 1
    assert cli.ok("policy", "adopt", "ma.yaml", "--json").json == first | {"adopted": False}
    assert cli.position == before + 1
    error = cli.refused(application(cli.holder()))
    assert (error["code"], error["details"]["criteria"]) == ("criterion.unknown", ["R1", "R2"])
    digests = {each["jurisdiction"]: each for each in cli.ok("status", "--json").json["policies"]}
    assert (digests["MA"]["digest"], digests["MA"]["adoptions"]) == (first["digest"], 2)


def test_a_part_is_adopted_into_the_text_in_use(cli: Cli) -> None:
    """Parts that a text lacks stay as they are, with or without a last line end."""
    for number, kind in enumerate(("policy", "calendar", "offices"), 2):
        text = packaged_part("MA", kind) + f"# read again {kind}"
        Path("part.yaml").write_text(text, encoding="utf-8")
        assert cli.ok("policy", "adopt", "part.yaml", "--json").json["adopted"] is True
        policies = {each["jurisdiction"]: each for each in cli.ok("status", "--json").json["policies"]}
        assert policies["MA"]["adoptions"] == number
    assert cli.application()


def test_the_rules_of_a_day_are_shown_with_their_basis(cli: Cli) -> None:
    """show: every value with norm, rank and since when; as known on that day; any case of the country."""
    rows = cli.ok("policy", "show", "--jurisdiction", "ma", "--on", "2017-01-10", "--json").json
    term = [row for row in rows if row["parameter"] == "term.renewal"]
    assert {"P1Y", "P3Y"} <= {row["value"] for row in term}
    for row in rows:
        assert row["norm"]
        assert row["rank"]
        assert row["known_since"] <= "2017-01-10"
        assert row["in_force_since"] <= "2017-01-10"
    told = cli.ok("policy", "show", "--jurisdiction", "MA", "--on", "2017-01-10").out
    assert "term.renewal = P3Y" in told
    assert "(communique); in force since 2017-01-10" in told
    assert all(len(line) < 250 for line in told.splitlines())


def test_two_days_are_compared(cli: Cli) -> None:
    """diff: what changed, from what to what, by which norm; a day with itself is the same."""
    days = ["--from", "2017-01-09", "--to", "2017-01-10"]
    rows = cli.ok("policy", "diff", "--jurisdiction", "MA", *days, "--json").json
    changed = {row["parameter"]: (row["before"], row["after"]) for row in rows}
    assert changed["term.renewal"] == ("P1Y", "P3Y")
    assert changed["renewal.automatic"] == (True, False)
    days = ["--from", "2017-01-10", "--to", "2017-01-10"]
    assert cli.ok("policy", "diff", "--jurisdiction", "MA", *days, "--json").json == []
    days = ["--from", "2017-01-10", "--to", "2017-01-09"]
    assert cli("policy", "diff", "--jurisdiction", "MA", *days).code == 2


def test_without_a_store_the_packaged_rules_are_shown_and_it_is_said(bare: Cli) -> None:
    """A jurist needs no store to read the law; an unknown country is policy.none_in_force."""
    done = bare.ok("policy", "show", "--jurisdiction", "ES", "--on", "2025-06-01", "--json")
    assert "these are the packaged rules" in done.err
    assert done.json
    home = bare.ok("policy", "show", "--on", "2025-06-01", "--json").json
    assert home == bare.ok("policy", "show", "--jurisdiction", "MA", "--on", "2025-06-01", "--json").json
    done = bare("policy", "show", "--jurisdiction", "XX", "--json")
    assert (done.code, done.error["code"]) == (1, "policy.none_in_force")
    assert list(bare.folder.iterdir()) == []


def test_rules_are_shown_without_the_master_key(sqlite_cli: Cli, tmp_path: Path) -> None:
    """The law is no secret: showing it needs no key."""
    (tmp_path / "master.keys").unlink()
    assert sqlite_cli.ok("policy", "show", "--jurisdiction", "MA", "--json").json


def test_the_lifecycle_is_drawn(bare: Cli) -> None:
    """diagram prints Mermaid, and the same inside JSON."""
    drawn = bare.ok("policy", "diagram").out
    assert drawn.startswith("stateDiagram-v2")
    assert bare.ok("policy", "diagram", "--json").json == {"mermaid": drawn.rstrip("\n")}
