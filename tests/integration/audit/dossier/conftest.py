"""The office with files of every kind, one of which goes to court."""

from tests.integration.audit.exports.conftest import past

__all__ = ["past"]
