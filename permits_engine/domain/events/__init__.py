"""Every stored event as a frozen, versioned struct, in one closed registry."""

# ruff: noqa: F403  each event is listed once, in the module of its subject
from permits_engine.domain.events.base import *
from permits_engine.domain.events.family import *
from permits_engine.domain.events.holder import *
from permits_engine.domain.events.notice import *
from permits_engine.domain.events.permit import *
from permits_engine.domain.events.policy import *
from permits_engine.domain.events.registry import *
from permits_engine.domain.events.removal import *
