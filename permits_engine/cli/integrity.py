"""Tamper evidence: the history verified, its state signed, one event proved to those who have only the key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from permits_engine.audit.integrity.findings import VerificationReport
from permits_engine.cli import output
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.files import write
from permits_engine.cli.options import OutFile, argument, flag, id_argument, option
from permits_engine.cli.public_keys import Keys, named_keys, public_keys
from permits_engine.domain.errors import error, invalid
from permits_engine.engine import Engine
from permits_engine.store.log import proofs
from permits_engine.store.log.signed_note import MOST_BYTES, NoteError
from permits_engine.store.log.signing_keys import read_limited


@command(
    "verify",
    "permits verify",
    "permits verify --checkpoint kept-last-year.txt --json",
    decrypt=False,
    progress="verifying",
)
def verify(
    engine: Engine,
    progress: output.Progress,
    checkpoint: Annotated[
        list[str] | None, option("--checkpoint", "FILE", "A checkpoint that was kept outside.")
    ] = None,
    key: Keys = None,
) -> Answer:
    """Verify that the history was not changed.

    Exit 3 where it was, with the place. Without a checkpoint that was kept outside, the best answer is that the
    history is consistent with itself: only such a checkpoint shows that its end was cut off, or that a backup was
    restored.
    """
    outside = [(name, _read(name, "--checkpoint", MOST_BYTES)) for name in checkpoint or ()]
    report = engine.audit.verify(outside=outside, keys=named_keys(key), progress=progress)
    lines = _in_words(report)
    if report.intact:
        return answer(report.as_dict(), *lines)
    problem = error("integrity.broken", report.statement, **report.as_dict())
    return answer(None, *lines)._replace(problem=problem)


def _in_words(report: VerificationReport) -> list[str]:
    if not report.intact:
        found = [output.safe(f"{each.kind}: {each.message}") for each in report.findings]
        return [*found, f"and {report.more} more"] if report.more else found
    now = f" (sealed now: {report.sealed_now})" if report.sealed_now else ""
    lines = [f"{report.statement}: {report.events} events", f"not yet sealed: {report.unsealed}{now}"]
    if report.checkpoints:
        lines.append(
            f"checkpoints kept here: {report.checkpoints}, all met; the last is of {report.checkpoint} events"
        )
    else:
        lines.append("checkpoints kept here: none (permits checkpoint makes one)")
    if not report.signatures:
        lines.append("signatures: not checked, for want of the public key (--key VKEY|FILE)")
    return lines


@command("checkpoint", "permits checkpoint --out today.txt", "permits checkpoint --key", decrypt=False)
def checkpoint(
    engine: Engine,
    key: Annotated[bool, flag("--key", "Print the public key instead.")] = False,
    out: OutFile = None,
) -> Answer:
    """Seal the history and print its signed size and root."""
    signer = engine.context.signing.signer(engine.audit.origin)
    if key:
        return answer({"key": str(signer.verifier)}, str(signer.verifier))
    with output.bar("sealing") as progress:
        made = engine.audit.checkpoint(progress=progress)
    if out is not None:
        write(out, made.note)
    result = {
        "origin": made.origin,
        "size": made.size,
        "root": made.note.split("\n")[2],
        "note": made.note,
        "key": str(signer.verifier),
    }
    return Answer(result, lambda: output.exact(made.note if out is None else ""))


@command("prove", "permits prove 0190… 4 --out decision.tlog-proof", decrypt=False)
def prove(
    engine: Engine,
    stream: Annotated[str, id_argument("A permit's (holder's, notice's) id.", "permits list")],
    version: Annotated[int, argument("VERSION", "Which of its events.")],
    out: OutFile = None,
) -> Answer:
    """Prove that one event is in the signed history.

    The proof is a file for those who have neither the store nor the network: permits verify-proof checks it.
    """
    proof = engine.audit.prove(stream, version)
    keys = engine.context.signing.verifiers(engine.audit.origin)
    if out is not None:
        write(out, str(proof))
    result = {**proofs.to_dict(proof.check(keys), proof), "proof": str(proof)}
    return Answer(result, lambda: output.exact(str(proof) if out is None else ""))


@command("verify-proof", "permits verify-proof decision.tlog-proof --key permits-engine/0190…+b3f1617b+AU/a…")
def verify_proof(
    file: Annotated[str, argument("FILE", "What permits prove wrote.")], key: Keys = None
) -> Answer:
    """Check a proof: needs only the public key.

    Asks neither store nor network. Exit 3 where the proof does not hold.
    """
    data = _read(file, "FILE", proofs.MOST_BYTES)
    proof = proofs.read(data, file)
    leaf = proof.check(public_keys(key))
    result = proofs.to_dict(leaf, proof)

    def show() -> None:
        output.out(
            f"proved: event {result['position']} of the {result['size']} that {result['origin']} signed"
        )
        output.pairs({name: value for name, value in result.items() if name != "payload"})
        output.out(output.safe(leaf.payload.decode("utf-8", errors="replace")))

    return Answer(result, show)


def _read(name: str, option: str, most: int) -> bytes:
    try:
        return read_limited(Path(name), most)
    except NoteError as problem:
        raise invalid(option, f"{name}: {problem}") from None
    except (OSError, ValueError) as problem:
        raise invalid(option, f"{name} cannot be read ({getattr(problem, 'strerror', problem)})") from None
