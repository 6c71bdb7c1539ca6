"""YAML as plain data: no tags, no code, no bombs, no repeated fields; each fault with its line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

Node = yaml.Node
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPEST = 40
"""Levels of nesting."""
MOST = 400_000
"""Values, with aliases unfolded."""


# Raised by the constructors of plain tags for a value that does not fit, as in `!!bool maybe`.
_UNREADABLE = (ValueError, OverflowError, TypeError, AttributeError, LookupError)


class YamlError(ValueError):
    """A text that is not plain YAML: ``line`` (from 1) and ``reason``."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def documents(text: str) -> Iterator[tuple[Any, Node]]:
    """Yield each document of a text as plain values, with its node for line numbers; raise ``YamlError``."""
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        line = text.count("\n", 0, problem.start) + 1
        raise YamlError(line, "holds half of a character; save it as UTF-8") from None
    try:
        # Before composing, which recurses: in C a stack overflow kills the process.
        _shallow(text)
        budget = MOST
        for node in list(yaml.compose_all(text, Loader=LOADER)):
            budget -= _checked(node, budget)
            yield _constructed(node), node
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        raise YamlError(mark.line + 1 if mark else 1, _reason(problem)) from None
    except yaml.YAMLError as problem:
        at = getattr(problem, "position", None)
        line = text.count("\n", 0, at) + 1 if isinstance(at, int) else 1
        raise YamlError(line, _first(str(problem))) from None


def _shallow(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise YamlError(_line(event), f"is nested deeper than {DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _checked(root: Node, budget: int) -> int:
    """Return the number of values of a document; raise where it is too large, cyclic or not plain."""
    count = 0
    stack: list[tuple[Node, int]] = [(root, 0)]
    while stack:
        node, depth = stack.pop()
        count += 1
        if count > budget or depth > DEEPEST:
            raise YamlError(_line(node), "unfolds into too much, or refers to itself")
        if isinstance(node, yaml.MappingNode):
            _once(node)
            for pair in node.value:
                stack += [(each, depth + 1) for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            stack += [(each, depth + 1) for each in node.value]
    return count


def _once(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError(_line(key), "a field's name is not plain text")
        if key.value in seen:
            raise YamlError(_line(key), f"the field {key.value[:80]!r} occurs twice")
        seen.add(key.value)


def _constructed(node: Node) -> Any:
    loader = LOADER("")
    try:
        return loader.construct_document(node)
    except _UNREADABLE as problem:
        culprit = _culprit(node)
        if culprit is not None and culprit is not node:
            _constructed(culprit)
        said = str(problem)
        if not isinstance(problem, ValueError | OverflowError):
            said = "the tag does not fit the value"
        reason = "a number has too many digits" if "int_max_str_digits" in said else said
        raise YamlError(_line(node), f"cannot be read: {reason}") from None
    finally:
        loader.dispose()


def _culprit(node: Node) -> Node | None:
    """Return the first part of a node that cannot be read by itself."""
    if not isinstance(node, yaml.CollectionNode):
        return node
    part: Node
    for each in node.value:
        for part in each if isinstance(each, tuple) else (each,):
            loader = LOADER("")
            try:
                loader.construct_document(part)
            except _UNREADABLE:
                return part
            finally:
                loader.dispose()
    return None


def _line(node: Node | yaml.Event) -> int:
    assert node.start_mark is not None
    return int(node.start_mark.line) + 1


def _reason(problem: yaml.MarkedYAMLError) -> str:
    reason = str(problem.problem or "is not YAML")
    if reason.startswith("could not determine a constructor for the tag"):
        return f"the tag {reason.rpartition(' ')[2]} is not allowed: only plain data are"
    return _first(reason)


def _first(said: str) -> str:
    return said.splitlines()[0] if said else "is not YAML"


def line_of(node: Node, path: tuple[Any, ...]) -> int:
    """Return the line (from 1) of the deepest node of a path."""
    line = _line(node)
    for step in path:
        following = None
        if isinstance(node, yaml.MappingNode):
            following = next((v for k, v in node.value if getattr(k, "value", None) == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            following = node.value[step]
        if following is None:
            return line
        node = following
        line = _line(node)
    return line
