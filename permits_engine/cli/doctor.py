"""What is wrong with a set-up, said with the remedy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from permits_engine.cli.daemon_setup import mail_folder
from permits_engine.cli.options import keys_of
from permits_engine.policies.loading import digest_of, packaged, packaged_codes
from permits_engine.scheduler.daemon.health import clock_ahead
from permits_engine.store.database.transactions import Statement
from permits_engine.store.events.timestamps import micros
from permits_engine.store.log.signing_keys import SigningKeys

Finding = dict[str, str]
AHEAD = 300_000_000
"""Microseconds by which the store's last event may lie ahead of this machine's clock."""

_QUICK_CHECK = Statement("PRAGMA quick_check(1)")


def findings(engine: Any, settings: Any) -> list[Finding]:
    """Errors, warnings and notes about the store, its keys, its rules and its messages."""
    state = engine.queries.status()
    found = [*_store(engine, state), *(_say(*each) for each in _clocks_and_messages(engine, state))]
    if not state["head"]["simulated"]:
        found += _messages(settings)
    return [*found, *_rules(state), *_people(engine), *_keys(settings)]


def _store(engine: Any, state: dict[str, Any]) -> Iterator[Finding]:
    if state["head"]["simulated"]:
        yield _say("note", "this store is simulated (a demo or a scenario): nothing is sent from it by SMTP")
    elif _head(engine) > micros(engine.context.clock()) + AHEAD:
        yield _say("error", "this machine's clock is behind the store's last event: set the clock")
    for each in state["parked_streams"]:
        yield _say("error", f"{each['stream']} cannot be read and is set aside: {each['reason']}")
    if engine.database.dialect == "sqlite":
        with engine.database.read() as tx:
            [(said,)] = tx.all(_QUICK_CHECK, {})
        if said != "ok":
            yield _say("error", f"the database file is damaged ({said}): restore a backup")


def _head(engine: Any) -> int:
    from permits_engine.store.events import history

    with engine.database.read() as tx:
        return int(history.head(tx).recorded_at)


def _messages(settings: Any) -> Iterator[Finding]:
    if not settings.smtp_host:
        folder = mail_folder(settings)
        place = folder if folder.exists() else folder.absolute().parent
        if (folder.exists() and not folder.is_dir()) or not os.access(place, os.W_OK):
            yield _say(
                "error", f"letters cannot be written to {folder}: make it writable, or PERMITS_MAIL_DIR"
            )
        yield _say("note", f"letters go to the folder {folder}, not by SMTP (PERMITS_SMTP_HOST)")
        return
    if settings.mail_from.endswith(".invalid"):
        yield _say("error", f"letters would come from {settings.mail_from}: set PERMITS_MAIL_FROM")
    if settings.smtp_security == "none" and settings.smtp_host not in {"localhost", "127.0.0.1", "::1"}:
        yield _say("warning", "letters travel unencrypted: set PERMITS_SMTP_SECURITY to starttls or tls")


def _rules(state: dict[str, Any]) -> Iterator[Finding]:
    for each in state["policies"]:
        code = each["jurisdiction"]
        if code in packaged_codes() and each["digest"] != digest_of(packaged(code)):
            yield _say(
                "note", f"the adopted policy of {code} is not the packaged one, which init would adopt"
            )


def _people(engine: Any) -> Iterator[Finding]:
    waiting = len(engine.privacy.unfinished_erasures())
    if waiting:
        some = "an erasure has" if waiting == 1 else f"{waiting} erasures have"
        yield _say(
            "error", f"{some} not reached the database's files yet: type permits holder erase again for any"
        )
    late = sum(each["state"] == "overdue" for each in engine.privacy.data_requests())
    if late:
        some = "1 request" if late == 1 else f"{late} requests"
        yield _say(
            "error", f"{some} about personal data should have been answered: permits holder requests --open"
        )


def _keys(settings: Any) -> Iterator[Finding]:
    yield _say(
        "note",
        "whoever loses the master key loses every name in the store: keep two halves of it apart "
        "(permits keys export)",
    )
    if settings.master_keys is not None or not settings.store.startswith("sqlite"):
        return
    place = keys_of(settings).resolve()
    beside = Path(str(make_url(settings.store).database)).resolve().parent
    if place.parent == beside:
        remedy = "keep it on another disk (PERMITS_KEYS), with a copy apart: without it every name is lost"
        yield _say("warning", f"the master key lies beside the store: {remedy}")
    signing = SigningKeys.beside(place, settings.signing_key).path
    if signing is not None and signing.resolve().parent == beside:
        remedy = "keep it elsewhere (PERMITS_SIGNING_KEY), and checkpoints outside"
        yield _say("warning", f"whoever changes the store finds the key to sign it anew beside it: {remedy}")


def _say(level: str, message: str) -> Finding:
    return {"level": level, "message": message}


Said = tuple[str, str]


STALE = timedelta(days=2)
"""After so long without a pass nobody runs the scheduler, and after so long waiting a message is late."""


APART = timedelta(minutes=5)
"""By so much the clocks of machine and database may differ."""


_REASONS = {
    "no_address": "no address on file: serve the letter at the counter (permits notices preview ID), then "
    "permits notices served ID",
    "refused": "refused for good: correct the holder's address, then permits notices retry ID",
    "bounced": "came back: correct the holder's address, then permits notices retry ID",
    "too_many_attempts": "not taken in a day: look at the mail server, then permits notices retry ID",
    "unknown_outcome": "may have gone out, and may not be sent twice: ask the holder, then retry or served",
    "not_composed": "the jurisdiction's text does not fit the file: permits notices preview ID says why",
}


def _clocks_and_messages(engine: Any, state: dict[str, Any]) -> Iterator[Said]:
    """Levels and sentences about clocks, lease, passes and messages."""
    today = engine.queries.today()
    yield from _clocks(engine)
    yield from _passes(state, today)
    yield from _waiting(state, today)
    for each in state["paused"]:
        whose = f"messages of {each['office']}" if each["office"] else "all messages"
        yield "note", f"{whose} are paused since {each['since']} ({each['reason']}): permits resume"
    for reason, number in state["parked"].items():
        wait = "1 message waits" if number == 1 else f"{number} messages wait"
        why = _REASONS.get(reason, reason)
        yield "warning", f"{wait} for a human (permits notices --state parked): {why}"


def _clocks(engine: Any) -> Iterator[Said]:
    ahead = clock_ahead(engine.database, micros(engine.context.clock()))
    if abs(ahead) > APART:
        by = str(abs(ahead)).partition(".")[0]
        side = "ahead of" if ahead > timedelta() else "behind"
        yield "error", f"this machine's clock is {by} {side} the database's: set the one that is wrong"


def _passes(state: dict[str, Any], today: date) -> Iterator[Said]:
    last, lease = state["last_pass"], state["lease"]
    if lease:
        yield "note", f"{lease['holder']} runs the passes since {lease['since']}"
    if last is None:
        yield "warning", "no scheduler pass has run yet: permits daemon, or permits daemon --once"
    elif not state["head"]["simulated"] and date.fromisoformat(last["on"]) < today - STALE:
        yield "warning", f"the last pass was of {last['on']}: run permits daemon, or --once every hour"
    for channel, reason in ((last or {}).get("summary") or {}).get("away", {}).items():
        yield "error", f"nothing could leave by {channel} in the last pass: {reason}"


def _waiting(state: dict[str, Any], today: date) -> Iterator[Said]:
    waiting = state["waiting"]
    late = waiting["messages"] and date.fromisoformat(waiting["since"]) < today - STALE
    if late and not state["head"]["simulated"]:
        yield (
            "warning",
            f"{waiting['messages']} messages wait to go out, the oldest since {waiting['since']}: "
            "look at the daemon's log",
        )
