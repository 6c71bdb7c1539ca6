"""The table of handlers: which one carries out each command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from permits_engine.application.context import Context
from permits_engine.application.handlers import applications, data_requests, erasure, holders
from permits_engine.application.handlers.permits import CorrectionHandler, FactHandler, PermitHandler
from permits_engine.application.loaded import Needs
from permits_engine.application.outcome import Outcome
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import (
    COMMANDS,
    AnswerDataRequest,
    Command,
    CorrectRecord,
    EraseHolder,
    LiftHold,
    LinkHolders,
    LodgeApplication,
    PlaceHold,
    RecordDataRequest,
    RecordFact,
    RegisterHolder,
    UnlinkHolders,
    UpdateHolder,
)
from permits_engine.commands.base import PermitCommand
from permits_engine.domain.events import Actor
from permits_engine.domain.permit.state import Permit


class Handler(NamedTuple):
    """How a command is carried out, and what it reads, by its own fields and by the file that they name.

    ``Any`` is the command's own type: the table pairs each with its functions.
    """

    handle: Callable[[Context, UnitOfWork, Any, Actor], Outcome]
    needs: Callable[[Any, Needs], None] | None = None
    needs_of: Callable[[Any, Permit, Needs], None] | None = None


def _of_permit(handler: PermitHandler[Any]) -> Handler:
    return Handler(handler.handle, handler.needs, handler.needs_of)


_ON_PERMIT = _of_permit(PermitHandler())
_LINK = Handler(holders.link_holders, holders.needs_of_link)
_DATA_REQUEST = Handler(data_requests.handle, data_requests.needs)

HANDLERS: dict[type[Command], Handler] = {
    **{command: _ON_PERMIT for command in COMMANDS.values() if issubclass(command, PermitCommand)},
    LodgeApplication: Handler(applications.lodge, applications.needs),
    RecordFact: _of_permit(FactHandler()),
    CorrectRecord: _of_permit(CorrectionHandler()),
    RegisterHolder: Handler(holders.register_holder, holders.needs),
    UpdateHolder: Handler(holders.update_holder, holders.needs),
    LinkHolders: _LINK,
    UnlinkHolders: _LINK,
    RecordDataRequest: _DATA_REQUEST,
    AnswerDataRequest: _DATA_REQUEST,
    PlaceHold: _DATA_REQUEST,
    LiftHold: _DATA_REQUEST,
    EraseHolder: Handler(erasure.erase_holder),
}
"""Every command's handler."""


def expect(uow: UnitOfWork, commands: Sequence[Command]) -> None:
    """Read at once what many commands will ask for one after the other."""
    needs = Needs(commands={each.command_id for each in commands if each.command_id is not None})
    for command in commands:
        handler = HANDLERS[type(command)]
        if handler.needs is not None:
            handler.needs(command, needs)
    uow.expect(needs)
    needs = Needs()
    for command in commands:
        handler = HANDLERS[type(command)]
        permit = uow.loaded_permit(getattr(command, "permit_id", None) or "")
        if handler.needs_of is not None and permit is not None:
            handler.needs_of(command, permit, needs)
    uow.expect(needs)
