"""What a family tie asks of a renewal and of a withdrawal."""

from __future__ import annotations

from permits_engine.domain.decisions.case import Case
from permits_engine.domain.errors import error
from permits_engine.domain.permit.family import lost_tie


def own_ground_after_tie(case: Case) -> None:
    """A title whose family ground has ended is renewed on a ground of the holder's own."""
    tie = lost_tie(case.situation)
    if tie is None:
        return
    kinds = case.rules.get("family.grounds", case.on, case.scope()) or ()
    case.rules.find("family.ends", case.on, case.scope())
    raise error(
        "criterion.unknown",
        f"the title hung on that of {tie.principal} ({tie.kind}), which ended on {tie.ended_on} ({tie.how}); a "
        f"renewal needs a ground of the holder's own: record one with its evidence (record_fact): {', '.join(kinds)}",
        criteria=list(kinds),
    )


def tie_has_ended(case: Case) -> None:
    """A title is withdrawn for the end of another's only where that has ended and nothing else carries it."""
    ground = case.rules.get("family.revocation", case.on, case.scope())
    if ground is None or case.command.ground != ground or lost_tie(case.situation) is not None:
        return
    raise error(
        "criterion.unknown",
        f"the ground {ground} needs a title above that has ended on {case.on}, with no other ground of the holder's",
        criteria=[ground],
    )
