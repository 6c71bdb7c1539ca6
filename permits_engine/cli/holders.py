"""Persons: records linked and unlinked, and each person's rights over their data."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any

import typer

from permits_engine.cli import output
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.files import write_private
from permits_engine.cli.options import LANGUAGES, HolderId, argument, day, flag, id_argument, one_of, option
from permits_engine.cli.session import Session
from permits_engine.commands import parse
from permits_engine.documents import disclosure_page
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import Actor
from permits_engine.engine import Engine
from permits_engine.reader import Reader

Other = Annotated[str, id_argument("The id of the other record.", "permits import --json", "OTHER")]
Evidence = Annotated[str, option("--reason", "R", "What shows it; encrypted for both.")]
Version = Annotated[int, argument("VERSION", "Of the event, as listed.", min=1)]
On = Annotated[date | None, day("--on", "The day on which it happened [today].")]
Reason = Annotated[str | None, option("--reason", "R", "In words; encrypted for the holder.")]
_COUNTER = ["counter", "administrator"]
_COURT = ["administrator", "court"]
_ID = "0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f0001"
_TWO = f"{_ID} 0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f0003"


@command("holder link", f'permits holder link {_TWO} --reason "same passport"', roles=_COUNTER)
def link(engine: Engine, actor: Actor, holder_id: HolderId, other: Other, reason: Evidence) -> Answer:
    """Record that two holders are one person.

    Each keeps their own files and history; titles are looked at together from now on. The operator
    (PERMITS_OPERATOR) records it under their own name.
    """
    result = _execute(engine, actor, "link_holders", holder_id, other_id=other, reason=reason)
    return answer({"holder_id": holder_id, "other_id": other, **result}, f"{holder_id} is linked to {other}.")


@command("holder unlink", f'permits holder unlink {_TWO} --reason "two passports"', roles=_COUNTER)
def unlink(engine: Engine, actor: Actor, holder_id: HolderId, other: Other, reason: Evidence) -> Answer:
    """Record that two linked holders are two persons."""
    result = _execute(engine, actor, "unlink_holders", holder_id, other_id=other, reason=reason)
    return answer(
        {"holder_id": holder_id, "other_id": other, **result}, f"{holder_id} is no longer linked to {other}."
    )


@command("holder export", f"permits holder export {_ID} --html --out disclosure.html", purpose=True)
def export(
    reader: Reader,
    holder_id: HolderId,
    html: Annotated[
        bool, flag("--html", "A page to read, in the holder's language, instead of JSON.")
    ] = False,
    language: Annotated[
        str | None, one_of("--language", "L", "The page in another language: fr, ar or en.", *LANGUAGES)
    ] = None,
    out: Annotated[str | None, option("--out", "FILE", "Write it there, for its owner only.")] = None,
    json: Annotated[bool, flag("--json", "It is JSON with or without it.")] = False,
) -> int:
    """Print all that is held about a person, and who saw it.

    As JSON, or as a page that the person can read. The request is recorded like any look at personal data.
    """
    if json and html:
        raise invalid("--html", "and --json are two things; ask for one of them")
    found = reader.documents.disclosure(holder_id)
    text = disclosure_page.html(found, language) if html else output.as_json(found) + "\n"
    if out is None:
        output.exact(text)
    else:
        write_private(out, text.encode())
    return 0


@command("holder erase", f'permits holder erase {_ID} --reason "asked for on 2026-11-24"')
def erase(
    session: Session,
    holder_id: HolderId,
    reason: Annotated[str, option("--reason", "R", "Why, without any name: it is kept.")],
    archive_agreement: Annotated[
        str | None, option("--archive-agreement", "REF", "The archives' consent, where they keep it.")
    ] = None,
    yes: Annotated[bool, flag("--yes", "Do not ask before.")] = False,
    json: Annotated[bool, flag("--json", "Print the result as JSON.")] = False,
) -> Answer:
    """Destroy a person's key, for good.

    Nothing personal about them can be read any more. Refused (exit 1) while a procedure is open, a title is in
    force or a norm has the data kept: permits holder holds shows that. Given again, it finishes an erasure that was
    interrupted.
    """
    if not yes and not json and sys.stdin.isatty():
        typer.confirm(f"Erase everything personal about {holder_id}, for good?", abort=True, err=True)
    with session.open("administrator") as engine:
        result = engine.privacy.erase(
            holder_id,
            reason=reason,
            actor=session.operator.acting("administrator"),
            archive_agreement=archive_agreement,
            letters=session.settings.mail_folder,
        )
    done = "was erased already" if result["already"] else "is erased"
    lines = [
        f"{holder_id} {done}: their key is gone.",
        f"letters removed from the folder: {result['letters_removed']}",
    ]
    if result["linked_to"]:
        others = ", ".join(result["linked_to"])
        lines.append(f"other records of the same person, each to be erased too: {others}")
    return answer(result, *lines)


@command(
    "holder holds",
    f"permits holder holds {_ID}",
    show=output.table_of("kind", "because", "until", "norm", "permit_id"),
)
def holds(engine: Engine, holder_id: HolderId) -> Sequence[Mapping[str, Any]]:
    """List what prevents an erasure today, by norm."""
    return engine.privacy.obstacles(holder_id)


@command("holder request", f"permits holder request {_ID} --right access", roles=_COUNTER)
def request(
    engine: Engine,
    actor: Actor,
    holder_id: HolderId,
    right: Annotated[str, option("--right", "R", "access, rectification, erasure or opposition.")],
    on: On = None,
) -> Answer:
    """Record that a person asks for a right over their data.

    The policy says how long the answer may take.
    """
    done = _execute(engine, actor, "record_data_request", holder_id, right=right, on=on)
    [row] = [each for each in engine.privacy.data_requests(holder_id) if each["version"] == done["version"]]
    return answer(
        {**done, "due_on": row["due_on"]},
        f"recorded as version {row['version']}; to be answered by {row['due_on']}.",
    )


@command("holder answer", f"permits holder answer {_ID} 4 --outcome granted", roles=["administrator"])
def answer_request(
    engine: Engine,
    actor: Actor,
    holder_id: HolderId,
    version: Version,
    outcome: Annotated[str, option("--outcome", "O", "granted or refused.")],
    reason: Reason = None,
    on: On = None,
) -> Answer:
    """Record how a person's request was answered."""
    given = {"of_version": version, "outcome": outcome, "reason": reason, "on": on}
    return _recorded(_execute(engine, actor, "answer_data_request", holder_id, **given), "answered")


@command(
    "holder requests",
    "permits holder requests --open",
    show=output.table_of("holder_id", "version", "right", "received_on", "due_on", "state", "answered_on"),
)
def requests(
    engine: Engine,
    holder_id: Annotated[
        str | None, id_argument("The holder's id [everybody].", "permits list", "[ID]")
    ] = None,
    open_only: Annotated[bool, flag("--open", "Only those not answered yet.")] = False,
    on: Annotated[date | None, day("--on", "As they are on a day [today].")] = None,
) -> Sequence[Mapping[str, Any]]:
    """List what people asked about their data.

    The first due comes first.
    """
    rows = engine.privacy.data_requests(holder_id, on=on)
    return [each for each in rows if not open_only or each["state"] != "answered"]


@command("holder erased", "permits holder erased --since 2026-01-01 --json")
def erased(
    engine: Engine,
    since: Annotated[date | None, day("--since", "Only those erased on that day or later.")] = None,
) -> Sequence[Mapping[str, Any]]:
    """List who was erased, by ids that identify no person.

    Keep the list beside backups: in a store that is restored from one they have to be erased again.
    """
    return engine.privacy.erased(since=since)


@command(
    "holder hold",
    f'permits holder hold {_ID} --norm "order 12/2026 of the tribunal" --until 2027-12-31',
    roles=_COURT,
)
def hold(
    engine: Engine,
    actor: Actor,
    holder_id: HolderId,
    norm: Annotated[str, option("--norm", "N", "The law or order that has it kept.")],
    until: Annotated[date | None, day("--until", "The last day [until released].")] = None,
    reason: Reason = None,
) -> Answer:
    """Keep a person's data: no erasure while the hold lasts."""
    done = _execute(engine, actor, "place_hold", holder_id, norm=norm, until=until, reason=reason)
    return _recorded(done, "kept")


@command("holder release", f"permits holder release {_ID} 5", roles=_COURT)
def release(
    engine: Engine, actor: Actor, holder_id: HolderId, version: Version, reason: Reason = None
) -> Answer:
    """End a hold."""
    done = _execute(engine, actor, "lift_hold", holder_id, of_version=version, reason=reason)
    return _recorded(done, "released")


def _execute(engine: Engine, actor: Actor, name: str, holder_id: str, **fields: Any) -> Mapping[str, Any]:
    given = {field: value for field, value in fields.items() if value is not None}
    outcome = engine.execute(parse(name, {"holder_id": holder_id, **given}), actor=actor)
    return {"holder_id": holder_id, "version": outcome.version, "events": list(outcome.events)}


def _recorded(result: Mapping[str, Any], word: str) -> Answer:
    return answer(result, f"{result['holder_id']}: {word}, version {result['version']}.")
