"""The sections of the documents that are made from the code."""

from collections.abc import Callable
from pathlib import Path

from permits_engine.application.register.csv_file import COLUMNS, NEEDED
from permits_engine.application.register.rows import CODES
from permits_engine.domain.decisions import diagram
from tests.docs import reference

EFFECTIVE_FROM: dict[str, str] = {
    "permit.appeal_decided": "the decision that it annuls, where upheld",
    "permit.reinstated": "the annulled revocation",
    "permit.fact_recorded": "the day since which the fact holds",
    "permit.corrected": "the fact that it corrects",
    "permit.refused": "the title from the decision, the stay from its regular notification",
    "permit.renewal_refused": "the title from the decision, the stay from its regular notification",
    "permit.revoked": "the title from the decision, the stay from its regular notification",
}
"""The legal date from which an event takes effect where that is not its own ``effective_on``."""


def _diagram() -> str:
    return f"```mermaid\n{diagram.diagram()}\n```"


def _acts() -> str:
    lines = ["| event | acts from |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{name}` | {since} |" for name, since in EFFECTIVE_FROM.items())])


def _columns() -> str:
    lines = ["| French | English | must be filled |", "| --- | --- | --- |"]
    filled = {field: "yes" if field in NEEDED else "" for field in COLUMNS}
    return "\n".join(
        [*lines, *(f"| `{name}` | `{field}` | {filled[field]} |" for field, name in COLUMNS.items())]
    )


def _codes() -> str:
    lines = ["| code | the row is rejected because |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{code}` | {meaning} |" for code, meaning in CODES.items())])


def _source(name: str) -> str:
    """A program of the checkout, shown and not run: the tests run the program itself."""
    text = (Path(__file__).resolve().parents[2] / name).read_text(encoding="utf-8")
    return f"```py\n{text}```"


MAKERS: dict[str, Callable[[], str]] = {
    "diagram": _diagram,
    "commands by state": diagram.table,
    "acts from": _acts,
    "register columns": _columns,
    "register codes": _codes,
    "commands": reference.commands,
    "events": reference.events,
    "errors": reference.error_codes,
    "parameters": reference.parameters,
    "reading": reference.reading,
    "export columns": reference.export_columns,
    "portal": lambda: _source("examples/portal/app.py"),
    "feed": lambda: _source("examples/feed.py"),
    "flask": lambda: _source("examples/flask_host.py"),
    "django": lambda: _source("examples/django_host.py"),
}
