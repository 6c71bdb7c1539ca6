"""How long personal data are kept: the rules, what is due, and its erasure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from permits_engine.application.queries.retention import RetentionPlan, as_rows
from permits_engine.cli import output
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.options import option
from permits_engine.cli.session import Session
from permits_engine.domain.events import Actor
from permits_engine.engine import Engine

ROLES = ["administrator"]


@command("retention rules", "permits retention rules")
def rules(engine: Engine) -> Sequence[Mapping[str, Any]]:
    """List how long each class of data is kept, by norm."""
    return engine.privacy.retention_rules()


@command("retention due", "permits retention due --json", roles=ROLES)
def due(engine: Engine, session: Session) -> Answer:
    """List whose time is over today, and what prevents erasure."""
    return _due(engine.privacy.retention_due(letters=session.settings.mail_folder))


@command(
    "retention apply", "permits retention apply", "permits retention apply --plan 3f0c1d2e4b5a", roles=ROLES
)
def apply(
    engine: Engine,
    session: Session,
    actor: Actor,
    plan: Annotated[
        str | None, option("--plan", "P", "Carry this plan out, as it was shown [only show it].")
    ] = None,
) -> Answer:
    """Erase what has been kept long enough.

    Without --plan it is a dry run: it shows what would be erased, and the name of exactly that plan. With it, the
    people of the plan are erased and its letters deleted, unless something has changed since (exit 1).
    """
    folder = session.settings.mail_folder
    if plan is None:
        return _due(engine.privacy.retention_due(letters=folder), "a dry run: nothing was changed")
    done = engine.privacy.apply_retention(plan, actor=actor, letters=folder)
    people, letters = done["erased"], done["letters_removed"]
    return answer(
        done,
        f"erased: {output.count(people, 'person', 'people')}; deleted: {output.count(letters, 'letter')}.",
    )


def _due(found: RetentionPlan, hint: str = "") -> Answer:
    rows = as_rows(found.due)
    people, letters = len(found.people), len(found.letters)

    def show() -> None:
        if rows:
            held = [row | {"held_by": [each["because"] for each in row.get("held_by", [])]} for row in rows]
            output.table(held, ["data", "holder_id", "notice_id", "ended_on", "due_on", "norm", "held_by"])
        output.out(
            f"plan {found.plan}: {output.count(people, 'person', 'people')} to erase, "
            f"{output.count(letters, 'letter')} to delete; permits retention apply --plan {found.plan}"
        )
        if hint:
            output.say(hint)

    return Answer({"plan": found.plan, "people": people, "letters": letters, "due": rows}, show)
