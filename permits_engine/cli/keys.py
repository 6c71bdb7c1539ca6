"""The master keys: rotated, dropped, kept in two halves and joined again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from permits_engine.cli import output
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.files import read, write_private
from permits_engine.cli.options import argument, option
from permits_engine.cli.session import Session
from permits_engine.domain.errors import invalid
from permits_engine.engine import Engine
from permits_engine.store.keys import escrow
from permits_engine.store.keys.master_keys import MasterKeys

ROLES = ["administrator"]
NewFile = Annotated[str, option("--out", "FILE", "The new file; a file that is there is not replaced.")]


@command("keys list", "permits keys list", roles=ROLES)
def list_(engine: Engine) -> Sequence[Mapping[str, Any]]:
    """List the master keys by id, and how much each wraps."""
    return engine.keys.use()


@command("keys new", "permits keys new --out /etc/permits.keys", roles=ROLES)
def new(session: Session, out: NewFile) -> Answer:
    """Make a key file before there is a store.

    Its content may also be given as PERMITS_MASTER_KEYS. The service that PERMITS_KEY_SERVICE names wraps it.
    """
    made = MasterKeys.create(out, session.key_service)
    return answer({"file": out, "active": made.active}, f"{out} holds the master key {made.active}.")


@command("keys rotate", "permits keys rotate", roles=ROLES, progress="wrapping")
def rotate(engine: Engine, progress: output.Progress) -> Answer:
    """Wrap every holder's key under a new master key.

    The history is untouched. The old key stays in the file for the backups of its time, until permits keys drop.
    A rotation that was stopped continues when the command is given again.
    """
    done = engine.keys.rotate(progress=progress)
    return answer(
        done,
        f"{done['rewrapped']} keys are wrapped by the new master key {done['active']}.",
        "Export it in two halves now; remove the old one with permits keys drop, once no backup needs it.",
    )


@command("keys drop", "permits keys drop 5f1e6a0b9c3d4e2f", roles=ROLES)
def drop(
    engine: Engine, key: Annotated[str, argument("KEY", "The id of a master key that wraps nothing.")]
) -> Answer:
    """Remove an old master key from its file, for good.

    Backups and logs of the time when it wrapped keys cannot be decrypted any more.
    """
    return answer(engine.keys.drop(key), f"{key} is gone from the key file.")


@command("keys export", "permits keys export half-1.txt half-2.txt", roles=ROLES)
def export(
    session: Session,
    first: Annotated[str, argument("HALF1", "The new file of one half.")],
    second: Annotated[str, argument("HALF2", "The new file of the other.")],
) -> Answer:
    """Write the master keys in two halves, for escrow.

    Either alone says nothing. Give them to two people who keep them apart, and away from the store.
    """
    found = session.master_keys()
    masters = found if isinstance(found, MasterKeys) else MasterKeys.load(found)
    if Path(first).absolute() == Path(second).absolute():
        raise invalid("HALF2", "is the file of HALF1; the halves are kept apart")
    # Not wrapped by a key service: escrow is for the day on which that is gone.
    halves = escrow.halves(masters.text(plain=True), made_on=date.today().isoformat())
    for argument_, file, half in zip(("HALF1", "HALF2"), (first, second), halves, strict=True):
        write_private(file, half.encode(), argument_)
    return answer(
        {"halves": [first, second], "keys": masters.ids},
        f"{first} and {second} together are the master key: keep them apart.",
    )


@command("keys import", "permits keys import half-1.txt half-2.txt --out permits.keys", roles=ROLES)
def import_(
    session: Session,
    first: Annotated[str, argument("HALF1", "One half.")],
    second: Annotated[str, argument("HALF2", "The other half.")],
    out: NewFile,
) -> Answer:
    """Join two halves to a key file again."""
    masters = MasterKeys.parse(escrow.joined(_text(first, "HALF1"), _text(second, "HALF2")))
    masters.service = session.key_service
    masters.write_new(out)
    result = {"file": out, "active": masters.active, "keys": masters.ids}
    return answer(result, f"{out} holds the master key {masters.active} again.")


def _text(name: str, argument: str) -> str:
    try:
        return read(name, argument).decode()
    except UnicodeDecodeError:
        raise invalid(argument, f"{name} cannot be read (it is not text)") from None
