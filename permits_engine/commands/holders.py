"""Commands about holders: registered, updated, linked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_serializer, model_validator

from permits_engine.commands import fields as f
from permits_engine.commands.base import Command
from permits_engine.commands.fields import Identity, Sex, Text
from permits_engine.commands.nationality import read

MOST_OTHER_NAMES = 20


class OtherName(BaseModel):
    """Another name of a person: in another script, a former one, an alias."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    family_name: f.Name
    given_names: f.Name | None = None

    def __repr__(self) -> str:
        return "<OtherName>"  # personal data stay out of logs

    @model_serializer
    def _known(self) -> dict[str, str]:
        return {name: value for name, value in self if value is not None}


OtherNames = Annotated[
    tuple[OtherName, ...] | None,
    Field(max_length=MOST_OTHER_NAMES),
    AfterValidator(lambda names: names or None),
]


class _Nationality(Command):
    """The nationality, and the code that was read where another is stored for it."""

    @model_validator(mode="before")
    @classmethod
    def _keep_read(cls, given: dict[str, Any]) -> dict[str, Any]:
        was = read(given.get("nationality"))
        return given if was is None else {"nationality_read": was, **given}


class _Person(_Nationality):
    family_name: f.Name
    given_names: f.Name | None = None
    also_known_as: OtherNames = None
    birth_date: f.BirthDate
    sex: Sex
    nationality: f.Nationality
    nationality_read: f.NationalityRead | None = None
    language: f.Language
    email: f.Email | None = None
    phone: f.Phone | None = None
    address: f.Address | None = None
    prefers: Literal["email", "phone"] | None = None


class RegisterHolder(_Person):
    """Register a person."""

    holder_id: Identity | None = None


class UpdateHolder(_Nationality):
    """Change the given fields of a person."""

    holder_id: Identity
    family_name: f.Name | None = None
    given_names: f.Name | None = None
    also_known_as: OtherNames = None
    birth_date: f.BirthDate | None = None
    sex: Sex | None = None
    nationality: f.Nationality | None = None
    nationality_read: f.NationalityRead | None = None
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
