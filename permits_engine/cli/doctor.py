"""What is wrong with a set-up, each with its remedy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import make_url

from permits_engine.application.queries.service import Status
from permits_engine.cli import machine_time, output
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.session import Session
from permits_engine.cli.settings import Settings
from permits_engine.engine import Engine
from permits_engine.policies.calendars import ends_soon
from permits_engine.policies.loading import digest_of, packaged, packaged_codes
from permits_engine.scheduler.daemon.health import clock_ahead
from permits_engine.store.database.transactions import Statement
from permits_engine.store.events import history
from permits_engine.store.events.timestamps import micros
from permits_engine.store.log.signing_keys import SigningKeys

AHEAD = 300_000_000
"""Microseconds by which the store's last event may lie ahead of this machine's clock."""
STALE = timedelta(days=2)
"""Age of the last pass after which the scheduler counts as stopped, and of a waiting message that is late."""
APART = timedelta(minutes=5)
"""By so much the clocks of machine and database may differ."""
Finding = tuple[str, str]
"""A level (error, warning or note) and a sentence."""

_QUICK_CHECK = Statement("PRAGMA quick_check(1)")
_REASONS = {
    "no_address": "no address on file: serve the letter at the counter (permits notices preview ID), then "
    "permits notices served ID",
    "refused": "refused for good: correct the holder's address, then permits notices retry ID",
    "bounced": "came back: correct the holder's address, then permits notices retry ID",
    "too_many_attempts": "not accepted within a day: look at the mail server, then permits notices retry ID",
    "unknown_outcome": "may have gone out, and may not be sent twice: ask the holder, then retry or served",
    "not_composed": "the jurisdiction's text does not fit the file: permits notices preview ID says why",
}


@command("doctor", "permits doctor")
def doctor(engine: Engine, session: Session) -> Answer:
    """Say what is wrong with the set-up.

    Exit 1 where something has to be put right; warnings and notes are exit 0.
    """
    found = list(_findings(engine, session.settings))
    lines = [f"{level}: {message}" for level, message in found]
    return answer(
        {"findings": [{"level": level, "message": message} for level, message in found]},
        *(lines or ["nothing to report: the set-up is sound"]),
        code=output.EXIT["refused"] if any(level == "error" for level, _ in found) else 0,
    )


def _findings(engine: Engine, settings: Settings) -> Iterator[Finding]:
    state = engine.queries.status()
    yield from _store(engine, state)
    yield from _clocks(engine)
    yield from _passes(state, engine.queries.today())
    yield from _notices(state, engine.queries.today())
    if not state["head"]["simulated"]:
        yield from _mail(settings)
    yield from _rules(state)
    yield from _law_days(engine, state)
    yield from _people(engine)
    yield from _keys(settings)


def _store(engine: Engine, state: Status) -> Iterator[Finding]:
    if state["head"]["simulated"]:
        yield "note", "this store is simulated (a demo or a scenario): nothing is sent from it by SMTP"
    else:
        with engine.database.read() as tx:
            last = history.head(tx).recorded_at
        if last > micros(engine.context.clock()) + AHEAD:
            yield "error", "this machine's clock is behind the store's last event: set the clock"
    for each in state["parked_streams"]:
        yield "error", f"{each['stream']} cannot be read and is set aside: {each['reason']}"
    if engine.database.dialect == "sqlite":
        with engine.database.read() as tx:
            [(state_of_file,)] = tx.all(_QUICK_CHECK, {})
        if state_of_file != "ok":
            yield "error", f"the database file is damaged ({state_of_file}): restore a backup"


def _mail(settings: Settings) -> Iterator[Finding]:
    if not settings.smtp_host:
        folder = settings.mail_folder
        place = folder if folder.exists() else folder.absolute().parent
        if (folder.exists() and not folder.is_dir()) or not os.access(place, os.W_OK):
            yield "error", f"letters cannot be written to {folder}: make it writable, or PERMITS_MAIL_DIR"
        yield "note", f"letters go to the folder {folder}, not by SMTP (PERMITS_SMTP_HOST)"
        return
    if settings.mail_from.endswith(".invalid"):
        yield "error", f"letters would come from {settings.mail_from}: set PERMITS_MAIL_FROM"
    if settings.smtp_security == "none" and settings.smtp_host not in {"localhost", "127.0.0.1", "::1"}:
        yield "warning", "letters travel unencrypted: set PERMITS_SMTP_SECURITY to starttls or tls"


def _rules(state: Status) -> Iterator[Finding]:
    for each in state["policies"]:
        code = each["jurisdiction"]
        if code in packaged_codes() and each["digest"] != digest_of(packaged(code)):
            yield "note", f"the adopted policy of {code} is not the packaged one, which init would adopt"


def _law_days(engine: Engine, state: Status) -> Iterator[Finding]:
    with engine.database.read() as tx:
        codes = [each["jurisdiction"] for each in state["policies"]]
        calendars = {code: engine.context.policies.current(tx, code).calendar for code in codes}
    for code, calendar in calendars.items():
        ending = ends_soon(calendar, engine.queries.today(code))
        if ending is not None:
            yield "warning", f"{code}: {ending}"
    yield from machine_time.findings((each.time_zone for each in calendars.values()), engine.queries.today())


def _people(engine: Engine) -> Iterator[Finding]:
    waiting = len(engine.privacy.unfinished_erasures())
    if waiting:
        some = "an erasure has" if waiting == 1 else f"{waiting} erasures have"
        yield "error", f"{some} not reached the database's files yet: give permits holder erase again for any"
    late = sum(each["state"] == "overdue" for each in engine.privacy.data_requests())
    if late:
        some = "1 request" if late == 1 else f"{late} requests"
        yield "error", f"{some} about personal data should have been answered: permits holder requests --open"


def _keys(settings: Settings) -> Iterator[Finding]:
    yield (
        "note",
        "if the master key is lost, every name in the store is lost: keep two halves of it apart "
        "(permits keys export)",
    )
    if settings.master_keys is not None or not settings.store.startswith("sqlite"):
        return
    place = settings.key_file.resolve()
    beside = Path(str(make_url(settings.store).database)).resolve().parent
    if place.parent == beside:
        remedy = "keep it on another disk (PERMITS_KEYS), with a copy apart: without it every name is lost"
        yield "warning", f"the master key lies beside the store: {remedy}"
    signing = SigningKeys.beside(place, settings.signing_key).path
    if signing is not None and signing.resolve().parent == beside:
        remedy = "keep it elsewhere (PERMITS_SIGNING_KEY), and checkpoints outside"
        yield (
            "warning",
            f"the key that signs checkpoints lies beside the store, which can then be forged: {remedy}",
        )


def _clocks(engine: Engine) -> Iterator[Finding]:
    ahead = clock_ahead(engine.database, micros(engine.context.clock()))
    if abs(ahead) > APART:
        by = str(abs(ahead)).partition(".")[0]
        side = "ahead of" if ahead > timedelta() else "behind"
        yield "error", f"this machine's clock is {by} {side} the database's: set the one that is wrong"


def _passes(state: Status, today: date) -> Iterator[Finding]:
    last, lease = state["last_pass"], state["lease"]
    if lease:
        yield "note", f"{lease['holder']} runs the passes since {lease['since']}"
    if last is None:
        yield "warning", "no scheduler pass has run yet: permits daemon, or permits daemon --once"
    elif not state["head"]["simulated"] and date.fromisoformat(last["on"]) < today - STALE:
        yield "warning", f"the last pass was of {last['on']}: run permits daemon, or --once every hour"
    away = last["summary"].get("away", {}) if last is not None and last["summary"] else {}
    for channel, reason in away.items():
        yield "error", f"nothing could leave by {channel} in the last pass: {reason}"


def _notices(state: Status, today: date) -> Iterator[Finding]:
    waiting = state["waiting"]
    since = waiting["since"]
    late = since is not None and date.fromisoformat(since) < today - STALE
    if late and not state["head"]["simulated"]:
        yield (
            "warning",
            f"{waiting['messages']} messages wait to go out, the oldest since {waiting['since']}: "
            "look at the daemon's log",
        )
    for each in state["paused"]:
        whose = f"messages of {each['office']}" if each["office"] else "all messages"
        yield "note", f"{whose} are paused since {each['since']} ({each['reason']}): permits resume"
    for reason, number in state["parked"].items():
        why = _REASONS.get(reason, reason)
        wait = output.count(number, "message waits", "messages wait")
        yield "warning", f"{wait} for a person to act (permits notices --state parked): {why}"
