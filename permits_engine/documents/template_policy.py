"""What the template of a letter may do: insert a word, choose between sentences, loop over a list.

Jinja's sandbox keeps a template away from Python, but computes ``9 ** 9 ** 9`` while it loads a file. So a template is
checked before it is compiled.
"""

from __future__ import annotations

from collections.abc import Set

from jinja2 import nodes

_PLAIN = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Compare, nodes.Operand, nodes.Test, nodes.Sub),
)
_FILTERS = frozenset({"length"})
_TESTS = frozenset({"none", "defined"})
_METHODS = frozenset({"endswith", "startswith"})


def first_forbidden(parsed: nodes.Template, lists: Set[str]) -> str | None:
    """Describe the first node of a template that no letter needs, or return none; ``lists`` may be looped over."""
    stack: list[nodes.Node] = [parsed]
    while stack:
        node = stack.pop()
        if not _allowed(node, lists):
            return f"line {node.lineno}: {type(node).__name__.lower()}"
        stack.extend(node.iter_child_nodes())
    return None


def _allowed(node: nodes.Node, lists: Set[str]) -> bool:
    match node:
        case nodes.For():
            # Nested loops would multiply the output.
            over, inner = node.iter, node.find(nodes.For)
            return (
                isinstance(over, nodes.Name) and over.name in lists and not node.recursive and inner is None
            )
        case nodes.Filter():
            return node.name in _FILTERS
        case nodes.Test():
            return node.name in _TESTS
        case nodes.Getattr():
            return isinstance(node.node, nodes.Name) and not node.attr.startswith("_")
        case nodes.Call():
            called = node.node
            return isinstance(called, nodes.Getattr) and called.attr in _METHODS
        case _:
            return isinstance(node, _PLAIN)
