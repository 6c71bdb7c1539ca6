"""What every command of ``permits`` shares: options, the store that they name, dates and ids as typed."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any

import typer

from permits_engine.domain.errors import invalid

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
PermitId = Annotated[str, typer.Argument(metavar="ID", help="The permit's id.")]


class Given:
    """The options that stand before the command."""

    store: str | None = None
    machine: bool = False


given = Given()


def settings_now() -> Any:
    """The settings: options over environment over file."""
    from permits_engine import settings

    return settings.load(store=given.store)


def operator_of(settings: Any) -> str:
    """Who runs the process: as configured, else the account."""
    import getpass

    if settings.operator:
        return str(settings.operator)
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def open_engine() -> Any:
    """The store that the options name, open."""
    from permits_engine.engine import Engine

    settings = settings_now()
    return Engine.open(settings.store, keys=settings.keys, operator=operator_of(settings))


def day_of(text: str | None, name: str) -> date | None:
    """A date as typed; raises ``input.invalid``."""
    if text is None:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise invalid(name, f"{text!r} is not a date such as 2017-01-31") from None


def instant_of(text: str | None, name: str) -> datetime | None:
    """An instant as typed; raises ``input.invalid``."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise invalid(name, f"{text!r} is not an instant such as 2017-01-31T09:00:00Z") from None


def id_of(text: str) -> str:
    """A permit's or notice's id as typed; raises ``input.invalid``."""
    import uuid

    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise invalid("ID", f"{text!r} is not a UUID; permits list shows the ids") from None
