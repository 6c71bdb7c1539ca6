"""The ``permits`` command: parse, call the façade, print."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with the exit code of the contract."""
    from permits_engine.cli.app import run

    sys.exit(run(arguments))


__all__ = ["main"]
