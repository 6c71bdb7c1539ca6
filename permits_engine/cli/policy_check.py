"""A policy text checked, and the lifecycle drawn: neither needs a store."""

from __future__ import annotations

from typing import Annotated

from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.options import argument
from permits_engine.domain.decisions.diagram import diagram
from permits_engine.policies.loading import (
    compile_text,
    completed,
    country_and_missing,
    packaged,
    packaged_codes,
    read_file,
)


@command("policy check", "permits policy check ma-2027.yaml")
def check(
    file: Annotated[str, argument("FILE", "A policy text (YAML), or a folder with its three files.")],
) -> Answer:
    """Check whether a policy file can be used.

    Parts that it lacks are taken from the packaged policy of its country. Where it cannot be used: the line and
    reason of each fault, and exit 2.
    """
    text = read_file(file)
    code, _ = country_and_missing(text)
    if code in packaged_codes():
        text = completed(text, packaged(code))
    policy = compile_text(text)
    result = {
        "jurisdiction": policy.jurisdiction,
        "digest": policy.digest,
        "parameters": len(policy.parameters),
        "values": len(policy.by_id),
    }
    return answer(result, f"{file}: sound, {result['parameters']} parameters, {result['values']} values")


@command("policy diagram", "permits policy diagram > lifecycle.mmd")
def draw() -> Answer:
    """Draw the lifecycle as a Mermaid state diagram."""
    return answer({"mermaid": diagram()}, diagram())
