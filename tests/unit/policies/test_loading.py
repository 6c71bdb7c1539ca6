"""Law as data: what loads, what does not, and which value wins."""

from datetime import date

import pytest

from permits_engine.domain.errors import PermitsError
from permits_engine.domain.rules.policy import Policy, Silence
from permits_engine.policies.loading import compile_text, packaged, packaged_codes

CALENDAR = """---
calendar: XX
time_zone: UTC
weekend: [6, 7]
source: {text: a decree}
rank: decree
confidence: high
"""
OFFICES = """---
offices: XX
source: {text: a decree}
rank: decree
confidence: high
list:
  - {code: XX-A, name: {en: Somewhere}}
"""


def row(name: str = "receipt.term", value: str = "P3M", **more: str) -> str:
    """One row of a policy file; ``more`` overrides or adds fields, an empty text leaves one out."""
    fields = {
        "name": name,
        "value": value,
        "from": "2010-01-01",
        "known": "2010-01-01",
        "rank": "decree",
        "source": "{text: a decree, article: '5'}",
        "confidence": "high",
    } | more
    body = ", ".join(f"{key}: {each}" for key, each in fields.items() if each)
    return f"  - {{{body}}}\n"


def text(*rows: str) -> str:
    """A whole policy text of a made-up country."""
    return "policy: XX\ntitle: a test\nparameters:\n" + "".join(rows) + CALENDAR + OFFICES


def problem(source: str) -> dict[str, object]:
    """The first fault that compiling a text names."""
    with pytest.raises(PermitsError) as caught:
        compile_text(source)
    assert caught.value.code == "policy.invalid"
    first: dict[str, object] = caught.value.details["problems"][0]
    return first


def value(policy: Policy, name: str, on: str, known: str = "2030-01-01", **scope: str) -> object:
    """What a policy holds on a day, as known on another."""
    found = policy.at(date.fromisoformat(known)).find(name, date.fromisoformat(on), scope)
    return None if found is None else found.value if isinstance(found.value, Silence) else str(found.value)


@pytest.mark.parametrize("code", packaged_codes())
def test_every_packaged_policy_loads_and_cites_its_sources(code: str) -> None:
    """Each packaged value carries its basis, and the calendar covers today's decisions."""
    policy = compile_text(packaged(code))
    assert policy.jurisdiction == code
    assert all(v.source.text for v in policy.by_id.values())


def test_a_value_without_a_basis_does_not_load() -> None:
    """The file is refused with the line of the row and the reason."""
    fault = problem(text(row(), row("term.first", "P1Y", source="")))
    assert fault["line"] == 5
    assert "without a legal basis" in str(fault["reason"])


def test_two_values_that_apply_at_once_are_an_error() -> None:
    """The same parameter from the same day with another value is a contradiction, not a choice."""
    fault = problem(text(row(), row(value="P4M")))
    assert "apply at once" in str(fault["reason"])


def test_overlapping_circumstances_are_an_error() -> None:
    """Two values whose circumstances overlap without being the same contradict each other."""
    fault = problem(text(row(applies="{category: [a, b]}"), row(value="P4M", applies="{category: [b, c]}")))
    assert "apply at once" in str(fault["reason"])


def test_a_later_value_follows_an_earlier_one() -> None:
    """Of equal rank the later value applies from its own day, and only once it was published."""
    policy = compile_text(text(row(), row(value="P4M", **{"from": "2015-01-01", "known": "2016-01-01"})))
    assert value(policy, "receipt.term", "2014-12-31") == "P3M"
    assert value(policy, "receipt.term", "2015-01-01") == "P4M"
    assert value(policy, "receipt.term", "2015-06-01", known="2015-06-01") == "P3M"


def test_practice_never_beats_law() -> None:
    """A practice that came later and asks for more leaves the law's value in force."""
    practice = row(value="P1M", rank="practice", **{"from": "2020-01-01", "known": "2020-01-01"})
    policy = compile_text(text(row(rank="law"), practice))
    assert value(policy, "receipt.term", "2021-01-01") == "P3M"


def test_unset_unlimited_and_unknown_are_three_things() -> None:
    """The law's silence, the absence of a limit and our ignorance stay apart."""
    rows = [
        row("renewal.opens", "unset"),
        row("renewal.closes", "unlimited"),
        row("absence.limit", "unknown"),
    ]
    policy = compile_text(text(*rows))
    found = [
        value(policy, name, "2020-01-01") for name in ("renewal.opens", "renewal.closes", "absence.limit")
    ]
    assert found == [Silence.UNSET, Silence.UNLIMITED, Silence.UNKNOWN]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "lacks"),
        ("policy: [", "did not find"),
        ("policy: XX\n---\npolicy: XX\n", "two parts"),
        ("nothing: here\n", "begins with none of"),
        (text(row(name="receipt.colour")), "not a parameter"),
        (text(row(value="three months")), "ISO 8601"),
        (text(row(value="true")), "ISO 8601 period"),
        (text(row("renewal.automatic", "maybe")), "true or false"),
        (text(row(known="yesterday")), "is not a calendar date"),
        (text(row(rank="rumour")), "rank"),
        (text(row(applies="{weather: [rain]}")), "weather"),
        (text(row(until="2009-01-01")), "lies before"),
        (text(row(value="!!python/object/apply:os.system [true]")), "is not allowed"),
        (text(row()).replace("offices: XX", "offices: YY"), "is of YY"),
    ],
)
def test_a_broken_policy_says_line_and_reason(source: str, says: str) -> None:
    """Whatever is wrong, the answer is policy.invalid with a line and a reason, and no code is run."""
    with pytest.raises(PermitsError) as caught:
        compile_text(source)
    faults = caught.value.details["problems"]
    assert all(fault["line"] >= 1 for fault in faults)
    assert any(says in f"{fault['path']} {fault['reason']}" for fault in faults), faults


def test_a_text_that_unfolds_into_too_much_is_refused() -> None:
    """Nested aliases cannot make the loader hang."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(PermitsError) as caught:
        compile_text("\n".join(lines))
    assert "unfolds" in caught.value.message
