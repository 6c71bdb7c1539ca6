"""A person's rights over their data from the command line."""

import re
from pathlib import Path
from uuid import uuid4

from tests.e2e.command_line import DECIDER, Cli

REASON = ("--reason", "asked for")


def closed(cli: Cli) -> str:
    """A person whose only file is over."""
    holder_id = cli.holder()
    permit_id = cli.application(holder_id)
    cli.did(
        {"command": "close_permit", "permit_id": permit_id, "reason": "departed", "on": "2017-05-02"}
        | {"actor": DECIDER}
    )
    return holder_id


def test_a_person_is_erased(cli: Cli) -> None:
    """Exit 0, said in words and as JSON; again, it was done already; and everything else still holds."""
    holder_id, another = closed(cli), closed(cli)
    told = cli.ok("holder", "erase", holder_id, *REASON).out
    assert told.startswith(f"{holder_id} is erased")
    assert "was erased already" in cli.ok("holder", "erase", holder_id, *REASON).out
    done = cli.ok("holder", "erase", another, *REASON, "--json").json
    assert (done["erased"], done["already"], done["events"]) == (True, False, ["holder.erased"])
    assert {each["holder_id"] for each in cli.ok("holder", "erased", "--json").json} == {holder_id, another}
    assert cli.ok("holder", "erased", "--since", "2099-01-01", "--json").json == []
    assert cli.ok("verify").code == cli.ok("rebuild", "--check").code == 0
    assert (
        cli.refused(
            {
                "command": "update_holder",
                "holder_id": holder_id,
                "email": None,
                "actor": DECIDER | {"role": "counter"},
            }
        )["code"]
        == "holder.erased"
    )


def test_what_prevents_erasure_is_shown(cli: Cli) -> None:
    """Exit 1 with the norm, and ``holds`` lists the same; nothing of the person is in either."""
    holder_id = cli.holder()
    permit_id = cli.application(holder_id)
    done = cli("holder", "erase", holder_id, *REASON, "--json")
    assert (done.code, done.error["code"]) == (1, "holder.held")
    assert "loi 09-08" in done.err
    assert "Diallo" not in done.out + done.err
    [row] = cli.ok("holder", "holds", holder_id, "--json").json
    assert row["permit_id"] == permit_id
    assert "a request is under_review" in cli.ok("holder", "holds", holder_id).out


def test_a_hold_is_placed_and_released(cli: Cli) -> None:
    """By its norm; the version that the hold was told is what releases it."""
    holder_id = closed(cli)
    placed = cli.ok("holder", "hold", holder_id, "--norm", "order 12/2026", "--json").json
    assert cli("holder", "erase", holder_id, *REASON).code == 1
    assert "released" in cli.ok("holder", "release", holder_id, str(placed["version"])).out
    assert cli.ok("holder", "holds", holder_id, "--json").json == []
    cli.ok("holder", "erase", holder_id, *REASON)


def test_requests_are_recorded_listed_and_answered(cli: Cli) -> None:
    """With the last day for the answer; an overdue one is something that doctor has to say."""
    holder_id = cli.holder()
    made = cli.ok("holder", "request", holder_id, "--right", "access", "--on", "2026-01-05", "--json").json
    assert made["due_on"] == "2026-01-16"
    assert "overdue" in cli.ok("holder", "requests", "--open").out
    assert "1 request about personal data" in cli("doctor").out
    cli.ok("holder", "answer", holder_id, str(made["version"]), "--outcome", "granted")
    assert cli.ok("holder", "requests", "--open", "--json").json == []
    [row] = cli.ok("holder", "requests", holder_id, "--json").json
    assert row["state"] == "answered"
    assert "1 request about personal data" not in cli("doctor").out


def test_who_is_not_there_or_not_granted_is_told(cli: Cli) -> None:
    """Exit 1 for no one, for anyone who is not granted it; exit 2 for what is no id, no reason, no right."""
    assert cli("holder", "erase", str(uuid4()), *REASON).code == 1
    assert cli("holder", "holds", str(uuid4())).code == 1
    assert cli("holder", "erase", "Diallo", *REASON).code == 2
    holder_id = cli.holder()
    assert cli("holder", "erase", holder_id).code == 2
    assert cli("holder", "request", holder_id, "--right", "oblivion").code == 2
    cli.monkeypatch.setenv("PERMITS_OPERATOR_ROLES", "counter@MA-RAB")
    done = cli("holder", "erase", holder_id, *REASON, "--json")
    assert (done.code, done.error["code"]) == (1, "actor.not_competent")


def test_a_persons_data_are_exported(cli: Cli) -> None:
    """As JSON, as a page, into a file that only its owner reads and that replaces nothing; each asking is noted."""
    holder_id = closed(cli)
    found = cli.ok("holder", "export", holder_id).json
    assert found["person"]["family_name"] == "Diallo"
    assert len(found["looks"]) == 1
    page = cli.ok("holder", "export", holder_id, "--html").out
    assert page.startswith("<!DOCTYPE html>")
    assert 'lang="fr"' in page
    place = cli.folder / "dossier.html"
    cli.ok("holder", "export", holder_id, "--html", "--language", "ar", "--out", str(place))
    assert 'dir="rtl"' in place.read_text(encoding="utf-8")
    assert place.stat().st_mode & 0o777 == 0o600
    assert cli("holder", "export", holder_id, "--out", str(place)).code == 2
    assert cli("holder", "export", holder_id, "--html", "--language", "xx").code == 2
    cli.monkeypatch.setenv("PERMITS_OPERATOR_ROLES", "auditor")
    assert cli("holder", "export", holder_id).code == 1
    cli.ok("holder", "export", holder_id, "--purpose", "request of 3 May")


def test_retention_is_a_dry_run_until_its_plan_is_named(cli: Cli) -> None:
    """A file closed in 2017 is long over: shown, named, erased by that name, and then nothing is left."""
    closed(cli)
    assert "P5Y" in cli.ok("retention", "rules").out
    shown = cli.ok("retention", "due", "--json").json
    dry = cli.ok("retention", "apply", "--json").json
    assert dry == shown
    assert (dry["people"], dry["letters"]) == (1, 0)
    assert cli("retention", "apply", "--plan", "000000000000").code == 1
    done = cli.ok("retention", "apply", "--plan", dry["plan"], "--json").json
    assert done["erased"] == 1
    assert cli.ok("retention", "due", "--json").json["people"] == 0
    assert cli.ok("verify").code == cli.ok("rebuild", "--check").code == 0


def test_replay_and_account_are_the_same_after_an_erasure(cli: Cli, tmp_path: Path) -> None:
    """Every decision replays, and the annual account is the same page but for the moment at which it was made."""

    def account(name: str) -> str:
        cli.ok("report", "--out", str(tmp_path / name))
        return re.sub(
            r"\d{4}-\d{2}-\d{2}T[\d:.]+Z|[0-9a-f]{64}", "…", (tmp_path / name).read_text(encoding="utf-8")
        )

    first = closed(cli)
    cli.title()
    cli.ok("checkpoint")
    replayed = cli.ok("replay", "--json").json
    before, results = (
        account("before.html"),
        cli.ok("results", "--by", "nationality,sex,outcome", "--json").json,
    )
    cli.ok("holder", "erase", first, *REASON)
    assert cli.ok("replay", "--json").json["decisions"] == replayed["decisions"]
    assert cli.ok("results", "--by", "nationality,sex,outcome", "--json").json == results
    after = account("after.html")
    assert _figures(after) == _figures(before)


def _figures(page: str) -> list[str]:
    """The cells of a page's tables."""
    return re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page, re.DOTALL)


def test_a_line_that_erases_reaches_the_files_too(cli: Cli) -> None:
    """``erase_holder`` among other lines: nothing is left to finish when the command ends."""
    holder_id = closed(cli)
    administrator = {"id": "root", "role": "administrator"}
    line = {"command": "erase_holder", "holder_id": holder_id, "reason": "asked for", "actor": administrator}
    [done] = cli.did(line)
    assert done["events"] == ["holder.erased"]
    assert "erasure" not in cli("doctor").out
    [again] = cli.did(line)
    assert again["events"] == []
