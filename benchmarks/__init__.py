"""How fast the engine is beside the bare driver on the same database; run with ``python -m benchmarks``."""
