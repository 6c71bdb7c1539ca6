"""Revocation of a title."""

from permits_engine.domain.decisions.case import Case
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.permit.family import lost_tie


def revocation_ground(case: Case) -> None:
    """Require a ground that the policy lists (law 02-03, article 19)."""
    grounds = case.need("revocation.grounds")
    if case.command.ground not in grounds:
        raise invalid("ground", f"{case.command.ground!r} is not one of {', '.join(grounds)}")


def tie_has_ended(case: Case) -> None:
    """Require, for the ground that the principal's title has ended, that it has and that no other ground remains."""
    ground = case.get("family.revocation")
    if ground is not None and case.command.ground == ground and lost_tie(case.situation) is None:
        why = f"needs a principal's title that has ended by {case.on}, and no other ground of the holder's"
        raise error("criterion.unknown", f"the ground {ground} {why}", criteria=[ground])
