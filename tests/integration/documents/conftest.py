"""An office on each database, and the address of its own store."""

from tests.integration.application.conftest import store_url

__all__ = ["store_url"]
