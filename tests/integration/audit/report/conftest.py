"""The office with files of every kind, to be counted."""

from tests.integration.audit.exports.conftest import past

__all__ = ["past"]
