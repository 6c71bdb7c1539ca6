"""What someone types to break out: into SQL, a template, a terminal or a file, it stays a text."""

import os
import stat

import pytest

from tests.e2e.command_line import COUNTER, Cli

BREAKING_OUT = [
    "x'; DROP TABLE permits; --",
    "' OR '1'='1",
    '") UNION SELECT wrapped FROM holder_keys --',
    "{{ 7777 * 3333 }}{% for x in ().__class__.__mro__ %}{{ x }}{% endfor %}",
    "%s%n %(name)s {0.__class__}",
    "$(touch broken-out) `touch broken-out` ; touch broken-out",
    "../../../../etc/passwd",
]


@pytest.mark.parametrize("text", BREAKING_OUT)
def test_a_text_from_outside_stays_a_text(cli: Cli, text: str) -> None:
    """In a name it comes back as it was given; in an option it is refused or finds nothing; the store is whole."""
    cli.monkeypatch.setenv("PERMITS_MAIL_DIR", str(cli.folder / "mail"))
    permit_id = cli.title(holder_id=cli.holder(family_name=text))
    asked = [
        ("list", "--prefecture", text),
        ("list", "--status", text),
        ("list", "--after", text),
        ("find", "--name", text, "--birth-date", "1990-04-01"),
        ("find", "--file-number", text),
        ("show", text),
        ("notices", "--state", text),
        ("digest", "--prefecture", text),
        ("policy", "show", "--jurisdiction", text, "--on", "2017-01-01"),
        ("prove", text, "1"),
        ("token", "verify", text),
    ]
    for arguments in asked:
        assert cli(*arguments).code in (0, 1, 2), arguments
    line = {"command": "record_exit", "permit_id": text, "on": "2017-06-01", "actor": COUNTER}
    assert cli.execute(line).lines[0]["error"]["code"] == "input.invalid"
    cli.ok("daemon", "--once", "--on", "2018-01-08")
    assert not list(cli.folder.rglob("broken-out*"))
    [row] = cli.ok("list", "--json").json
    assert row["permit_id"] == permit_id
    [letter] = [each.read_text(encoding="ascii") for each in cli.folder.rglob("*.eml")]
    assert str(7777 * 3333) not in letter, "the name was taken for a template"
    cli.ok("verify")
    cli.ok("rebuild", "--check")


def test_what_is_secret_is_for_its_owner_only(cli: Cli) -> None:
    """Key files and letters are written with narrow rights, whatever the umask says."""
    cli.monkeypatch.setenv("PERMITS_MAIL_DIR", str(cli.folder / "mail"))
    before = os.umask(0)
    try:
        cli.title()
        cli.ok("daemon", "--once", "--on", "2018-01-08")
    finally:
        os.umask(before)
    found = [each for kind in ("*.keys", "*.signing", "*.eml") for each in cli.folder.parent.rglob(kind)]
    assert {each.suffix for each in found} == {".eml", ".keys", ".signing"}
    for each in found:
        assert stat.S_IMODE(each.stat().st_mode) & 0o077 == 0, each
