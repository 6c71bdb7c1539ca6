"""Scenario files run from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from permits_engine.cli import output
from permits_engine.cli.command import Answer, command
from permits_engine.cli.options import argument, flag
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.testing.scenarios import Result, run_file


@command("scenario run", "permits scenario run tests/scenarios")
def run(
    paths: Annotated[list[str], argument("PATH…", "Scenario files (YAML) or folders of them.")],
    json: Annotated[bool, flag("--json", "Print the result as JSON.")] = False,
) -> Answer:
    """Run scenario files, and every .yaml file below a folder.

    Prints each difference with the calculation of the deadline. Exit 1 where there is one, 2 where a file cannot be
    read or a folder holds none.
    """
    worst = 0
    results: list[dict[str, Any]] = []
    for path in (file for each in paths for file in _files(each)):
        try:
            result = _run(path)
        except PermitsError as problem:
            worst = 2
            results.append({"file": path, "error": problem.as_dict()})
            output.say(f"{path}: {problem.code}: {problem.message.removeprefix(f'{path}: ')}")
            continue
        worst = max(worst, 0 if result.passed else 1)
        results.append(
            {
                "file": path,
                "name": result.name,
                "passed": result.passed,
                "steps": result.steps,
                "failures": msgspec.to_builtins(result.failures),
            }
        )
        if not json:
            output.out(f"{'passed' if result.passed else 'FAILED'}  {result.name} ({result.steps} steps)")
            for failure in result.failures:
                output.out(failure.in_words())

    def show() -> None:
        if len(results) > 1:
            passed = sum(bool(each.get("passed")) for each in results)
            output.out(f"{passed} of {len(results)} passed")

    return Answer(results, show, worst)


def _files(path: str) -> list[str]:
    below = sorted(Path(path).rglob("*.yaml")) if _is_folder(path) else []
    return [str(file) for file in below if file.is_file()] or [path]


def _run(path: str) -> Result:
    if _is_folder(path):
        raise invalid(path, "holds no .yaml file; name a scenario file or a folder of them")
    return run_file(path)


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:  # such as a name that is too long, which reading it as a file reports
        return False
