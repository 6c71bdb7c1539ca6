"""Files made to do harm: what a policy, a scenario and a text of letters cannot do to a program that loads them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from permits_engine.documents.letter_templates import NoticesError, Templates
from permits_engine.domain.errors import PermitsError
from permits_engine.policies.loading import LARGEST, compile_text, packaged, read_file
from permits_engine.testing.scenario_files import load
from tests.fuzz.running import patience

SECONDS = 3.0
"""However hostile, a file is refused within so long."""
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{below}'] * 10)}]\n"
    for below, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {k0: 1}\n" + "".join(
    f"m{n}: &m{n} {{<<: [*{f'm{n - 1}' if n else 'a'}, *a], k{n}: 1}}\n" for n in range(300)
)

HOSTILE = {
    "a Python object": "policy: XX\ntitle: !!python/object/apply:os.system ['touch OWNED']\nparameters: []\n",
    "a Python name": "policy: XX\ntitle: !!python/name:os.system\nparameters: []\n",
    "a module imported": "policy: XX\ntitle: !!python/module:antigravity\nparameters: []\n",
    "an object that is made anew": "policy: XX\ntitle: !!python/object/new:os.system [touch OWNED]\nparameters: []\n",
    "a tag of its own": "policy: XX\ntitle: !include /etc/passwd\nparameters: []\n",
    "a file by its address": "policy: XX\ntitle: t\nparameters: file:///etc/passwd\n",
    "a thousand million laughs": f"policy: XX\n{BOMB}",
    "laughs among the parameters": f"{BOMB}policy: XX\ntitle: t\nparameters: *i\n",
    "merges of merges": f"policy: XX\n{MERGES}",
    "a list that holds itself": "policy: XX\ntitle: t\nparameters: &p [*p]\n",
    "a mapping that holds itself": "policy: &p\n  title: *p\nparameters: []\n",
    "a deep sequence": "policy: " + "[" * 100_000 + "\n",
    "a deep mapping": "policy: " + "{a: " * 100_000 + "\n",
    "deep by indentation": "policy:\n" + "".join(f"{' ' * n}- \n" for n in range(1, 1200)),
    "a deep sequence of marks": "policy: XX\nparameters:\n  " + "- " * 20_000 + "x\n",
    "a huge number": f"policy: XX\ntitle: {'9' * 1_000_000}\nparameters: []\n",
    "a number of base sixty": f"policy: XX\ntitle: {'59:' * 20_000}59\nparameters: []\n",
    "a float that is none": "policy: XX\ntitle: t\nparameters: [.inf, .nan, 1e999999999]\n",
    "a date that is none": "policy: XX\ntitle: 2023-02-30\nparameters: []\n",
    "a giant text": f"policy: XX\ntitle: {'a' * (LARGEST - 100)}\nparameters: []\n",
    "too large": "# " + "a" * (LARGEST + 1),
    "a giant key": f"policy: XX\n? {'k' * 100_000}\n: 1\nparameters: []\n",
    "a key that is a list": "policy: XX\n? [a, b]\n: 1\nparameters: []\n",
    "a field twice": "policy: XX\ntitle: t\ntitle: u\nparameters: []\n",
    "a thousand documents": "---\npolicy: XX\n" * 1000,
    "a hundred thousand values": "policy: XX\ntitle: t\nparameters:\n" + "  - x\n" * 100_000,
    "a byte that is no text": "policy: XX\ntitle: \x00\nparameters: []\n",
    "half a character": "policy: XX\ntitle: \ud800\nparameters: []\n",
    "a day that is none by its tag": "policy: XX\ntitle: !!timestamp soon\nparameters: []\n",
    "a truth that is none by its tag": "policy: XX\ntitle: !!bool maybe\nparameters: []\n",
    "a number that is none by its tag": "policy: XX\ntitle: !!int ''\nparameters: []\n",
    "a mapping of a scalar's tag": "!!float {policy: XX, title: t, parameters: []}\n",
    "a directive": "%TAG ! tag:yaml.org,2002:python/\n---\npolicy: !object/apply:os.system [touch OWNED]\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty working folder, which must be empty afterwards but for the file itself."""
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        yield tmp_path
    finally:
        os.chdir(before)


def _brought(folder: Path, content: str) -> Path:
    path = folder / "brought.yaml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    return path


@pytest.mark.parametrize("content", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_policy_is_refused_at_once_and_has_done_nothing(folder: Path, content: str) -> None:
    """With ``policy.invalid`` and a short sentence that names a line; no file appears, nothing else is read."""
    path = _brought(folder, content)
    started = time.process_time()
    with patience(SECONDS), pytest.raises(PermitsError, match=r"policy\.invalid") as refused:
        compile_text(read_file(path))
    assert time.process_time() - started < SECONDS
    assert [each.name for each in folder.iterdir()] == ["brought.yaml"]
    assert "root:" not in str(refused.value)
    assert len(refused.value.message) < 2000


@pytest.mark.parametrize("content", HOSTILE.values(), ids=list(HOSTILE))
def test_the_same_as_a_scenario_is_refused_as_well(folder: Path, content: str) -> None:
    """With ``input.invalid``: the reader behind both doors is one."""
    path = _brought(folder, content.replace("policy:", "name:").replace("parameters:", "steps:"))
    with patience(SECONDS), pytest.raises(PermitsError, match=r"input\.invalid") as refused:
        load(path)
    assert [each.name for each in folder.iterdir()] == ["brought.yaml"]
    assert len(refused.value.message) < 20_000


@pytest.mark.parametrize("content", HOSTILE.values(), ids=list(HOSTILE))
def test_the_same_as_a_text_of_letters_is_refused_as_well(folder: Path, content: str) -> None:
    """Found by these tests: that reader had no bounds of its own, and a deep file ended in a RecursionError."""
    with patience(SECONDS), pytest.raises(NoticesError):
        Templates(
            "MA", {"brought.yaml": content.replace("policy:", "language:").replace("parameters:", "kinds:")}
        )
    assert list(folder.iterdir()) == []


FRENCH = (Path(__file__).parents[2] / "permits_engine/jurisdictions/ma/notices/fr.yaml").read_text(
    encoding="utf-8"
)


@pytest.mark.parametrize(
    "phrase",
    [
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'a' * 10 ** 10 }}",
        "{{ [1] * 9999999999 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.system('touch OWNED') }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{{ holder.encode }}",
    ],
)
def test_a_hostile_phrase_in_a_letter_does_not_load(folder: Path, phrase: str) -> None:
    """Letters are sentences with a few words to fill in: no sums, no loops over made-up numbers, no way into Python.
    Found by these tests: ``9 ** 9 ** 9`` was worked out while the file was loaded."""
    content = FRENCH.replace("default: true", "default: true", 1)
    first = content.index("body:")
    at = content.index("\n", first) + 1
    indent = content[at : at + len(content[at:]) - len(content[at:].lstrip(" "))]
    content = f"{content[:at]}{indent}{phrase}\n{content[at:]}"
    with patience(SECONDS), pytest.raises(NoticesError):
        Templates("MA", {"fr.yaml": content})
    assert list(folder.iterdir()) == []


def test_the_packaged_texts_are_far_below_the_bounds() -> None:
    """The bounds hurt no one who means well."""
    for code in ("MA", "FR", "ES"):
        assert len(packaged(code).encode()) * 4 < LARGEST
        compile_text(packaged(code))
        assert Templates(code).languages
