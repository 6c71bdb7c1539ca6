"""The operator: who runs the command line, and the roles that the settings grant them.

Where ``operator_roles`` is not set the operator may act in every role: one person on their own machine. Where it is
set, nothing is done or read in any other role, whatever a line of commands claims.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from permits_engine.cli.settings import Settings
from permits_engine.domain.errors import NotCompetentError, PermitsError, error, invalid
from permits_engine.domain.events import Actor
from permits_engine.engine import Engine
from permits_engine.reader import Reader

SETTING = "PERMITS_OPERATOR_ROLES"
READERS = ("counter", "decider", "local_commission", "national_commission", "court", "hierarchy", "auditor")
"""The roles in which an operator without granted roles reads: the first that the policy allows."""

Answer = TypeVar("Answer")


class Grant(NamedTuple):
    """A role, for one office or (``None``) for all."""

    role: str
    office: str | None = None

    @classmethod
    def parse(cls, text: str) -> Grant:
        """Read a grant as written: ``auditor``, or ``counter@MA-RAB``."""
        role, _, office = text.partition("@")
        return cls(role, office or None)

    def __str__(self) -> str:
        return f"{self.role}@{self.office}" if self.office else self.role


class Operator:
    """A named operator with their grants; with ``None`` they may act in every role."""

    def __init__(self, name: str, grants: Sequence[Grant] | None = None) -> None:
        self.name = name
        self.grants = None if grants is None else tuple(grants)

    @classmethod
    def of(cls, settings: Settings) -> Operator:
        """Return the operator that the settings name, else the account; raises ``input.invalid``."""
        roles = settings.operator_roles
        return cls(_name(settings), [Grant.parse(each) for each in roles] if roles else None)

    def check(self, actor: Actor) -> None:
        """Raise ``actor.not_competent`` where a line claims a role or an office that is not granted."""
        if self.grants is None:
            return
        for grant in self.grants:
            if grant.role == actor.role and grant.office in {None, actor.prefecture}:
                return
        claimed = str(Grant(actor.role, actor.prefecture))
        raise self._refused(f"not {claimed}", role=actor.role, prefecture=actor.prefecture)

    def require(self, *roles: str) -> None:
        """Raise ``actor.not_competent`` unless one of the roles is granted."""
        if not roles or self.grants is None or any(grant.role in roles for grant in self.grants):
            return
        raise self._refused(f"this is for: {' or '.join(roles)}", roles=list(roles))

    def acting(self, *roles: str) -> Actor:
        """Return the operator in the first of the roles that is granted; raises ``actor.not_competent``."""
        self.require(*roles)
        if self.grants is None:
            return Actor(self.name, roles[0])
        return next(
            Actor(self.name, g.role, g.office) for role in roles for g in self.grants if g.role == role
        )

    def ask(self, engine: Engine, question: Callable[[Reader], Answer], purpose: str | None = None) -> Answer:
        """Ask as the first of the granted roles that may read the answer; else raise the first refusal."""
        first: PermitsError | None = None
        for grant in self.grants if self.grants is not None else map(Grant, READERS):
            actor = Actor(self.name, grant.role, grant.office)
            try:
                return question(engine.as_(actor, purpose, all_offices=grant.office is None))
            except NotCompetentError as problem:
                first = first or problem
        raise first or self._refused("none that reads", roles=list(READERS))

    def _refused(self, what: str, **details: Any) -> PermitsError:
        granted = ", ".join(map(str, self.grants or ()))
        return error(
            "actor.not_competent",
            f"the operator {self.name} is granted {granted}, {what}; "
            f"ask a person who is granted it, or grant it ({SETTING})",
            operator=self.name,
            granted=[str(each) for each in self.grants or ()],
            rule=SETTING,
            **details,
        )


def _name(settings: Settings) -> str:
    if settings.operator:
        return settings.operator
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise invalid(
            "PERMITS_OPERATOR", "is missing and the account has no name: say who runs this"
        ) from None
