"""The commands about a person's data, each to its own act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from permits_engine import commands as c
from permits_engine.domain import events as e
from permits_engine.outcomes import Outcome
from permits_engine.privacy import asked, erasing
from permits_engine.registration import competence
from permits_engine.work import Work

if TYPE_CHECKING:
    from permits_engine.application.context import Context

_APPENDED: dict[type[c.Command], Any] = {
    c.RecordDataRequest: asked.record,
    c.AnswerDataRequest: asked.answer,
    c.PlaceHold: asked.hold,
    c.LiftHold: asked.lift,
}


def change(context: Context, work: Work, command: Any, actor: e.Actor) -> Outcome:
    """Carry out a command about a person's data; raises ``actor.not_competent`` first of all."""
    today = competence(context, work, command, actor)
    if isinstance(command, c.EraseHolder):
        return erasing.erase(context, work, command, actor, today)
    return asked.carry_out(context, work, command, actor, today, _APPENDED[type(command)])
