"""``python -m permits_engine.cli``."""

from permits_engine.cli import main

main()
