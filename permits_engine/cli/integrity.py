"""Tamper evidence: the history verified, its state signed, one event proved to whoever has only the key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from permits_engine.cli import output
from permits_engine.cli.help import examples
from permits_engine.cli.options import Json, id_of, keys_of, operator_of, settings_now
from permits_engine.domain.errors import PermitsError, error, invalid

Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--key", metavar="VKEY|FILE", help="The public key (default: that of the signing key file)."
    ),
]
Out = Annotated[str | None, typer.Option("--out", metavar="FILE", help="Write it there.")]


def verify(
    checkpoint: Annotated[
        list[str] | None,
        typer.Option("--checkpoint", metavar="FILE", help="A checkpoint that was kept outside."),
    ] = None,
    key: Keys = None,
    json: Json = False,
) -> None:
    """Was the history changed, and where?

    Exit 3 where it was. Without a checkpoint that was kept outside, the answer is at best that the history is
    consistent with itself: a cut tail and a restored backup show only against one.
    """
    from permits_engine.cli.output import bar
    from permits_engine.store.log.signed_note import MOST_BYTES

    outside = [(name, _read(name, "--checkpoint", MOST_BYTES)) for name in checkpoint or ()]
    keys = keys_given(key)
    with _open() as engine, bar("verifying") as progress:
        report = engine.audit.verify(outside=outside, keys=keys, progress=progress)
    if not report.intact:
        if not json:
            for each in report.findings:
                output.out(output.safe(f"{each.kind}: {each.message}"))
            if report.more:
                output.out(f"and {report.more} more")
        raise error("integrity.broken", report.statement, **report.as_dict())
    if output.result(report.as_dict(), machine=json):
        return
    for line in _told(report):
        output.out(line)


def _told(report: Any) -> list[str]:
    lines = [f"{report.statement}: {report.events} events"]
    now = f" (sealed now: {report.sealed_now})" if report.sealed_now else ""
    lines.append(f"not yet sealed: {report.unsealed}{now}")
    if report.checkpoints:
        lines.append(
            f"checkpoints kept here: {report.checkpoints}, all met; the last is of {report.checkpoint} events"
        )
    else:
        lines.append("checkpoints kept here: none (permits checkpoint makes one)")
    if not report.signatures:
        lines.append("signatures: not checked, for want of the public key (--key VKEY|FILE)")
    return lines


def checkpoint(
    key: Annotated[bool, typer.Option("--key", help="Print the public key instead.")] = False,
    out: Out = None,
    json: Json = False,
) -> None:
    """Seal the history and print its signed size and root."""
    from permits_engine.cli.output import bar

    with _open() as engine:
        signer = engine.context.signing.signer(engine.audit.origin)
        if key:
            output.out(output.as_json({"key": str(signer.verifier)}) if json else str(signer.verifier))
            return
        with bar("sealing") as progress:
            made = engine.audit.checkpoint(progress=progress)
    if out is not None:
        _write(out, made.note)
    if json:
        told = {"origin": made.origin, "size": made.size, "root": made.note.split("\n")[2], "note": made.note}
        output.out(output.as_json({**told, "key": str(signer.verifier)}))
    elif out is None:
        output.exact(made.note)


def prove(
    stream: Annotated[str, typer.Argument(metavar="ID", help="A permit's (holder's, notice's) id.")],
    version: Annotated[int, typer.Argument(metavar="VERSION", help="Which of its events.")],
    out: Out = None,
    json: Json = False,
) -> None:
    """Prove that one event stands in the signed history.

    The proof is a file for whoever has neither the store nor the network: permits verify-proof checks it.
    """
    from permits_engine.store.log.proofs import to_dict

    with _open() as engine:
        proof = engine.audit.prove(id_of(stream), version)
        keys = engine.context.signing.verifiers(engine.audit.origin)
    if out is not None:
        _write(out, str(proof))
    if json:
        output.out(output.as_json({**to_dict(proof.check(keys), proof), "proof": str(proof)}))
    elif out is None:
        output.exact(str(proof))


def verify_proof(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What permits prove wrote.")],
    key: Keys = None,
    json: Json = False,
) -> None:
    """Check a proof: needs only the public key.

    Neither the store nor the network is asked. Exit 3 where the proof does not hold.
    """
    from permits_engine.store.log import proofs

    data = _read(file, "FILE", proofs.MOST_BYTES)
    keys = keys_given(key)
    if keys is None:
        keys = own_keys()
    proof = proofs.read(data, file)
    leaf = proof.check(keys)
    told = proofs.to_dict(leaf, proof)
    if output.result(told, machine=json):
        return
    output.out(f"proved: event {told['position']} of the {told['size']} that {told['origin']} signed")
    told.pop("payload")
    output.pairs(told)
    output.out(output.safe(leaf.payload.decode("utf-8", errors="replace")))


def _open() -> Any:
    """The store; nothing here reads what is personal, so that an auditor needs no master key."""
    from permits_engine.engine import Engine
    from permits_engine.store.keys.keyring import MasterKeys

    settings = settings_now()
    return Engine.open(
        settings.store,
        keys=MasterKeys.in_memory(),
        signing_key=_signing(settings).path,
        operator=operator_of(settings),
    )


def _signing(settings: Any) -> Any:
    from permits_engine.store.log.signing_keys import SigningKeys

    try:
        beside = keys_of(settings)
    except PermitsError:
        beside = None  # a store on a server, and no key file named
    return SigningKeys.beside(beside, settings.signing_key)


def keys_given(given: list[str] | None) -> Any:
    """The public keys that were named; none where none was."""
    from permits_engine.store.log.signing_keys import verifiers_of

    return [found for each in given for found in verifiers_of(each)] if given else None


def own_keys() -> Any:
    """The public keys of this machine's own signing key file."""
    keys = _signing(settings_now()).verifiers()
    if not keys:
        raise invalid("--key", "give the public key: what permits checkpoint --key prints, or a file of it")
    return keys


def _read(name: str, option: str, most: int) -> bytes:
    from permits_engine.store.log.signed_note import NoteError
    from permits_engine.store.log.signing_keys import read_limited

    try:
        return read_limited(Path(name), most)
    except NoteError as problem:
        raise invalid(option, f"{name}: {problem}") from None
    except (OSError, ValueError) as problem:
        raise invalid(option, f"{name} cannot be read ({getattr(problem, 'strerror', problem)})") from None


def _write(name: str, text: str) -> None:
    try:
        Path(name).write_bytes(text.encode())
    except (OSError, ValueError) as problem:
        raise invalid(
            "--out", f"{name} cannot be written ({getattr(problem, 'strerror', problem)})"
        ) from None


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command(
        "verify", epilog=examples("permits verify", "permits verify --checkpoint kept-last-year.txt --json")
    )(verify)
    app.command(
        "checkpoint", epilog=examples("permits checkpoint --out today.txt", "permits checkpoint --key")
    )(checkpoint)
    app.command("prove", epilog=examples("permits prove 0190… 4 --out decision.tlog-proof"))(prove)
    app.command(
        "verify-proof",
        epilog=examples("permits verify-proof decision.tlog-proof --key permits-engine/0190…+b3f1617b+AU/a…"),
    )(verify_proof)
