"""The rules of a store: adopted, shown, compared."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from permits_engine.application.queries.views import plain
from permits_engine.cli import output, views
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.options import argument, day, option
from permits_engine.cli.session import Session
from permits_engine.domain import legal_time
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.rules.policy import Policy, Value
from permits_engine.engine import Engine
from permits_engine.policies.loading import compile_text, packaged, packaged_codes, read_file

Jurisdiction = Annotated[
    str | None, option("--jurisdiction", "J", "Whose rules, such as MA, FR or ES [the home country].")
]
PolicyFile = Annotated[
    str, argument("FILE", "A policy text (YAML), or a folder with its three files.", read_file)
]


@command("policy adopt", "permits policy adopt ma-2027.yaml", roles=["administrator"])
def adopt(engine: Engine, text: PolicyFile) -> Answer:
    """Make a policy text part of the history.

    It holds from now on; parts that it lacks stay as they are.
    """
    [(jurisdiction, digest, new)] = engine.policies.adopt(text)
    return answer(
        {"jurisdiction": jurisdiction, "digest": digest, "adopted": new},
        f"{jurisdiction} {digest} {'adopted' if new else 'was in use already'}",
    )


@command("policy show", "permits policy show --jurisdiction MA --on 2017-01-10", show=views.rules)
def show(
    session: Session,
    jurisdiction: Jurisdiction = None,
    on: Annotated[date | None, day("--on", "The legal date, with what was known on it [today].")] = None,
) -> list[dict[str, Any]]:
    """Show the rules in force on a date, with their norms."""
    policy = _policy(session, jurisdiction)
    asked = on or datetime.now(UTC).astimezone(legal_time.zone(policy.calendar.time_zone)).date()
    rows = [
        _row(value) | {"in_force_since": value.since.isoformat()}
        for name in sorted(policy.parameters)
        for value in _in_force(policy, name, asked).values()
    ]
    if not rows:
        first = min(value.since for values in policy.parameters.values() for value in values)
        raise error(
            "policy.none_in_force",
            f"no rule of {policy.jurisdiction} is in force on {asked}; the first is of {first}",
            jurisdiction=policy.jurisdiction,
            on=asked.isoformat(),
        )
    return rows


@command(
    "policy diff",
    "permits policy diff --jurisdiction MA --from 2017-01-09 --to 2017-01-10",
    show=output.table_of("parameter", "applies", "before", "after", "norm", "since"),
)
def diff(
    session: Session,
    since: Annotated[date, day("--from", "The earlier date.")],
    until: Annotated[date, day("--to", "The later date.")],
    jurisdiction: Jurisdiction = None,
) -> list[dict[str, Any]]:
    """List the rules that changed between two dates.

    Each as it was known on its date.
    """
    policy = _policy(session, jurisdiction)
    if until < since:
        raise invalid("--to", "lies before --from")
    rows = []
    for name in sorted(policy.parameters):
        before, after = _in_force(policy, name, since), _in_force(policy, name, until)
        for applies in {**before, **after}:
            old, new = before.get(applies), after.get(applies)
            if (old and old.id) != (new and new.id):
                rows.append(_changed(name, old, new))
    return rows


def _policy(session: Session, jurisdiction: str | None) -> Policy:
    """Load the adopted policy of a jurisdiction, or the packaged one where no store was named and none is there.

    The home country is that of the store; without one, that of a new store.
    """
    asked, settings = jurisdiction.upper() if jurisdiction is not None else None, session.settings
    try:
        # Rules are public: they are shown without the master key.
        with session.open(decrypt=False) as engine:
            return engine.policies.current(asked)
    except PermitsError as problem:
        if problem.code != "store.not_initialised" or "store" in settings.model_fields_set:
            raise
    code = packaged_codes()[0] if asked is None else asked
    if code not in packaged_codes():
        raise error(
            "policy.none_in_force",
            f"no policy of {code[:20]!r} is packaged; there is: {', '.join(packaged_codes())}",
            jurisdiction=code[:20],
        )
    output.say(f"permits: there is no store at {settings.store}; these are the packaged rules")
    return compile_text(packaged(code))


Applies = tuple[tuple[str, frozenset[str]], ...]


def _in_force(policy: Policy, name: str, on: date) -> dict[Applies, Value]:
    """Return the value of a parameter that applies on a day, as known on it, for each set of circumstances."""
    return {
        value.applies: value  # sorted: the last that applies wins
        for value in policy.parameters[name]
        if value.known <= on and value.since <= on and (value.until is None or on <= value.until)
    }


def _row(value: Value) -> dict[str, Any]:
    return {
        "rule": value.id,
        "parameter": value.name,
        "value": plain(value.value),
        "applies": _circumstances(value),
        "norm": str(value.source),
        "rank": value.rank,
        "confidence": value.confidence,
        "known_since": value.known.isoformat(),
        "note": value.note,
    }


def _changed(name: str, old: Value | None, new: Value | None) -> dict[str, Any]:
    shown = new or old
    assert shown is not None
    return {
        "parameter": name,
        "applies": _circumstances(shown),
        "before": plain(old.value) if old else None,
        "after": plain(new.value) if new else None,
        "norm": str(shown.source),
        "rank": shown.rank,
        "since": shown.since.isoformat(),
    }


def _circumstances(value: Value) -> dict[str, list[str]] | None:
    return {key: sorted(allowed) for key, allowed in value.applies} or None
