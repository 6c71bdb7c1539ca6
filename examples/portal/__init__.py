"""A small prefecture portal on the engine: see ``app.py``."""
