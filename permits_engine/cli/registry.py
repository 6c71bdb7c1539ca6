"""The commands of ``permits``: their names, the modules that hold them, and their lines in the list.

``permits --help`` reads only this table; the module of a command is loaded when the command is typed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("store", "Create the store."),
    "status": ("store", "Show the head, the last pass and what is parked."),
    "doctor": ("doctor", "Say what is wrong with the set-up."),
    "rebuild": ("store", "Compute the read models again from history."),
    "backup": ("store", "Copy the store while it is in use."),
    "demo": ("demo.run", "Replay the operation of 2014 at scale."),
    "keys list": ("keys", "List the master keys by id, and how much each wraps."),
    "keys new": ("keys", "Make a key file before there is a store."),
    "keys rotate": ("keys", "Wrap every holder's key under a new master key."),
    "keys drop": ("keys", "Remove an old master key from its file, for good."),
    "keys export": ("keys", "Write the master keys in two halves, for escrow."),
    "keys import": ("keys", "Join two halves to a key file again."),
    "execute": ("execute_lines", "Carry out commands from JSON Lines."),
    "show": ("permits", "Show one permit on a date, with its deadlines."),
    "history": ("permits", "Show every event of a permit, in order."),
    "explain": ("permits", "Explain why an event was allowed."),
    "list": ("permits", "List permits, nearest expiry first."),
    "find": ("permits", "Find a person by name, or a file by its number."),
    "caseload": ("permits", "Count requests open, filed and decided, by office."),
    "results": ("permits", "Count the first applications of a campaign."),
    "rights": ("rights", "Show what a permit opens on a day."),
    "attestation": ("rights", "Print an attestation of rights."),
    "departures": ("rights", "List decisions that depart from a rule of law."),
    "receipt": ("receipts", "Print the holder's proof of what was filed, and when."),
    "receipt-status": ("receipts", "Print the signed list of superseded receipts."),
    "verify-receipt": ("verify_receipt", "Check a receipt."),
    "holder link": ("holders", "Record that two holders are one person."),
    "holder unlink": ("holders", "Record that two linked holders are two persons."),
    "holder export": ("holders", "Print all that is held about a person, and who saw it."),
    "holder erase": ("holders", "Destroy a person's key, for good."),
    "holder holds": ("holders", "List what prevents an erasure today, by norm."),
    "holder request": ("holders", "Record that a person asks for a right over their data."),
    "holder answer": ("holders", "Record how a person's request was answered."),
    "holder requests": ("holders", "List what people asked about their data."),
    "holder erased": ("holders", "List who was erased, by ids that identify no person."),
    "holder hold": ("holders", "Keep a person's data: no erasure while the hold lasts."),
    "holder release": ("holders", "End a hold."),
    "retention rules": ("retention", "List how long each class of data is kept, by norm."),
    "retention due": ("retention", "List whose time is over today, and what prevents erasure."),
    "retention apply": ("retention", "Erase what has been kept long enough."),
    "import": ("register", "Import the register that an office has kept so far."),
    "due": ("scheduler", "Show what the scheduler would do on a date."),
    "daemon": ("scheduler", "Run the scheduler until it is stopped."),
    "pause": ("scheduler", "Hold messages back, of all offices or of one."),
    "resume": ("scheduler", "Let messages go out again."),
    "coverage": ("scheduler", "Check that everyone due a message in a period got it."),
    "plan": ("scheduler", "List first reminders by day and prefecture."),
    "digest": ("scheduler", "List what waits for an office this morning, worst first."),
    "notices": ("notices", "List messages to holders and offices, the latest first."),
    "notices show": ("notices", "Show what happened to a message."),
    "notices preview": ("notices", "Print the letter of a message as the file is now."),
    "notices retry": ("notices", "Let the next pass send a parked or failed message."),
    "notices served": ("notices", "Record that a message was handed over in person."),
    "notices bounced": ("notices", "Record a bounced letter from its notification."),
    "token verify": ("scheduler", "Check whether a reminder's code may file its renewal."),
    "policy adopt": ("policy", "Make a policy text part of the history."),
    "policy show": ("policy", "Show the rules in force on a date, with their norms."),
    "policy check": ("policy_check", "Check whether a policy file can be used."),
    "policy diff": ("policy", "List the rules that changed between two dates."),
    "policy diagram": ("policy_check", "Draw the lifecycle as a Mermaid state diagram."),
    "scenario run": ("scenario", "Run scenario files, and every .yaml file below a folder."),
    "verify": ("integrity", "Verify that the history was not changed."),
    "checkpoint": ("integrity", "Seal the history and print its signed size and root."),
    "prove": ("integrity", "Prove that one event is in the signed history."),
    "verify-proof": ("integrity", "Check a proof: needs only the public key."),
    "replay": ("replay", "Decide every decision again."),
    "what-if": ("replay", "Decide the history again under another policy."),
    "reexamine": ("replay", "List refused files that another policy would accept."),
    "diff": ("permits", "Show what differs between two states of knowledge."),
    "audit": ("audit", "Show what was done across permits, and how well."),
    "export": ("exports", "Export the whole history for other tools."),
    "report": ("exports", "Write the annual account as one page."),
    "dossier": ("exports", "Print everything about one permit, for a court."),
}
"""Each command with the module that holds it and its line in the list, which is also the first of its help."""
GROUPS = {
    "keys": "The master keys, which wrap the key of every holder.",
    "holder": "Persons, their data and their rights over them.",
    "retention": "How long personal data are kept.",
    "token": "The codes in reminders that file a renewal.",
    "policy": "The rules: show, check, compare, adopt, draw.",
    "scenario": "The law as examples.",
}
REGISTERED: dict[str, Callable[[], Any]] = {}
"""How to build each command whose module has been loaded."""


class Line:
    """What was typed before or after any command: the store, and whether JSON is wanted."""

    store: str | None = None
    machine: bool = False


line = Line()


class LazyGroup(TyperGroup):
    """A group that lists its commands from the table, and loads one when it is typed."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.prefix = "" if self.name == "permits" else f"{self.name} "
        lines = {**{name: line for name, (_, line) in COMMANDS.items()}, **GROUPS}
        for words in COMMANDS:
            if words.startswith(self.prefix):
                name = words.removeprefix(self.prefix).partition(" ")[0]
                self.add_command(TyperCommand(name, help=lines[f"{self.prefix}{name}"]))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Give the command that was typed, built."""
        name, line, rest = super().resolve_command(ctx, args)
        return name, line and load(f"{self.prefix}{name}"), rest


@cache
def load(words: str) -> Any:
    """Build the command, or the group of commands, of that name, once in a process."""
    if words not in COMMANDS:
        group = typer.Typer(
            name=words, cls=LazyGroup, help=GROUPS[words], no_args_is_help=True, **plain_help()
        )
        group.callback()(lambda: None)
        return typer.main.get_command(group)
    import_module(f"permits_engine.cli.{COMMANDS[words][0]}")
    return REGISTERED[words]()


def every_command() -> dict[str, Any]:
    """Build every command and group, by its words."""
    return {words: load(words) for words in [*GROUPS, *COMMANDS]}


def plain_help() -> dict[str, Any]:
    """Return what every part of the command line passes to typer: no colours, no boxes, own errors."""
    return {"rich_markup_mode": None, "add_completion": False, "pretty_exceptions_enable": False}


def example_lines(*lines: str, last: str | None = None) -> str:
    """Return the end of a help text: command lines that can be copied, and one more paragraph."""
    text = "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
    return f"{text}\n\n{last}" if last else text
