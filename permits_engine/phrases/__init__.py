"""Phrases in other languages than English: for each id a text with the same values, as data."""
