"""The closed registry of events: every stored name and its struct."""

from permits_engine.domain.events import family, holder, notice, permit, policy, removal
from permits_engine.domain.events.base import Event, stored_name

EVENTS: dict[str, type[Event]] = {
    stored_name(kind): kind
    for module in (family, holder, notice, permit, policy, removal)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Event) and kind.NAME
}
"""Stored name to struct; an event that is not listed cannot be read."""
