"""Small faults put into functions on purpose: a comparison turned, a number changed, a condition forced."""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult,
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One fault: the function it is in, where, what it was and what it is now."""

    module: str
    function: str
    line: int
    was: str
    becomes: str
    definition: ast.FunctionDef
    place: tuple[int, int]

    def tree(self) -> ast.Module:
        """The function with the fault in it."""
        changed = copy.deepcopy(self.definition)
        number, which = self.place
        places = list(_places(changed))
        places[number][1][which][1]()
        alone = ast.Module([changed], [])
        ast.fix_missing_locations(alone)
        return alone

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.function}: {self.was} -> {self.becomes}"


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of every function of a module.

    Left alone: docstrings, annotations, words of explanations (f-strings), asserts, and what is raised.
    """
    tree = ast.parse(source)
    for name, function in _functions(tree):
        for number, (node, changes) in enumerate(_places(function)):
            for which, (becomes, _) in enumerate(changes):
                was = ast.unparse(node)
                yield Mutant(module, name, node.lineno, was, becomes, function, (number, which))


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef):
                    yield f"{node.name}.{each.name}", each


def _places(
    function: ast.FunctionDef,
) -> Iterator[tuple[ast.expr | ast.stmt, list[tuple[str, Callable[[], None]]]]]:
    """Each node that may be changed, with the changes: how it then reads, and what makes it so."""
    for parent in _walk(function):
        for name, value in ast.iter_fields(parent):
            spots = [(parent, name, None, value)] if isinstance(value, ast.AST) else []
            if isinstance(value, list):
                spots = [(parent, name, n, each) for n, each in enumerate(value) if isinstance(each, ast.AST)]
            for owner, attribute, at, node in spots:
                changes = [(ast.unparse(new), _setter(owner, attribute, at, new)) for new in _changed(node)]
                if changes:
                    yield node, changes


def _walk(function: ast.FunctionDef) -> Iterator[ast.AST]:
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(function.body) > 1:
        del function.body[0]  # the docstring
    holder = ast.Module(function.body, [])  # the same list: what is changed in it is changed in the function
    queue: list[ast.AST] = [holder]
    while queue:
        node = queue.pop(0)
        yield node
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns", "decorator_list"}:
                continue
            children = value if isinstance(value, list) else [value]
            queue += [c for c in children if isinstance(c, ast.AST) and not isinstance(c, _LEFT_ALONE)]


_LEFT_ALONE = (ast.JoinedStr, ast.Assert, ast.Raise, ast.ImportFrom, ast.Import)


def _setter(owner: ast.AST, attribute: str, at: int | None, new: ast.AST) -> Callable[[], None]:
    def change() -> None:
        if at is None:
            setattr(owner, attribute, new)
        else:
            getattr(owner, attribute)[at] = new

    return change


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may become."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
        yield _with(node, ops=[COMPARISONS[type(node.ops[0])]()])
    elif isinstance(node, ast.Compare):
        for n, each in enumerate(node.ops):
            if type(each) in COMPARISONS:
                yield _with(node, ops=[*node.ops[:n], COMPARISONS[type(each)](), *node.ops[n + 1 :]])
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        for n in range(len(node.values)):
            rest = node.values[:n] + node.values[n + 1 :]
            yield rest[0] if len(rest) == 1 else _with(node, values=rest)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        yield _with(node, op=ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Constant) and type(node.value) is str and node.value:
        yield ast.Constant(node.value + "?")
    elif isinstance(node, ast.Name) and node.id in NAMES:
        yield ast.Name(NAMES[node.id], ast.Load())
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.If):
        for forced in (True, False):
            yield _with(node, test=ast.Constant(forced))
    elif isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
        yield _with(node, op=ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.Break):
        yield ast.Continue()


def _with(node: ast.AST, **fields: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
