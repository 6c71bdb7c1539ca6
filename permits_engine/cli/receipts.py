"""Receipts: the holder's proof of filing, and the list of those that a later act has superseded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from permits_engine.cli import output
from permits_engine.cli.command import Answer, command
from permits_engine.cli.files import write_private
from permits_engine.cli.options import LANGUAGES, OutFile, PermitId, one_of
from permits_engine.documents.receipt import Paper
from permits_engine.domain.errors import invalid
from permits_engine.engine import Engine
from permits_engine.reader import Reader


@command(
    "receipt",
    "permits receipt 0190…",
    "permits receipt 0190… --language ar --format html --out r.html",
    purpose=True,
)
def receipt(
    reader: Reader,
    permit_id: PermitId,
    language: Annotated[
        str | None, one_of("--language", "L", "fr, ar or en [the holder's].", *LANGUAGES)
    ] = None,
    form: Annotated[
        str,
        one_of(
            "--format", "F", "text, html (prints), svg or png (the QR code).", "text", "html", "svg", "png"
        ),
    ] = "text",
    out: OutFile = None,
) -> Answer:
    """Print the holder's proof of what was filed, and when.

    With what is missing and the day until which it replaces the title. Its signed proof needs neither store nor
    network: permits verify-receipt.
    """
    made = reader.documents.receipt(permit_id)
    return Answer(made.to_dict(), lambda: _print(made, language, form, out))


def _print(made: Paper, language: str | None, form: str, out: Path | None) -> None:
    texts = {"text": made.text, "html": made.html}
    content = texts[form](language).encode() if form in texts else getattr(made, form)()
    if out is not None:
        write_private(out, content)
    elif form == "png":
        raise invalid("--out", "is missing: a picture is written to a file")
    else:
        output.exact(content.decode())


@command("receipt-status", "permits receipt-status --out superseded.txt")
def receipt_status(engine: Engine, out: OutFile = None) -> Answer:
    """Print the signed list of superseded receipts.

    The list is small and identifies no person: give it once a day to those who check receipts.
    """
    note = engine.documents.receipt_status()
    if out is not None:
        write_private(out, note.encode(), replace=True)
    head, made_on, count, *_ = note.splitlines()
    result = {"origin": head.split()[0], "made_on": made_on, "superseded": int(count), "note": note}
    return Answer(result, lambda: output.exact(note if out is None else ""))
