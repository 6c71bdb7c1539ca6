"""Receipts from the command line, and their check by someone who has the public key and nothing else."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from permits_engine.store.log.signed_note import Signer
from tests.e2e.command_line import DECIDER, Cli


@pytest.fixture
def stranger(cli: Cli, tmp_path: Path) -> Cli:
    """Someone without the store, the keys or the network: the same program in an empty folder."""
    key = tmp_path / "public-key.txt"
    key.write_text(cli.ok("checkpoint", "--key").out)
    return Cli(cli.monkeypatch, tmp_path, f"sqlite:///{tmp_path}/no-such.db")


def test_a_stranger_checks_a_receipt(cli: Cli, stranger: Cli, tmp_path: Path) -> None:
    """Good and expired on their days, superseded by the list, forged and of an unknown key: each its exit code."""
    permit_id = cli.application()
    papers = {kind: tmp_path / f"receipt.{kind}" for kind in ("text", "html", "svg", "png")}
    for kind, place in papers.items():
        cli.ok("receipt", permit_id, "--format", kind, "--out", str(place))
    proof = cli.ok("receipt", permit_id, "--json").json["proof"]
    key = ("--key", str(tmp_path / "public-key.txt"))
    for given in (proof, str(papers["text"]), str(papers["html"])):
        done = stranger.ok("verify-receipt", given, *key, "--on", "2017-02-01", "--json").json
        assert (done["status"], done["receipt"]["permit_id"]) == ("good", permit_id)
    until = date.fromisoformat(done["receipt"]["valid_until"])  # undecided, it goes on to this day
    over = (until + timedelta(days=1)).isoformat()
    assert stranger("verify-receipt", proof, *key, "--on", over).out.startswith("expired")
    cli.did(
        {"command": "close_permit", "permit_id": permit_id, "reason": "departed", "on": "2017-01-02"}
        | {"actor": DECIDER}
    )
    listed = tmp_path / "superseded.txt"
    cli.ok("receipt-status", "--out", str(listed))
    done = stranger.ok("verify-receipt", proof, *key, "--status", str(listed), "--on", "2017-02-01", "--json")
    assert done.json["status_list_of"] is not None  # today's list has forgotten a receipt of 2017
    forged = stranger("verify-receipt", proof[:-4] + "AAAA", *key, "--json")
    assert (forged.code, forged.json["status"]) == (3, "forged")
    another = str(Signer.new("permits-engine/other").verifier)
    unknown = stranger("verify-receipt", proof, "--key", another, "--json")
    assert (unknown.code, unknown.json["status"], unknown.json["receipt"]) == (1, "unknown_key", None)
    assert stranger("verify-receipt", proof, "--key", "permits-engine/other+00000000+AAAA").code == 2
    assert stranger.ok("verify-receipt", "-", *key, "--on", "2017-02-01", stdin=papers["text"].read_bytes())


def test_a_receipt_in_force_is_superseded_by_a_decision(cli: Cli, stranger: Cli, tmp_path: Path) -> None:
    """Today's filing, closed today: the signed list says so at once."""
    permit_id = cli.application(category="ordinary", criterion=None, on=None)
    proof = cli.ok("receipt", permit_id, "--json").json["proof"]
    key = ("--key", str(tmp_path / "public-key.txt"))
    listed = tmp_path / "superseded.txt"
    cli.ok("receipt-status", "--out", str(listed))
    assert stranger("verify-receipt", proof, *key, "--status", str(listed)).code == 0
    cli.did(
        {"command": "issue_permit", "permit_id": permit_id, "actor": DECIDER},
    )
    cli.ok("receipt-status", "--out", str(listed))
    done = stranger("verify-receipt", proof, *key, "--status", str(listed), "--json")
    assert (done.code, done.json["status"]) == (1, "superseded")


def test_what_cannot_be_made_or_read_is_told(cli: Cli, tmp_path: Path) -> None:
    """Exit 2 for what is no format, no language, no file; 1 for no permit."""
    permit_id = cli.application()
    for wrong in (("--format", "pdf"), ("--language", "de"), ("--format", "png")):
        assert cli("receipt", permit_id, *wrong).code == 2
    assert cli("receipt", "0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f0001").code == 1
    assert cli("verify-receipt", str(tmp_path / "nothing")).code == 2
    assert "وصل إيداع" in cli.ok("receipt", permit_id, "--language", "ar").out
