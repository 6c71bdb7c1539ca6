"""The ``permits`` command: parse, call the façade, print."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with the exit code of the contract."""
    try:
        from permits_engine.cli.app import run  # a tenth of a second, in which Ctrl-C may come

        sys.exit(run(arguments))
    except KeyboardInterrupt:  # while the program was still loading
        sys.exit(130)


__all__ = ["main"]
