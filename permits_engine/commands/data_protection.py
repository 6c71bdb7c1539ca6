"""Commands about a person's data: erasure, requests and holds."""

from __future__ import annotations

from typing import Literal

from permits_engine.commands import fields as f
from permits_engine.commands.base import Command
from permits_engine.commands.fields import Day, Identity, Line, Text


class EraseHolder(Command):
    """Destroy a person's key, so that their personal data can no longer be read."""

    holder_id: Identity
    reason: Line
    archive_agreement: Line | None = None


class RecordDataRequest(Command):
    """Record a person's request about their data; the law gives the time for the answer."""

    holder_id: Identity
    right: Literal["access", "rectification", "erasure", "opposition"]


class AnswerDataRequest(Command):
    """Record the answer to a person's request about their data."""

    holder_id: Identity
    of_version: f.EventVersion
    outcome: Literal["granted", "refused"]
    reason: Text | None = None


class PlaceHold(Command):
    """Record a duty to keep a person's data, by its norm; they are not erased until it ends."""

    holder_id: Identity
    norm: Line
    until: Day | None = None
    reason: Text | None = None


class LiftHold(Command):
    """Record the end of a duty to keep a person's data."""

    holder_id: Identity
    of_version: f.EventVersion
    reason: Text | None = None
