"""Scenario files run from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from permits_engine.cli.output import as_json, out, say
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.testing.scenarios import Result, plain, run_file


def run_files(paths: list[str], *, machine: bool) -> int:
    """Run each file and each ``.yaml`` below a folder.

    Return 1 where an expectation fails, 2 where a file cannot be read or a folder holds none.
    """
    worst = 0
    told: list[dict[str, Any]] = []
    for path in (file for each in paths for file in _files(each)):
        try:
            result = _run(path)
        except PermitsError as problem:
            worst = 2
            told.append({"file": path, "error": problem.as_dict()})
            say(f"{path}: {problem.code}: {problem.message.removeprefix(f'{path}: ')}")
            continue
        if result.failures:
            worst = max(worst, 1)
        told.append(
            {
                "file": path,
                "name": result.name,
                "passed": result.passed,
                "steps": result.steps,
                "failures": [
                    {
                        "step": f.step,
                        "day": f.day.isoformat(),
                        "do": f.do,
                        "field": f.field,
                        "expected": plain(f.expected),
                        "came": plain(f.came),
                        "explanation": list(f.explanation),
                    }
                    for f in result.failures
                ],
            }
        )
        if not machine:
            out(f"{'passed' if result.passed else 'FAILED'}  {result.name} ({result.steps} steps)")
            for failure in result.failures:
                out(failure.in_words())
    if machine:
        out(as_json(told))
    elif len(told) > 1:
        passed = sum(bool(each.get("passed")) for each in told)
        out(f"{passed} of {len(told)} passed")
    return worst


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
