"""Revocation of a title: guards and effects."""

from __future__ import annotations

from permits_engine.domain.decisions.case import Case, Draft
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import Revoked


def revoke_permit(case: Case) -> list[Draft]:
    """A withdrawal of the title (law 02-03, article 19)."""
    c = case.command
    return [
        case.draft(
            Revoked, ground=c.ground, reasons_in_fact=c.reasons_in_fact, reasons_in_law=c.reasons_in_law
        )
    ]


def revocation_ground(case: Case) -> None:
    """A title is withdrawn on a ground that the policy lists."""
    grounds = case.rules.need("revocation.grounds", case.on, case.scope())
    if case.command.ground not in grounds:
        raise invalid("ground", f"{case.command.ground!r} is not one of {', '.join(grounds)}")
