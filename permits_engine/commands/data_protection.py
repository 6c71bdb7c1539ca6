"""Commands about a person's data: erasure, requests and holds."""

from __future__ import annotations

from typing import Literal

from permits_engine.commands import fields as f
from permits_engine.commands.base import Command
from permits_engine.commands.fields import Day, Identity, Line, Text


class EraseHolder(Command):
    """Destroy a person's key, so that nothing personal about them can be read any more."""

    holder_id: Identity
    reason: Line
    archive_agreement: Line | None = None


class RecordDataRequest(Command):
    """A person asks for a right over their data; its answer is due in the time that the law gives."""

    holder_id: Identity
    right: Literal["access", "rectification", "erasure", "opposition"]


class AnswerDataRequest(Command):
    """A person's request about their data was answered."""

    holder_id: Identity
    of_version: f.EventVersion
    outcome: Literal["granted", "refused"]
    reason: Text | None = None


class PlaceHold(Command):
    """A duty to keep a person's data, by its norm; while it lasts they are not erased."""

    holder_id: Identity
    norm: Line
    until: Day | None = None
    reason: Text | None = None


class LiftHold(Command):
    """A duty to keep a person's data ended."""

    holder_id: Identity
    of_version: f.EventVersion
    reason: Text | None = None
