"""Hosts of the engine, small enough to read; the tests run them."""
