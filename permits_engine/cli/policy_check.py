"""A policy text checked, and the lifecycle drawn: neither needs a store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.options import argument
from permits_engine.domain import legal_time
from permits_engine.domain.decisions.diagram import diagram
from permits_engine.policies.calendars import ends_soon
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
    reason of each fault, and exit 2. A calendar that ends within two years is a warning.
    """
    text = read_file(file)
    code, _ = country_and_missing(text)
    if code in packaged_codes():
        text = completed(text, packaged(code))
    policy = compile_text(text)
    today = datetime.now(UTC).astimezone(legal_time.zone(policy.calendar.time_zone)).date()
    ending = ends_soon(policy.calendar, today)
    warnings = [] if ending is None else [ending]
    result: dict[str, Any] = {
        "jurisdiction": policy.jurisdiction,
        "digest": policy.digest,
        "parameters": len(policy.parameters),
        "values": len(policy.by_id),
        "warnings": warnings,
    }
    return answer(
        result,
        f"{file}: sound, {result['parameters']} parameters, {result['values']} values",
        *(f"warning: {each}" for each in warnings),
    )


@command("policy diagram", "permits policy diagram > lifecycle.mmd")
def draw() -> Answer:
    """Draw the lifecycle as a Mermaid state diagram."""
    return answer({"mermaid": diagram()}, diagram())
