"""Facts about the person behind a file: recorded through the file, and in the holder's own stream."""

from __future__ import annotations

from permits_engine.application.context import Context
from permits_engine.application.handlers import families
from permits_engine.application.handlers.permits import Inputs, PermitHandler, Stamp
from permits_engine.application.loaded import Needs
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import RecordFact
from permits_engine.domain.events import Event, FactRecorded
from permits_engine.domain.permit.state import Permit


class FactHandler(PermitHandler[RecordFact]):
    """``record_fact``, family ties included."""

    def needs_of(self, command: RecordFact, permit: Permit, needs: Needs) -> None:
        """Name what the command reads besides its file."""
        super().needs_of(command, permit, needs)
        needs.holders.add(permit.holder_id)
        if command.of is not None:
            needs.permits.add(command.of)

    def load(self, context: Context, uow: UnitOfWork, command: RecordFact) -> Inputs:
        """Load the inputs, the holder's version and the principal's file with its dependents."""
        inputs = super().load(context, uow, command)
        uow.holder(inputs.permit.holder_id)
        inputs.principal = families.principal(uow, command, inputs.permit)
        return inputs

    def events_of_person(self, command: RecordFact, inputs: Inputs, stamp: Stamp) -> list[Event]:
        """Return the fact with its evidence."""
        fields = ("kind", "since", "until", "of", "evidence")
        return [stamp(FactRecorded, **{name: getattr(command, name) for name in fields})]

    def propagate(
        self, uow: UnitOfWork, command: RecordFact, inputs: Inputs, permit: Permit, stamp: Stamp
    ) -> None:
        """Note a tie on the principal's file."""
        if inputs.principal is not None:
            families.link(uow, command, inputs.principal, inputs.policy, inputs.today, stamp)
        else:
            super().propagate(uow, command, inputs, permit, stamp)
