"""Permits, their histories and their reasons, printed for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from permits_engine.application.queries.views import ENVELOPE
from permits_engine.cli.output import cell, count, out, pairs, table
from permits_engine.documents.language import without_isolates

_BECAUSE = {
    "title": "a title is in force",
    "receipt": "the receipt is in force",
    "pending_request": "a request filed in time is pending",
    "title_given_back": "the title was given back on appeal",
    "renewal_window": "a renewal may still be requested, until which this is open to dispute",
    "departure_period": "the days to depart are still running",
    "suspensive_appeal": "an appeal suspends the decision",
    "closed": "the permit was closed",
    "provisional_stay": "a removal was annulled, and no new decision has come",
    "majority_period": "of age, and the months to ask for a card are still running",
    "trafficking_victim": "a victim of trafficking, by leave of the judicial authority",
    "no_ground": "there is no title, receipt, pending request or suspensive appeal",
}
_PRINTED = (ENVELOPE - {"sealed"}) | {
    *("jurisdiction", "title_kind", "deadlines", "warning", "command", "decided_on", "file"),
    *("acting_as", "exchanged", "alternatives", "quality", "departs_from", "policy_title", "imported"),
}
"""Fields that are printed elsewhere, or not at all."""
_RARE = frozenset({"relaxed", "asks", "beside"})
"""Fields that are printed only where they are not empty."""


def permit(view: dict[str, Any]) -> None:
    """Print one permit on a date: what it is, its state, and which deadlines run."""
    known = f", as known at {view['known_at']}" if view.get("known_at") else ""
    out(f"Permit {view['permit_id']} on {view['as_of']}{known}")
    track = None if view["track"] == "standard" else f"{view['track']} track"
    pairs(
        {
            "holder": view["holder_id"],
            "file": _of(view["category"], view["criterion"], view["prefecture"], view["file_number"]),
            "title": _title(view),
            "application": _of(view["application_status"], track),
            "appeal": view["appeal_status"],
            **_seldom(view),
            "receipt": f"until {view['receipt_until']}" if view["receipt_until"] else None,
            "lawful stay": _lawful_stay(view),
            "version": view["version"],
        },
        indent="  ",
    )
    if view["deadlines"]:
        out("Deadlines")
        _deadlines(view["deadlines"])


def _seldom(view: Mapping[str, Any]) -> dict[str, str]:
    """Return what few files have: a removal, a ban, a tie to another person's title."""
    lines = {}
    if view["removal_status"] != "none":
        lines["removal"] = str(view["removal_status"])
    if view["entry_ban_until"] is not None:
        lines["entry ban"] = f"until {view['entry_ban_until']}"
    tie = view["principal"]
    if tie is not None:
        ended = f", which ended on {tie['ended_on']} ({tie['how']})" if tie["ended_on"] else ""
        lines["depends on"] = f"{tie['permit_id']} ({tie['kind']}){ended}"
    return lines


def _of(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part is not None)


def _title(view: Mapping[str, Any]) -> str:
    if view["term_number"] is None:
        return str(view["title_status"])
    term = f"term {view['term_number']} from {view['valid_from']} to {view['valid_until']}"
    number = view["card_number"]
    return _of(view["title_status"], term, f"card {number}" if number else None)


def _lawful_stay(view: Mapping[str, Any]) -> str:
    standing = view["standing"]
    because = _BECAUSE.get(standing["because"], standing["because"])
    return f"{'yes' if view['lawful_stay'] else 'no'}: {because}"


def _deadlines(found: Iterable[Mapping[str, Any]]) -> None:
    """Print each deadline with its last day or instant, and below it how that was calculated."""
    for each in found:
        end = each.get("due_at") or each.get("due_on") or "no limit  "
        body = f" ({each['body']})" if each.get("body") else ""
        state = "" if each.get("status", "running") == "running" else f", {each['status']}"
        out(f"  {end}  {each['kind']}{body}{state}")
        if each.get("explanation"):
            out(f"              {_phrase(each['explanation'])}")


def _phrase(text: str) -> str:
    """Return a sentence of the rules without the marks of direction, which a terminal cannot show."""
    return cell(without_isolates(text))


def rights(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print each right: open or not, since and until when; below it the rule, and what is missing."""
    for row in rows:
        span = " ".join(f"{word} {row[word]}" for word in ("since", "until") if row[word] is not None)
        because = f"because of {row['because']}" if row["open"] else "closed"
        out(f"{'yes' if row['open'] else 'no ':4} {row['right']:29} {because}{f', {span}' if span else ''}")
        basis = row["basis"] or (None if row["open"] else "no rule in force opens it on that day")
        if basis:
            out(f"     {'':29} {basis}")
        for name, words in (("would_open", "would open it"), ("asks", "not established yet")):
            if row[name]:
                out(f"     {'':29} {words}: {cell(row[name])}")


def history(events: Iterable[Mapping[str, Any]]) -> None:
    """Print every event with its legal date, its fields, and who did it when."""
    table(
        [
            {
                "version": event["version"],
                "on": event["effective_on"],
                "event": event["name"].removeprefix("permit."),
                "by": f"{event['actor']['id']} ({event['actor']['role']})",
                "recorded": f"{event['recorded_at'][:19]}Z",
                "says": _says(event),
            }
            for event in events
        ]
    )


def _says(event: Mapping[str, Any]) -> str:
    """Return the fields of an event besides its envelope, on one line."""
    own = {name: value for name, value in event.items() if name not in _PRINTED}
    quiet = {name for name in _RARE if not own.get(name)}
    return cell({k: v for k, v in own.items() if v not in (None, [], "") and k not in quiet})


def explanation(event: Mapping[str, Any]) -> None:
    """Print why an event was allowed: who did it, the rules with their sources, and what followed."""
    actor = event["actor"]
    out(f"{event['name']} (version {event['version']}) on {event['effective_on']}")
    office = f" of {actor['prefecture']}" if actor.get("prefecture") else ""
    out(f"  by {cell(actor['id'])}, {actor['role']}{office}; recorded {event['recorded_at']}")
    _on_which_file(event)
    if (fields := _says(event)) != "-":
        out(f"  says {fields}")
    _section("Asked and answered", map(_exchange, event.get("exchanged", ())))
    _rules(event)
    if event["deadlines"]:
        out("Deadlines then running")
        _deadlines(event["deadlines"])
    _section("Could also have been done", map(_alternative, event.get("alternatives", ())))
    if event.get("quality"):
        checks = (each for each in event["quality"] if each["status"] != "not_applicable")
        out("Quality")
        for each in checks:
            out(f"  {each['status']:<6}  {each['gate']}: {_phrase(each['because'])}")
    if event.get("warning"):
        out(f"Warning: {_phrase(event['warning'])}")


def _section(title: str, lines: Iterable[str]) -> None:
    """Print lines under a title, where there are any."""
    for at, line in enumerate(lines):
        if at == 0:
            out(title)
        out(f"  {line}")


def _exchange(each: Mapping[str, Any]) -> str:
    rest = {
        name: value for name, value in each.items() if name not in {"on", "what"} and value not in (None, [])
    }
    return f"{each['on']}  {each['what']}{f': {cell(rest)}' if rest else ''}"


def _alternative(each: Mapping[str, Any]) -> str:
    but = f"; but {cell(each['but'])}" if each.get("but") else ""
    return f"{each['command']} (by: {', '.join(each['by'])}){but}"


def _rules(event: Mapping[str, Any]) -> None:
    basis = event.get("basis") or {}
    if not basis.get("rules"):
        return
    title = cell(event.get("policy_title") or "the rules")
    out(f"Allowed by {title} (SHA-256 of the text: {basis['policy']})")
    for rule in basis["rules"]:
        out(f"  {rule['parameter']} = {cell(rule['value'])}")
        since = f"in force since {rule['in_force_since']}"
        if rule["known_since"] != rule["in_force_since"]:
            since += f", known since {rule['known_since']}"
        out(f"      {rule['norm']} ({rule['rank']}); {since}")


def _on_which_file(event: Mapping[str, Any]) -> None:
    file, acting = event.get("file"), event.get("acting_as")
    if file is not None:
        what = _of(file["category"], file["criterion"])
        name = f" ({file['office_name']})" if file["office_name"] else ""
        state = file["state_before"]
        before = f"; before: {cell(state)}" if state else ""
        out(f"  on the file with {file['office']}{name}, {what}{before}")
    if acting is not None and acting.get("reach"):
        reach = "any office" if acting["reach"] == "any" else "the own office"
        named = [f"{what} {acting[what]}" for what in ("mandate", "delegation") if acting.get(what)]
        out(
            f"  acting as {acting['role']}, who may {event['command']} for {reach}: {_of(acting['competence'], *named)}"
        )


def difference(found: Mapping[str, Any]) -> None:
    """Print which fields differ between two states of knowledge, each with its causes."""
    first, second = found["known_at"]
    out(f"Permit {found['permit_id']} on {found['as_of']}, as known at {first} and at {second}")
    if not found["fields"]:
        out("  nothing differs")
    for each in found["fields"]:
        out(f"  {each['field']}: {_shown(each['before'])} -> {_shown(each['after'])}")
        for cause in each["because"]:
            for line in _because(cause):
                out(f"      {line}")


def _shown(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return ", ".join(f"{x['kind']} {x.get('due_at') or x.get('due_on') or 'no limit'}" for x in value)
    return cell(value)


def _because(cause: Mapping[str, Any]) -> Iterable[str]:
    event = cause.get("event")
    if event is not None:
        who = f"{cell(event['actor']['id'])} ({event['actor']['role']})"
        about = (
            f", which corrects {event['corrects']} of version {event['of_version']}"
            if "corrects" in event
            else ""
        )
        yield (
            f"by {event['name']} (version {event['version']}) of {event['effective_on']}{about}; "
            f"{who}, recorded {event['recorded_at'][:19]}Z"
        )
    if "published_on" in cause:
        yield f"by what was published on {cause['published_on']}"
    for rule in cause.get("rules", ()):
        yield f"  now {rule['parameter']} = {cell(rule['value'])} ({rule['norm']}, {rule['rank']})"
    for rule in cause.get("instead_of", ()):
        yield f"  before {rule['parameter']} = {cell(rule['value'])} ({rule['norm']}, {rule['rank']})"


def status(state: Mapping[str, Any]) -> None:
    """Print the state of the store for an operator."""
    head, last = state["head"], state["last_pass"]
    simulated = " (a simulated store)" if head["simulated"] else ""
    pairs(
        {
            "head": f"position {head['position']}, recorded {head['recorded_at']}{simulated}",
            "permits": f"{state['permits']} with {state['permit_events']} events; lag {state['lag']}",
            "notices": ", ".join(f"{number} {name}" for name, number in state["notices"].items()),
            "last pass": f"of {last['on']}, finished {last['finished_at']}" if last else "none yet",
        }
    )
    _scheduler(state)
    for each in state["policies"]:
        times = count(each["adoptions"], "adoption")
        out(f"policy     {each['jurisdiction']} {each['digest'][:12]}… ({times})")
    for each in state["parked_streams"]:
        out(f"parked     {each['stream']}: {cell(each['reason'])}")


def _scheduler(state: Mapping[str, Any]) -> None:
    lease, waiting = state["lease"], state["waiting"]
    lines: dict[str, Any] = {}
    if lease:
        lines["daemon"] = f"{lease['holder']} since {lease['since']} (epoch {lease['epoch']})"
    for each in state["jobs"]:
        lines[f"job {each['job']}"] = f"next run {each['next_run']}, every {each['every']:g} s"
    if waiting["messages"]:
        lines["waiting"] = f"{waiting['messages']} to go out, the oldest due since {waiting['since']}"
    if state["parked"]:
        lines["parked"] = ", ".join(f"{number} {reason}" for reason, number in state["parked"].items())
    for each in state["paused"]:
        whose = each["office"] or "every office"
        lines[f"paused {whose}"] = f"since {each['since']} by {each['by']}: {each['reason']}"
    pairs(lines)


def rules(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print the rules of one day: the value, when it applies, and its norm."""
    for row in rows:
        value, listed = row["value"], isinstance(row["value"], Mapping)
        meant = f"  ({cell(row['applies'])})" if row["applies"] else ""
        out(f"{row['parameter']}{'' if listed else f' = {cell(value)}'}{meant}")
        if listed:
            pairs(value, indent="    ")
        out(f"    {row['norm']} ({row['rank']}); in force since {row['in_force_since']}")
