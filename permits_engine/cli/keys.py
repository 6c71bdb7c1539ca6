"""The master keys: rotated, dropped, kept in two halves and joined again."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from permits_engine.cli import output
from permits_engine.cli.help import examples
from permits_engine.cli.operator import Operator
from permits_engine.cli.options import Json, masters_of, open_engine, service_of, settings_now
from permits_engine.cli.output import write_private
from permits_engine.domain.errors import invalid

keys_app = typer.Typer(no_args_is_help=True, help="The master keys that everything personal hangs on.")

Out = Annotated[str, typer.Option("--out", metavar="FILE", help="The new file; one that is there is kept.")]


def listed(json: Json = False) -> None:
    """The master keys by id, and how much each wraps."""
    with open_engine("administrator") as engine:
        rows = engine.keys.use()
    if not output.result(rows, machine=json):
        output.table(rows)


def new(out: Out, json: Json = False) -> None:
    """Make a key file before there is a store.

    Its content may also be given as PERMITS_MASTER_KEYS. A service named by PERMITS_KEY_SERVICE wraps it.
    """
    from permits_engine.store.keys.master_keys import MasterKeys

    settings = settings_now()
    Operator.of(settings).require("administrator")
    made = MasterKeys.create(out, service_of(settings))
    if not output.result({"file": out, "active": made.active}, machine=json):
        output.out(f"{out} holds the master key {made.active}.")


def rotate(json: Json = False) -> None:
    """Wrap every holder's key under a new master key.

    The history is untouched. The old key stays in the file for the backups of its time, until permits keys drop.
    Stopped and typed again, it goes on.
    """
    from permits_engine.cli.output import bar

    with open_engine("administrator") as engine, bar("wrapping") as progress:
        done = engine.keys.rotate(progress=progress)
    if not output.result(done, machine=json):
        output.out(f"{done['rewrapped']} keys are wrapped by the new master key {done['active']}.")
        output.out(
            "Export it in two halves now; the old one goes with permits keys drop, once no backup needs it."
        )


def drop(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The id of a master key that wraps nothing.")],
    json: Json = False,
) -> None:
    """Take an old master key out of its file, for good.

    What was wrapped by it in backups and logs of before then opens no more.
    """
    with open_engine("administrator") as engine:
        done = engine.keys.drop(key)
    if not output.result(done, machine=json):
        output.out(f"{key} is gone from the key file.")


def export(
    first: Annotated[str, typer.Argument(metavar="HALF1", help="The new file of one half.")],
    second: Annotated[str, typer.Argument(metavar="HALF2", help="The new file of the other.")],
    json: Json = False,
) -> None:
    """Write the master keys in two halves, for escrow.

    Either alone says nothing. Give them to two people who keep them apart, and away from the store.
    """
    from permits_engine.store.keys import escrow
    from permits_engine.store.keys.master_keys import MasterKeys

    settings = settings_now()
    Operator.of(settings).require("administrator")
    found: Any = masters_of(settings)
    masters = found if isinstance(found, MasterKeys) else MasterKeys.load(found)
    if Path(first).absolute() == Path(second).absolute():
        raise invalid("HALF2", "is the file of HALF1; the halves are kept apart")
    # Not as a key service has wrapped them: escrow is for the day on which that is gone.
    for name, half in zip(
        (first, second),
        escrow.halves(masters.text(plain=True), made_on=date.today().isoformat()),
        strict=True,
    ):
        write_private(name, half.encode(), "HALF1" if name == first else "HALF2")
    if not output.result({"halves": [first, second], "keys": masters.ids}, machine=json):
        output.out(f"{first} and {second} together are the master key: keep them apart.")


def joined(
    first: Annotated[str, typer.Argument(metavar="HALF1", help="One half.")],
    second: Annotated[str, typer.Argument(metavar="HALF2", help="The other half.")],
    out: Out,
    json: Json = False,
) -> None:
    """Join two halves to a key file again."""
    from permits_engine.store.keys import escrow
    from permits_engine.store.keys.master_keys import MasterKeys

    settings = settings_now()
    Operator.of(settings).require("administrator")
    content = escrow.joined(_text(first, "HALF1"), _text(second, "HALF2"))
    masters = MasterKeys.parse(content)
    masters.service = service_of(settings)
    masters.write_new(out)
    if not output.result({"file": out, "active": masters.active, "keys": masters.ids}, machine=json):
        output.out(f"{out} holds the master key {masters.active} again.")


def _text(name: str, argument: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not text"
        raise invalid(argument, f"{name} cannot be read ({reason})") from None


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    keys_app.command("list", epilog=examples("permits keys list"))(listed)
    keys_app.command("new", epilog=examples("permits keys new --out /etc/permits.keys"))(new)
    keys_app.command("rotate", epilog=examples("permits keys rotate"))(rotate)
    keys_app.command("drop", epilog=examples("permits keys drop 5f1e6a0b9c3d4e2f"))(drop)
    keys_app.command("export", epilog=examples("permits keys export half-1.txt half-2.txt"))(export)
    keys_app.command(
        "import", epilog=examples("permits keys import half-1.txt half-2.txt --out permits.keys")
    )(joined)
    app.add_typer(keys_app, name="keys")
