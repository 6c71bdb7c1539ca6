"""A receipt checked with the public key alone."""

from __future__ import annotations

import sys
from datetime import date
from typing import Annotated, Any

from permits_engine.cli import output
from permits_engine.cli.command import Answer, command
from permits_engine.cli.files import read
from permits_engine.cli.options import argument, day, option
from permits_engine.cli.public_keys import Keys, public_keys
from permits_engine.documents import receipt_proof
from permits_engine.documents import receipt_status_list as lists


@command(
    "verify-receipt",
    "permits verify-receipt receipt.txt --key public-key.txt --status superseded.txt",
    "permits verify-receipt permits-receipt:1:3AAQ… --key permits-engine/0190…+b3f1617b+AU/a…",
)
def verify_receipt(
    text: Annotated[
        str, argument("PROOF|FILE", "The text of the QR code, or a receipt; - reads standard input.")
    ],
    key: Keys = None,
    status: Annotated[str | None, option("--status", "FILE", "The list of superseded receipts.")] = None,
    on: Annotated[date | None, day("--on", "The day asked about [today].")] = None,
) -> Answer:
    """Check a receipt.

    Asks neither store nor network. Good is exit 0; expired, superseded and unknown_key are exit 1, forged is exit 3.
    """
    keys = public_keys(key)
    asked = on or date.today()
    listed = None if status is None else lists.read(read(status, "--status"), keys)
    found = receipt_proof.check(
        _proof(text), keys, on=asked, superseded=None if listed is None else listed.superseded
    )
    result: dict[str, Any] = {
        "status": found.status,
        "because": found.because,
        "on": asked.isoformat(),
        "status_list_of": listed.made_on.isoformat() if listed is not None else None,
        "signed_by": found.origin,
        "receipt": found.filing.to_dict() if found.filing is not None else None,
    }

    def show() -> None:
        output.out(f"{found.status}: {found.because}")
        if listed is None and found.status == "good":
            output.out("not checked: whether a later act has superseded it (--status FILE)")
        if found.filing is not None:
            output.pairs(found.filing.to_dict())

    return Answer(result, show, code={"good": 0, "forged": output.EXIT["integrity"]}.get(found.status, 1))


def _proof(text: str) -> str:
    """Return the proof as typed, or from the receipt that is named; text without a proof is checked as it is."""
    if text.startswith(receipt_proof.PREFIX):
        return text.strip()
    given = sys.stdin.buffer.read() if text == "-" else read(text, "PROOF|FILE")
    whole = given.decode("utf-8", errors="replace")
    return receipt_proof.found_in(whole) or whole.strip()[:100]
