"""What becomes of a good file: bytes cut, doubled and replaced, and values of its tree exchanged for bad ones."""

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import yaml
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

TOKENS: tuple[bytes, ...] = (
    *(
        b"\x00",
        b"\xff",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\x1a",
        b"\x85",
        b"\r",
        b"\n\n",
    ),
    *("\u202e".encode(), "\u2028".encode(), "𝟗".encode(), "٣".encode(), "İ".encode(), "e\u0301".encode()),
    *(
        b"0",
        b"-1",
        b"9" * 25,
        b"9" * 5000,
        b"1e999",
        b"NaN",
        b"0x41",
        b"1_000",
        b"1:30:00",
        b"null",
        b"~",
        b"true",
    ),
    *(b"0000-00-00", b"9999-12-31", b"2023-02-29", b"10/03/2014", b"P1Y", b"P99999999999Y", b"PT1H", b"P-1Y"),
    *(
        b"'",
        b'"',
        b'""',
        b";",
        b",",
        b"\t",
        b"\\",
        b"\\ud800",
        b"{",
        b"}",
        b"[",
        b"]",
        b"[" * 60,
        b"{a: " * 60,
    ),
    *(
        b"!!python/object/apply:os.system [id]",
        b"!!binary |",
        b"!!set {a, b}",
        b"!!timestamp ",
        b"!x ",
        b"? ",
    ),
    *(
        b"&a ",
        b"*a",
        b"<<: *a",
        b"&a [*a]",
        b"---\n",
        b"...\n",
        b"%YAML 9.9\n",
        b"- ",
        b": ",
        b" #",
        b"|\n ",
        b">-\n ",
    ),
    *(
        b"{{ 7 * 7 }}",
        b"{% for x in range(9**9) %}{% endfor %}",
        b"{{ self.__init__.__globals__ }}",
        b"${jndi:x}",
    ),
    *(
        b"A" * 3000,
        b"a@b",
        b"=cmd|' /C calc'!A0",
        b"../../etc/passwd",
        b"file:///etc/passwd",
        b"sqlite://",
        b"%s%n",
    ),
)
"""Pieces that have broken readers of files before."""

NASTY: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**31, 2**63, 2**70, 10**400, 1.5, -0.0, float("inf"), float("nan"), 1e308),
    *(
        "",
        " ",
        "\x00",
        "\ud800",
        "a" * 2500,
        "٢٠١٤-٠٣-١٠",
        "2023-02-29",
        "9999-12-31",
        "0001-01-01",
        "P1Y",
        "P0D",
    ),
    *("P999999999Y", "PT0S", "\u202eabc", "MA-RAB", "XX-", "not a code!", "{{ 1 }}", "🛂", "I\u0307"),
    *([], [[]], {}, [None], [{}], {"a": {}}, {"": ""}, {"on": 1}, [1, "a", None], [["a"] * 50] * 3),
)
"""Values that no field expects."""


@st.composite
def edited(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    """A good file with a few bytes cut out, put in, doubled, turned or swapped for those of another."""
    content = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(content), 1)))
        size = draw(st.one_of(st.integers(0, 8), st.integers(0, 200)))
        match draw(st.integers(0, 6)):
            case 0:
                content = content[:at] + draw(st.sampled_from(TOKENS)) + content[at:]
            case 1:
                content = content[:at] + draw(st.sampled_from(TOKENS)) + content[at + size :]
            case 2:
                content = content[:at] + content[at + size :]
            case 3:
                content = (
                    content[: at + size] + content[at : at + size] * draw(st.integers(1, 4)) + content[at:]
                )
            case 4:
                content = content[:at] + draw(st.binary(max_size=6)) + content[at + size :]
            case 5:
                content = content[:at] + draw(st.sampled_from(seeds))[at:]
            case 6:
                content = content[:at] + bytes(b ^ 0x20 for b in content[at : at + 1]) + content[at + 1 :]
        content = content[:200_000]
    return content


@st.composite
def rebuilt(draw: Draw, seeds: Sequence[bytes], *, as_json: bool) -> bytes:
    """The tree of a good file with some of its values exchanged, fields taken away, doubled or renamed."""
    text = draw(st.sampled_from(seeds)).decode()
    tree = json.loads(text) if as_json else list(yaml.safe_load_all(text))
    for _ in range(draw(st.integers(1, 3))):
        _changed(draw, tree)
    if as_json:
        return json.dumps(tree, default=str).encode("utf-8", "surrogatepass")
    written = yaml.safe_dump_all(tree, allow_unicode=True, sort_keys=False)
    return written.encode("utf-8", "surrogatepass")


@st.composite
def recelled(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    """A table with some of its cells exchanged."""
    lines = draw(st.sampled_from(seeds)).decode().splitlines()
    mark = next(each for each in ";,\t" if each in lines[0])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(1, len(lines) - 1))
        cells = lines[at].split(mark)
        value = draw(st.one_of(st.sampled_from(CELLS), st.text(max_size=12)))
        cells[draw(st.integers(0, len(cells) - 1))] = value
        lines[at] = mark.join(cells)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


CELLS = tuple(each.decode("utf-8", "replace") for each in TOKENS)


def _changed(draw: Draw, tree: Any) -> None:
    """One change somewhere in a tree."""
    place = tree
    while True:
        inside = list(place) if isinstance(place, dict) else range(len(place))
        if not inside:
            return
        key = draw(st.sampled_from(inside))
        below = place[key]
        if not isinstance(below, dict | list) or not below or draw(st.integers(0, 5)) == 0:
            break
        place = below
    match draw(st.integers(0, 3)):
        case 0 | 1:
            place[key] = deepcopy(draw(st.sampled_from(NASTY)))
        case 2:
            del place[key]
        case 3 if isinstance(place, dict):
            place[draw(st.sampled_from(("", "x", "on", "__class__", "id", "value")))] = place.pop(key)
        case 3:
            place.append(deepcopy(place[key]))
