"""The engine in Django: a command joins the transaction that Django's ``atomic`` has begun.

Django has a connection of its own for each thread and no SQLAlchemy session. ``joined`` wraps that connection for as
long as a command takes; it is Django that commits or rolls back.

    with transaction.atomic():
        Visit.objects.create(...)
        execute(engine, command, actor)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection as django
from django.db import transaction
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from permits_engine import Actor, Engine
from permits_engine.application.outcome import Outcome
from permits_engine.commands import Command

_ADDRESS = {"postgresql": "postgresql+psycopg://", "sqlite": "sqlite://"}


@contextmanager
def joined() -> Iterator[Connection]:
    """Django's connection of this thread, as SQLAlchemy sees it; raises outside of ``atomic``."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("begin a transaction first: with transaction.atomic()")
    django.ensure_connection()
    more: dict[str, Any] = {"use_native_hstore": False} if django.vendor == "postgresql" else {}
    wrapped = create_engine(
        _ADDRESS[django.vendor],
        creator=lambda: django.connection,
        poolclass=StaticPool,
        pool_reset_on_return=None,
        **more,
    )
    dialect: Any = wrapped.dialect
    dialect.do_commit = dialect.do_rollback = dialect.do_close = lambda driver: (
        None
    )  # that is Django's business
    with wrapped.connect() as connection:
        yield connection


def execute(engine: Engine, command: Command, actor: Actor) -> Outcome:
    """Carry a command out in Django's transaction."""
    with joined() as connection:
        return engine.execute(command, actor=actor, session=connection)
