"""The annual account at the command line, on both databases."""

from pathlib import Path

from tests.e2e.command_line import Cli
from tests.pages_of import check


def test_a_report_is_one_page(cli: Cli) -> None:
    """Written whole, in the language asked for, with its counts as JSON; no master key is needed."""
    cli.title()
    done = cli.ok("report", "--out", "account.html", "--json").json
    assert done["applications"]["category"] == {"regularisation-2016": {"granted": 1}}
    assert done["position"] == cli.position
    check(cli.folder / "account.html", "en")
    said = cli.ok("report", "--out", "bilan.html", "--language", "fr", "--year", "2016").out
    assert said == "bilan.html: 1 applications, 1 of them granted.\n"
    check(cli.folder / "bilan.html", "fr")


def test_a_report_without_the_master_key(sqlite_cli: Cli, tmp_path: Path) -> None:
    """Sums need nothing that is encrypted."""
    sqlite_cli.title()
    (tmp_path / "master.keys").rename(tmp_path / "elsewhere")
    sqlite_cli.ok("report", "--out", "account.html")


def test_a_report_that_cannot_be_written_says_why(sqlite_cli: Cli) -> None:
    """The language, the place, what is there already."""
    for arguments, says in (
        (["--out", "a.html", "--language", "xx"], "--language"),
        (["--out", "no/where/a.html"], "make the folder"),
        (["--out", "."], "no name"),
        (["--out", "a.html", "--year", "17"], "--year"),
    ):
        done = sqlite_cli("report", *arguments, "--json")
        assert (done.code, done.error["code"]) == (2, "input.invalid")
        assert says in done.error["message"]
    sqlite_cli.ok("report", "--out", "a.html")
    done = sqlite_cli("report", "--out", "a.html", "--json")
    assert done.code == 2 and "--force" in done.error["message"]
    sqlite_cli.ok("report", "--out", "a.html", "--force")
