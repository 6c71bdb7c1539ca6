"""The rules as the command line shows, checks and compares them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from permits_engine.application.queries.views import plain
from permits_engine.cli.output import say
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.rules.policy import Policy, Value
from permits_engine.policies.loading import PACKAGED, compile_text, completed, documents, packaged, read_file


def policy_of(settings: Any, jurisdiction: str) -> Policy:
    """The adopted policy of a jurisdiction, or the packaged one where no store was named and none is there."""
    from permits_engine.engine import Engine
    from permits_engine.store.keys.keyring import MasterKeys

    code = jurisdiction.upper()
    try:
        # Rules are nobody's secret: they are shown without the master key.
        with (
            Engine.open(settings.store, keys=MasterKeys.in_memory()) as engine,
            engine.database.read() as unit,
        ):
            return engine.context.policies.current(unit, code)
    except PermitsError as problem:
        if problem.code != "store.not_initialised" or "store" in settings.model_fields_set:
            raise
    if code not in PACKAGED:
        raise error(
            "policy.none_in_force",
            f"no policy of {code[:20]!r} is packaged; there is: {', '.join(PACKAGED)}",
            jurisdiction=code[:20],
        )
    say(f"permits: there is no store at {settings.store}; these are the packaged rules")
    return compile_text(packaged(code))


def in_force(policy: Policy, on: date | None) -> list[dict[str, Any]]:
    """The value of each parameter that applies on a day, as known on it; raises ``policy.none_in_force``."""
    day = on or datetime.now(UTC).astimezone(ZoneInfo(policy.calendar.time_zone)).date()
    rows = [
        _row(value) | {"in_force_since": value.since.isoformat()}
        for name in sorted(policy.parameters)
        for value in _winners(policy, name, day)
    ]
    if not rows:
        first = min(value.since for values in policy.parameters.values() for value in values)
        raise error(
            "policy.none_in_force",
            f"no rule of {policy.jurisdiction} is in force on {day}; the first is of {first}",
            jurisdiction=policy.jurisdiction,
            on=day.isoformat(),
        )
    return rows


def _winners(policy: Policy, name: str, day: date) -> list[Value]:
    """For each set of circumstances the value that wins on the day."""
    best: dict[tuple[tuple[str, frozenset[str]], ...], Value] = {}
    for value in policy.parameters[name]:  # sorted: the last that applies wins
        if value.known <= day and value.since <= day and (value.until is None or day <= value.until):
            best[value.applies] = value
    return list(best.values())


def _row(value: Value) -> dict[str, Any]:
    return {
        "rule": value.id,
        "parameter": value.name,
        "value": plain(value.value),
        "applies": {key: sorted(allowed) for key, allowed in value.applies} or None,
        "norm": str(value.source),
        "rank": value.rank,
        "confidence": value.confidence,
        "known_since": value.known.isoformat(),
        "note": value.note,
    }


def checked(file: str) -> dict[str, Any]:
    """Check a policy file; parts that it lacks are taken from the packaged policy of its country."""
    text = read_file(file)
    parts = documents(text)
    code = next((content.get(kind) for kind, (content, _) in parts.items()), None)
    if isinstance(code, str) and code in PACKAGED:
        text = completed(text, packaged(code))
    policy = compile_text(text)
    return {
        "jurisdiction": policy.jurisdiction,
        "digest": policy.digest,
        "parameters": len(policy.parameters),
        "values": len(policy.by_id),
    }


def changed(policy: Policy, low: date, high: date) -> list[dict[str, Any]]:
    """The parameters whose value differs between two days, each as known on its day."""
    if high < low:
        raise invalid("--to", "lies before --from")
    rows = []
    for name in sorted(policy.parameters):
        before = {value.applies: value for value in _winners(policy, name, low)}
        after = {value.applies: value for value in _winners(policy, name, high)}
        for applies in {**before, **after}:
            old, new = before.get(applies), after.get(applies)
            if (old and old.id) == (new and new.id):
                continue
            shown = new or old
            assert shown is not None
            rows.append(
                {
                    "parameter": name,
                    "applies": {key: sorted(allowed) for key, allowed in applies} or None,
                    "before": plain(old.value) if old else None,
                    "after": plain(new.value) if new else None,
                    "norm": str(shown.source),
                    "rank": shown.rank,
                    "since": shown.since.isoformat(),
                }
            )
    return rows
