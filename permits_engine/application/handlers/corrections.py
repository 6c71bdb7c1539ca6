"""Corrections of an earlier event: the file is folded anew, and a corrected fact is corrected for the person too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from permits_engine.application.context import Context
from permits_engine.application.handlers.permits import Inputs, PermitHandler, Stamp
from permits_engine.application.loaded import Needs
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import CorrectRecord
from permits_engine.domain.events import Event, FactNoted, FactRecorded
from permits_engine.domain.permit.fold import corrected, fold, with_fields
from permits_engine.domain.permit.state import Permit


class CorrectionHandler(PermitHandler[CorrectRecord]):
    """``correct_record``."""

    def needs_of(self, command: CorrectRecord, permit: Permit, needs: Needs) -> None:
        """Name what the command reads besides its file."""
        super().needs_of(command, permit, needs)
        needs.holders.add(permit.holder_id)

    def load(self, context: Context, uow: UnitOfWork, command: CorrectRecord) -> Inputs:
        """Load the inputs, with the file's events and the one that is corrected."""
        inputs = super().load(context, uow, command)
        inputs.past = uow.past(command.permit_id)
        inputs.target = dict(corrected(inputs.past)).get(command.of_version)
        if isinstance(inputs.target, FactNoted):
            uow.holder(inputs.permit.holder_id)
        return inputs

    def events_of_person(self, command: CorrectRecord, inputs: Inputs, stamp: Stamp) -> list[Event]:
        """Return the corrected fact: a later record of a kind and first day replaces the earlier one.

        A fact that begins on another day never held from the first one.
        """
        before = inputs.target
        if not isinstance(before, FactNoted):
            return []
        after = with_fields(before, {command.field: command.value})
        assert isinstance(after, FactNoted)
        right = stamp(FactRecorded, kind=after.kind, since=after.since, until=after.until, of=after.of)
        if after.since == before.since:
            return [right]
        never = before.since - timedelta(days=1)
        return [stamp(FactRecorded, kind=before.kind, since=before.since, until=never, of=before.of), right]

    def applied(self, inputs: Inputs, new: Sequence[Event]) -> Permit:
        """Return the permit as its corrected history tells it."""
        numbered = [*inputs.past, *enumerate(new, inputs.permit.version + 1)]
        return fold(inputs.permit.permit_id, numbered) or inputs.permit
