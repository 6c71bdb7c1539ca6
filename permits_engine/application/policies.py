"""The façade's part for policies: looked up, and adopted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from permits_engine.application.adopted_policies import Adoption
from permits_engine.application.context import Context
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import Actor
from permits_engine.domain.rules.policy import Policy
from permits_engine.policies.loading import packaged, packaged_codes
from permits_engine.store.events.timestamps import micros

INSTALLER = Actor("installer", "administrator")
"""Adopts the packaged policies."""


class Policies:
    """The adopted policies of an open store."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def current(self, jurisdiction: str | None = None) -> Policy:
        """Return the policy in use (default: the home country's); raise ``policy.none_in_force``."""
        policies = self._context.policies
        with self._context.database.read() as tx:
            return policies.home_policy(tx) if jurisdiction is None else policies.current(tx, jurisdiction)

    def all(self) -> list[Policy]:
        """Return the policy in use of every jurisdiction, by code."""
        with self._context.database.read() as tx:
            return self._context.policies.in_use(tx)

    def adopt(self, *texts: str, actor: Actor | None = None) -> list[Adoption]:
        """Make policy texts part of the history.

        ``actor`` is the administrator who adopts (default: the operator of the engine).
        """
        context = self._context
        actor = actor or Actor(context.operator, "administrator")
        adopted = []
        for text in texts:
            with context.database.write() as tx:
                now = context.clock()
                stamp = context.stamper(actor, None, now.date())
                today = now.date().isoformat()
                store = context.application.events
                adopted.append(
                    context.policies.adopt(tx, text, stamp, store=store, now=micros(now), today=today)
                )
        return adopted

    def adopt_packaged(self, jurisdictions: Sequence[str] | None = None) -> None:
        """Adopt packaged policies, but for jurisdictions whose policy was adopted by an administrator.

        Without ``jurisdictions`` all of them in a new store, else those that the store has.
        """
        adopted = self._context.policies
        with self._context.database.read() as tx:
            present = {code for code, *_ in adopted.all(tx)}
            if jurisdictions is None:
                jurisdictions = [code for code in packaged_codes() if not present or code in present]
            own = [code for code in jurisdictions if adopted.adopted_by(tx, code) in {None, INSTALLER.id}]
        self.adopt(*(packaged(code) for code in own), actor=INSTALLER)


def checked_jurisdictions(codes: Iterable[str] | None) -> list[str] | None:
    """Return the codes of packaged jurisdictions in capitals; raise ``input.invalid``."""
    if codes is None:
        return None
    found = [code.upper() for code in codes]
    for code in found:
        if code not in packaged_codes():
            raise invalid(
                "jurisdiction", f"{code!r} is not packaged; there is: {', '.join(packaged_codes())}"
            )
    return found
