"""The command line, as the end-to-end tests have it."""

from tests.e2e.conftest import bare

__all__ = ["bare"]
