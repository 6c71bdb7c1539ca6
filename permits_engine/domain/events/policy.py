"""Events of policies."""

from permits_engine.domain.events.base import Event


class PolicyAdopted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A policy text became part of the history; later decisions are taken under it."""

    NAME = "policy.adopted"
    jurisdiction: str
    digest: str
    text: str
