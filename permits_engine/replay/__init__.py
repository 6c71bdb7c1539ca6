"""Histories decided again: under their own rules (replay), or under another policy (what if)."""
