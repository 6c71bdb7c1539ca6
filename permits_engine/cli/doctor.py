"""What is wrong with a set-up, said with the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import make_url


def findings(engine: Any, settings: Any) -> list[dict[str, str]]:
    """Errors, warnings and notes about the store, its keys and its messages."""
    found: list[dict[str, str]] = []
    state = engine.status()
    if state["head"]["simulated"]:
        found.append(
            _say("note", "this store is simulated (a demo or a scenario): nothing is sent from it by SMTP")
        )
    for each in state["parked_streams"]:
        found.append(_say("error", f"{each['stream']} is parked: {each['reason']}"))
    parked = state["notices"].get("parked", 0)
    if parked:
        found.append(_say("warning", f"{parked} notices wait for a human: permits notices --state parked"))
    if state["last_pass"] is None:
        found.append(_say("warning", "no scheduler pass has run yet: permits daemon --once"))
    found += _keys(settings)
    return found


def _keys(settings: Any) -> list[dict[str, str]]:
    from permits_engine.engine import default_key_file

    url = make_url(settings.store)
    place = Path(settings.keys or default_key_file(settings.store)).resolve()
    found = []
    beside = url.get_backend_name() == "sqlite" and url.database
    if beside and place.parent == Path(str(url.database)).resolve().parent:
        remedy = "keep it on another disk (PERMITS_KEYS), with a copy apart"
        found.append(_say("warning", f"the master key lies beside the store: {remedy}"))
    return found


def _say(level: str, message: str) -> dict[str, str]:
    return {"level": level, "message": message}
