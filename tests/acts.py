"""Fields of acts that many tests carry out, where only a few of them matter to the test."""

from typing import Any

ADVISED = {"body": "local_commission", "favourable": True, "reasons": "shown"}
"""The opinion of a local commission in favour."""
REASONED = {"reasons_in_fact": "a finding", "reasons_in_law": "an article"}
REVOKED = {"ground": "documents-not-furnished", **REASONED}
TOLD = {"mode": "written", "proof": "signed receipt"}
"""A notification that counts."""


def fact(kind: str, since: str, until: str | None = None) -> dict[str, Any]:
    """A fact about a person with its evidence, from a day, to a day if it ends."""
    last = {} if until is None else {"until": until}
    return {"kind": kind, "since": since, "evidence": "certificate", **last}


def correction(of_version: int, field: str, value: object) -> dict[str, Any]:
    """A field of an earlier event put right."""
    return {"of_version": of_version, "field": field, "value": value, "reason": "a slip of the pen"}


def removal(on: str, ground: str = "after-expiry") -> dict[str, Any]:
    """An order to leave that is notified at nine on a day."""
    return {"ground": ground, "notified_at": f"{on}T09:00:00Z"}
