"""What every command of ``permits`` shares: options, the store that they name, dates and ids as typed."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from permits_engine.cli.operator import Operator, name_of
from permits_engine.domain.errors import invalid

After = Annotated[
    str | None, typer.Option("--after", metavar="CURSOR", help="Go on where the page before ended.")
]
Purpose = Annotated[
    str | None,
    typer.Option("--purpose", metavar="TEXT", help="What an auditor looks at personal data for."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
PermitId = Annotated[str, typer.Argument(metavar="ID", help="The permit's id (permits list shows them).")]
Limit = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help="Show so many rows at most.")
]

_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


class Given:
    """The options that stand before the command."""

    store: str | None = None
    machine: bool = False


given = Given()


def hoisted(arguments: list[str]) -> list[str]:
    """The line with ``--store`` before the command and ``--json`` behind it, wherever they were typed."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    front: list[str] = []
    back: list[str] = []
    rest: list[str] = []
    typed = iter(arguments[:end])
    for each in typed:
        if each.startswith("--store="):
            front.append(each)
        elif each == "--store":
            value = next(typed, None)
            if value is None:
                return [each]  # nothing but that it needs a value is worth saying
            front += [each, value]
        elif each == "--json" and not rest:
            back.append(each)
        else:
            rest.append(each)
    return [*front, *rest, *back, *arguments[end:]]


def settings_now() -> Any:
    """The settings: options over environment over file."""
    from permits_engine.cli import settings

    return settings.load(store=given.store)


def operator_now() -> Operator:
    """Who runs the command line, with what they are granted."""
    return Operator.of(settings_now())


def operator_of(settings: Any) -> str:
    """Who runs the process."""
    return name_of(settings)


def open_engine(*roles: str) -> Any:
    """The store that the options name, open; ``roles``: one of them has to be granted to the operator."""
    from permits_engine.engine import Engine

    settings = settings_now()
    Operator.of(settings).require(*roles)
    return Engine.open(
        settings.store,
        keys=masters_of(settings),
        signing_key=signing_of(settings),
        operator=operator_of(settings),
    )


def masters_of(settings: Any) -> Any:
    """The master keys: of the environment, of a file that a key service opens, or (their place) of a file."""
    from permits_engine.store.keys.master_keys import MasterKeys

    if settings.master_keys is not None:
        try:
            return MasterKeys.parse(settings.master_keys, service_of(settings))
        except ValueError:
            raise invalid(
                "PERMITS_MASTER_KEYS", "is not the content of a key file (permits keys new)"
            ) from None
    place = keys_of(settings)
    service = service_of(settings)
    return place if service is None or not place.exists() else MasterKeys.load(place, service)


def service_of(settings: Any) -> Any:
    """The key service that is named, if there is one."""
    if settings.key_service is None:
        return None
    from permits_engine.store.keys.http_key_service import HttpKeyService

    return HttpKeyService(settings.key_service, settings.key_service_token)


def signing_of(settings: Any) -> Path | None:
    """The file of the signing key: as set, or beside that of the master key; none where neither has a place."""
    if settings.signing_key is not None:
        return Path(settings.signing_key)
    if settings.keys is None and not settings.store.startswith("sqlite"):
        return None
    return keys_of(settings).with_suffix(".signing")


def keys_of(settings: Any) -> Path:
    """The file of the master key: as set, or beside a SQLite store; raises ``input.invalid``."""
    from permits_engine.engine import default_key_file

    if settings.keys is not None:
        return Path(settings.keys)
    if not settings.store.startswith("sqlite"):
        raise invalid("PERMITS_KEYS", "is missing: name the file of the master key, which init makes")
    return default_key_file(settings.store)


def office_of(text: str | None, name: str = "--prefecture") -> str | None:
    """An office's code as typed; raises ``input.invalid``."""
    from permits_engine.commands.fields import office

    try:
        return None if text is None else office(text)
    except ValueError as problem:
        raise invalid(name, f"{text!r} {problem}") from None


def day_of(text: str | None, name: str) -> date | None:
    """A date as typed; raises ``input.invalid``."""
    return None if text is None else required_day(text, name)


def required_day(text: str, name: str) -> date:
    """A date that has to be given; raises ``input.invalid``."""
    from permits_engine.commands.fields import day_of as parsed

    try:
        return parsed(text)
    except ValueError as problem:
        raise invalid(name, f"{text!r} {problem}") from None


def instant_of(text: str | None, name: str) -> datetime | None:
    """An instant as typed; raises ``input.invalid``."""
    if text is None:
        return None
    wanted = "is not an instant with its offset such as 2017-01-31T09:00:00Z"
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(name, f"{text!r} {wanted}") from None


def id_of(text: str, listed: str = "permits list") -> str:
    """A permit's or notice's id as typed; raises ``input.invalid``."""
    import uuid

    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise invalid("ID", f"{text!r} is not a UUID; {listed} shows the ids") from None
