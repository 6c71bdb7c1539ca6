"""The commands about a person's data, each to its own act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from permits_engine.commands import (
    AnswerDataRequest,
    Command,
    EraseHolder,
    LiftHold,
    PlaceHold,
    RecordDataRequest,
)
from permits_engine.domain.events import Actor
from permits_engine.outcomes import Outcome
from permits_engine.privacy import asked, erasing
from permits_engine.registration import competence
from permits_engine.work import Work

if TYPE_CHECKING:
    from permits_engine.application.context import Context

_APPENDED: dict[type[Command], Any] = {
    RecordDataRequest: asked.record,
    AnswerDataRequest: asked.answer,
    PlaceHold: asked.hold,
    LiftHold: asked.lift,
}


def change(context: Context, work: Work, command: Any, actor: Actor) -> Outcome:
    """Carry out a command about a person's data; raises ``actor.not_competent`` first of all."""
    today = competence(context, work, command, actor)
    if isinstance(command, EraseHolder):
        return erasing.erase(context, work, command, actor, today)
    return asked.carry_out(context, work, command, actor, today, _APPENDED[type(command)])
