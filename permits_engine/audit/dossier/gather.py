"""The content of a dossier, gathered from the history of one permit."""

from __future__ import annotations

from typing import Any

import msgspec

from permits_engine.application.context import Context
from permits_engine.application.queries import notices as notices_room
from permits_engine.application.queries import views
from permits_engine.application.queries.explanation import explain
from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.audit.exports.columns import DISCREET
from permits_engine.documents.wording import untranslated
from permits_engine.domain.errors import IntegrityError, PermitsError
from permits_engine.domain.events import (
    PERSONAL,
    AppealDecided,
    ApplicationReturned,
    DecisionExtended,
    ImplicitlyGranted,
    ImplicitlyRefused,
    Issued,
    Lapsed,
    LostByAbsence,
    Refused,
    Reinstated,
    RemovalAnnulled,
    RemovalOrdered,
    RenewalRefused,
    Renewed,
    Revoked,
)
from permits_engine.domain.permit import explanations
from permits_engine.domain.phrases import Phrase
from permits_engine.projections import listing
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events import history
from permits_engine.store.log import checkpoints, proofs
from permits_engine.store.log.signing_keys import origin_of

DECISIONS = frozenset(
    kind.NAME
    for kind in (
        *(Issued, Renewed, ImplicitlyGranted, Refused, RenewalRefused, ImplicitlyRefused),
        *(Revoked, Reinstated, ApplicationReturned, DecisionExtended, AppealDecided),
        *(Lapsed, LostByAbsence, RemovalOrdered, RemovalAnnulled),
    )
)
"""Events that are explained: those that granted, withdrew or refused something, also by time alone."""


class Proofs(msgspec.Struct):
    """The signed checkpoint, its key, and a proof for each event; or the problem that prevents them."""

    checkpoint: str | None = None
    key: str | None = None
    events: list[str] = msgspec.field(default_factory=list)
    problem: str | None = None


class Dossier(msgspec.Struct):
    """Everything about one permit; ``person`` is None without personal data.

    Explanations of deadlines, quality checks and warnings are phrases, to be translated later.
    """

    origin: str
    position: int
    made_on: str
    reader: str
    purpose: str | None
    permit: dict[str, Any]
    person: dict[str, Any] | None
    events: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    notices: list[dict[str, Any]]
    proofs: Proofs

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, with phrases in English."""
        plain: dict[str, Any] = msgspec.to_builtins(self, enc_hook=_in_english)
        return plain


def _in_english(value: Any) -> str:
    if isinstance(value, Phrase):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} is no part of a dossier")


def gather(context: Context, permit_id: str, *, decrypt: bool, reader: str, purpose: str | None) -> Dossier:
    """Return everything about a permit, without personal data unless ``decrypt``; the caller has checked the rights."""
    with context.database.read() as tx:
        head = history.head(tx)
        file = PermitFile(context, tx, permit_id)
        view = views.permit(file, decrypt=decrypt)
        events = views.history_of(file, decrypt=decrypt)
        decisions = [
            explain(file, event["version"], lambda _: untranslated, decrypt=decrypt)
            for event in events
            if event["name"] in DECISIONS
        ]
        clocks = explanations.explained(file.situation(), untranslated)
        person = msgspec.to_builtins(context.person(tx, view.holder_id)) if decrypt else None
        notices = _notices(context, tx, permit_id, decrypt)
    if not decrypt:
        events, decisions = ([_discreet(each) for each in found] for found in (events, decisions))
    return Dossier(
        origin=origin_of(head.store_id),
        position=head.position,
        made_on=view.as_of.isoformat(),
        reader=reader,
        purpose=purpose,
        permit={**view.as_dict(), "deadlines": clocks},
        person={name: person[name] for name in PERSONAL} if person else None,
        events=events,
        decisions=decisions,
        notices=notices,
        proofs=_proofs(context, permit_id, len(events)),
    )


def _notices(context: Context, tx: Transaction, permit_id: str, decrypt: bool) -> list[dict[str, Any]]:
    rows = listing.messages(tx, permit_id=permit_id, limit=None)
    found = [
        {**row, "events": notices_room.history_of(context, tx, row["notice_id"], decrypt=decrypt)}
        for row in rows
    ]
    return sorted(found, key=lambda notice: int(notice["events"][0]["position"]))


def _discreet(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without fields that tell of health, family or protection."""
    hidden = DISCREET.get(event["name"], frozenset())
    return {name: value for name, value in event.items() if name not in hidden}


def _proofs(context: Context, permit_id: str, count: int) -> Proofs:
    """Return proofs under one checkpoint, or the problem if it cannot be signed; raises ``integrity.broken``."""
    try:
        checkpoint = checkpoints.take(context.database, context.signing, now=context.now())
        keys = context.signing.verifiers(context.origin)
        found = [
            str(proofs.prove(context.database, context.signing, permit_id, version, now=context.now()))
            for version in range(1, count + 1)
        ]
    except IntegrityError:
        raise
    except PermitsError as problem:
        return Proofs(problem=problem.message)
    return Proofs(checkpoint.note, str(keys[0]) if keys else None, found)
