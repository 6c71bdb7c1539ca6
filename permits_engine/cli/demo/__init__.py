"""The operation of 2014 replayed at its published size, through the same façade that a prefecture uses."""

from permits_engine.cli.demo.run import run_demo

__all__ = ["run_demo"]
