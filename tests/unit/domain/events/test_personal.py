"""What is recorded about a person is in one list."""

import msgspec

from permits_engine.commands import RegisterHolder, UpdateHolder
from permits_engine.domain.events import PERSONAL, HolderRegistered, HolderUpdated
from permits_engine.domain.events.base import Event
from permits_engine.projections.holder import Person


def _own(kind: type[msgspec.Struct], base: type[msgspec.Struct] | None = None) -> set[str]:
    inherited = {field.name for field in msgspec.structs.fields(base)} if base else set()
    return {field.name for field in msgspec.structs.fields(kind)} - inherited


def test_what_is_known_of_a_person_is_the_same_wherever_it_is_asked_told_or_shown() -> None:
    """A field that one of the commands, events or views had beyond the list would not be encrypted, or not be shown."""
    listed = set(PERSONAL)
    assert len(listed) == len(PERSONAL)
    assert _own(HolderRegistered, Event) == listed == HolderRegistered.ENCRYPTED
    assert _own(HolderUpdated, Event) - {"changed"} == listed == HolderUpdated.ENCRYPTED
    assert _own(Person) - {"holder_id", "version", "facts", "names", "linked"} == listed
    for command in (RegisterHolder, UpdateHolder):
        envelope = {"holder_id", "on", "command_id", "expected_version", "correlation_id", "causation_id"}
        assert command.model_fields.keys() - envelope == listed
