"""Commands about holders: registered, updated, linked."""

from __future__ import annotations

from typing import Literal

from permits_engine.commands import fields as f
from permits_engine.commands.base import Command
from permits_engine.commands.fields import Day, Identity, Line, Sex, Text


class _Person(Command):
    family_name: Line
    given_names: Line
    birth_date: Day
    sex: Sex
    nationality: f.Nationality
    language: f.Language
    email: f.Email | None = None
    phone: f.Phone | None = None
    address: f.Address | None = None
    prefers: Literal["email", "phone"] | None = None


class RegisterHolder(_Person):
    """Register a person."""

    holder_id: Identity | None = None


class UpdateHolder(Command):
    """Change the given fields of a person."""

    holder_id: Identity
    family_name: Line | None = None
    given_names: Line | None = None
    birth_date: Day | None = None
    sex: Sex | None = None
    nationality: f.Nationality | None = None
    language: f.Language | None = None
    email: f.Email | None = None
    phone: f.Phone | None = None
    address: f.Address | None = None
    prefers: Literal["email", "phone"] | None = None


class LinkHolders(Command):
    """Record that two holders are one person; each keeps their own files, key and history."""

    holder_id: Identity
    other_id: Identity
    reason: Text


class UnlinkHolders(Command):
    """Record that two linked holders are two persons."""

    holder_id: Identity
    other_id: Identity
    reason: Text
