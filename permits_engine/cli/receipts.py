"""Receipts: the holder's proof of filing, checked by anybody with the public key."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from permits_engine.cli import output
from permits_engine.cli.help import examples
from permits_engine.cli.integrity import Keys, keys_given, own_keys
from permits_engine.cli.options import Json, PermitId, Purpose, day_of, id_of, open_engine, operator_now
from permits_engine.cli.output import write_private
from permits_engine.domain.errors import invalid

FORMATS = ("text", "html", "svg", "png")
Out = Annotated[str | None, typer.Option("--out", metavar="FILE", help="Write it there.")]


def receipt(
    permit_id: PermitId,
    language: Annotated[
        str | None, typer.Option("--language", metavar="L", help="fr, ar or en [the holder's].")
    ] = None,
    kind: Annotated[
        str, typer.Option("--format", metavar="F", help="text, html (prints), svg or png (the QR code).")
    ] = "text",
    out: Out = None,
    purpose: Purpose = None,
    json: Json = False,
) -> None:
    """The holder's proof of what was filed, and when.

    With what is missing and until when it stands for the title; its signed proof needs neither store nor network:
    permits verify-receipt.
    """
    from permits_engine.documents import receipt as paper

    if kind not in FORMATS:
        raise invalid("--format", f"{kind!r} is none of {', '.join(FORMATS)}")
    if language is not None and language not in paper.languages():
        raise invalid("--language", f"{language!r} is none of {', '.join(paper.languages())}")
    wanted = id_of(permit_id)
    with open_engine() as engine:
        made = operator_now().ask(engine, lambda reader: reader.documents.receipt(wanted), purpose)
    if json:
        output.out(output.as_json(made.to_dict()))
        return
    texts: dict[str, Any] = {"text": made.text, "html": made.html}
    content = texts[kind](language).encode() if kind in texts else getattr(made, kind)()
    if out is not None:
        write_private(out, content)
    elif kind == "png":
        raise invalid("--out", "is missing: a picture is written to a file")
    else:
        output.exact(content.decode())


def receipt_status(out: Out = None, json: Json = False) -> None:
    """The signed list of superseded receipts.

    Small, and it names nobody: give it to whoever checks receipts, once a day.
    """
    with open_engine() as engine:
        note = engine.documents.receipt_status()
    if out is not None:
        write_private(out, note.encode(), replace=True)
    head, made_on, count, *_ = note.splitlines()
    told = {"origin": head.split()[0], "made_on": made_on, "superseded": int(count), "note": note}
    if not output.result(told, machine=json) and out is None:
        output.exact(note)


def verify_receipt(
    text: Annotated[
        str, typer.Argument(metavar="PROOF|FILE", help="The text of the QR code, or a receipt; - reads it.")
    ],
    key: Keys = None,
    status: Annotated[
        str | None, typer.Option("--status", metavar="FILE", help="The list of superseded receipts.")
    ] = None,
    on: Annotated[str | None, typer.Option("--on", metavar="D", help="The day asked about [today].")] = None,
    json: Json = False,
) -> int:
    """Is a receipt good?

    Asks neither store nor network. Good is exit 0; expired, superseded and unknown_key are exit 1, forged is exit 3.
    """
    from permits_engine.documents import receipt_proof
    from permits_engine.documents import receipt_status_list as lists

    keys = keys_given(key) or own_keys()
    day = day_of(on, "--on") or date.today()
    listed = None if status is None else lists.read(_bytes(status, "--status"), keys)
    found = receipt_proof.check(
        _proof(text), keys, on=day, superseded=None if listed is None else listed.superseded
    )
    told: dict[str, Any] = {
        "status": found.status,
        "because": found.because,
        "on": day.isoformat(),
        "status_list_of": listed.made_on.isoformat() if listed is not None else None,
        "signed_by": found.origin,
        "receipt": found.filing.to_dict() if found.filing is not None else None,
    }
    if not output.result(told, machine=json):
        output.out(f"{found.status}: {found.because}")
        if listed is None and found.status == "good":
            output.out("not asked: whether a later act has superseded it (--status FILE)")
        if found.filing is not None:
            output.pairs(found.filing.to_dict())
    return {"good": 0, "forged": 3}.get(found.status, 1)


def _proof(text: str) -> str:
    """The proof as typed, or in the paper that is named; what holds none is left to be called forged."""
    from permits_engine.documents.receipt_proof import PREFIX, found_in

    if text.startswith(PREFIX):
        return text.strip()
    given = sys.stdin.buffer.read() if text == "-" else _bytes(text, "PROOF|FILE")
    whole = given.decode("utf-8", errors="replace")
    return found_in(whole) or whole.strip()[:100]


def _bytes(name: str, option: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise invalid(option, f"{name[:100]} cannot be read ({reason})") from None


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command(
        "receipt",
        epilog=examples(
            "permits receipt 0190…", "permits receipt 0190… --language ar --format html --out r.html"
        ),
    )(receipt)
    app.command("receipt-status", epilog=examples("permits receipt-status --out superseded.txt"))(
        receipt_status
    )
    app.command(
        "verify-receipt",
        epilog=examples(
            "permits verify-receipt receipt.txt --key public-key.txt --status superseded.txt",
            "permits verify-receipt permits-receipt:1:3AAQ… --key permits-engine/0190…+b3f1617b+AU/a…",
        ),
    )(verify_receipt)
