"""The base of all commands."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from permits_engine.commands import fields as f
from permits_engine.commands.fields import Day, Identity, Version
from permits_engine.commands.validation import refused


class Command(BaseModel):
    """The fields of every command."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, hide_input_in_errors=True)
    name: ClassVar[str] = ""

    on: Day | None = None
    command_id: f.Label | None = None
    expected_version: Version | None = None
    correlation_id: f.Label | None = None
    causation_id: f.Label | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__name__ != "PermitCommand":
            cls.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as problem:
            faults = problem.errors(include_url=False, include_input=False)
            raise refused(faults, self.name, type(self).model_fields) from None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"  # personal data stay out of logs

    __str__ = __repr__


class PermitCommand(Command):
    """A command about one permit file."""

    permit_id: Identity
