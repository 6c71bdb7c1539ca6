"""Scenario files run from the command line."""

from __future__ import annotations

from typing import Any

from permits_engine.cli.output import as_json, out, say
from permits_engine.domain.errors import PermitsError
from permits_engine.testing.scenarios import plain, run_file


def run_files(files: list[str], *, machine: bool) -> int:
    """Run each file; 1 where an expectation fails, 2 where a file cannot be read."""
    worst = 0
    told: list[dict[str, Any]] = []
    for path in files:
        try:
            result = run_file(path)
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
