"""The dossier at the command line, on both databases."""

from tests.e2e.command_line import Cli
from tests.pages_of import check


def test_a_dossier_is_written_in_the_language_asked_for(cli: Cli) -> None:
    """To a file, or to standard output; French where nothing is said; as JSON too."""
    permit_id = cli.title()
    cli.ok("dossier", permit_id, "--out", "dossier.html")
    check(cli.folder / "dossier.html", "fr")
    page = cli.ok("dossier", permit_id, "--language", "ar").out
    assert page.startswith('<!DOCTYPE html>\n<html lang="ar" dir="rtl">')
    told = cli.ok("dossier", permit_id, "--json").json
    assert len(told["proofs"]["events"]) == len(told["events"]) == 4
    assert told["person"] is None
    proof = cli.folder / "issued.tlog-proof"
    proof.write_text(told["proofs"]["events"][3], encoding="utf-8")
    assert "proved" in cli.ok("verify-proof", str(proof), "--key", told["proofs"]["key"]).out


def test_personal_data_need_a_purpose_and_leave_a_trace(cli: Cli) -> None:
    """Exit 2 without; with it one event more."""
    permit_id = cli.title()
    done = cli("dossier", permit_id, "--with-personal-data", "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")
    before = cli.position
    told = cli.ok("dossier", permit_id, "--with-personal-data", "--purpose", "order 94", "--json").json
    assert told["person"]["family_name"] == "Diallo"
    assert cli.position == before + 1


def test_a_dossier_that_cannot_be_made_says_why(sqlite_cli: Cli) -> None:
    """The permit, the language, the place."""
    permit_id = sqlite_cli.title()
    for arguments, code, says in (
        (["0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f9999"], 1, "there is no permit"),
        ([permit_id, "--language", "es"], 2, "none of fr, ar, en"),
        ([permit_id, "--out", "no/where.html"], 2, "make the folder"),
    ):
        done = sqlite_cli("dossier", *arguments, "--json")
        assert done.code == code
        assert says in done.error["message"]
