"""Faults of an input, field by field, in words that tell the user what to change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from permits_engine.domain.errors import InputError

Fault = dict[str, Any]
"""A fault of pydantic: ``type``, ``loc``, ``msg`` and ``ctx``."""

_MOST = 50
"""Faults that are reported of one input."""
_LONGEST = 80
"""Characters of a field's name that are shown."""
_NOT = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "dict": "a mapping of names to values",
    "mapping": "a mapping of names to values",
    "model": "a mapping of names to values",
    "tuple": "a list",
    "list": "a list",
    "path": "the path of a file",
}
_WORDS = {
    "missing": "is missing",
    "string_type": "is not text; write it in quotes",
    "string_unicode": "holds half a character (a lone surrogate), which is not text; remove it",
    "int_from_float": "is not a whole number",
    "none_required": "has to be empty",
}


def reason_of(fault: Fault, of: str, known: Iterable[str] = ()) -> str:
    """Return a fault in plain words; ``of`` is what the field should belong to, ``known`` its fields."""
    kind, context = str(fault["type"]), fault.get("ctx") or {}
    if kind in _WORDS:
        return _WORDS[kind]
    if kind == "extra_forbidden":
        path = [str(step) for step in fault["loc"]]
        if len(path) > 1:
            return f"is not a field {'here' if path[-2].isdigit() else f'of {_short(path[-2])}'}"
        return f"is not a field of {of}{suggestion(path[-1], known)}"
    if kind == "literal_error":
        return f"is none of {_listed(str(context.get('expected', '')))}"
    if kind in {"string_too_long", "too_long"}:
        return f"is too long: {_most(kind, context)} at most"
    if kind in {"string_too_short", "too_short"}:
        return "is empty" if context.get("min_length") == 1 else f"is shorter than {context['min_length']}"
    if kind in {"greater_than_equal", "less_than_equal"}:
        bound = context.get("ge", context.get("le"))
        return f"is {'less' if 'ge' in context else 'more'} than {bound}"
    wanted = next((words for name, words in _NOT.items() if kind.startswith(f"{name}_")), None)
    if wanted is not None:
        return f"is not {wanted}"
    return str(fault["msg"]).removeprefix("Value error, ")


def _most(kind: str, context: dict[str, Any]) -> str:
    return f"{context.get('max_length')} {'characters' if kind.startswith('string') else 'entries'}"


def _listed(expected: str) -> str:
    return expected.replace("'", "").replace(" or ", ", ")


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: the name that was probably meant, or else all names."""
    names = sorted(known)
    near = get_close_matches(_short(name), names, n=1, cutoff=0.7)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there is: {', '.join(names)}" if names else ""


def path_of(fault: Fault, whole: str) -> str:
    """Return the dotted path of a fault; ``whole`` where it concerns the whole input."""
    return ".".join(_short(str(step)) for step in fault["loc"]) or whole


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"


def refused(
    faults: Sequence[Any], of: str, known: Iterable[str] = (), *, more: Sequence[dict[str, str]] = ()
) -> InputError:
    """Return ``input.invalid`` with the path and reason of each fault of pydantic, after those in ``more``.

    Values are not repeated: they may be personal.
    """
    names = tuple(known)
    found = [
        {"path": path_of(dict(fault), of), "reason": reason_of(dict(fault), of, names)}
        for fault in faults[:_MOST]
    ]
    return refusal([*more, *found], len(more) + len(faults))


def refusal(fields: Sequence[dict[str, str]], count: int | None = None) -> InputError:
    """Return ``input.invalid`` about some fields, each with its path and reason; ``count`` where there are more."""
    text = "; ".join(f"{each['path']}: {each['reason']}" for each in fields[:3])
    left = (count or len(fields)) - 3
    return InputError("input.invalid", f"{text} (and {left} more)" if left > 0 else text, fields=list(fields))
