"""The dossier of one permit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from permits_engine.cli import output
from permits_engine.cli.exports import Force, Purpose, WithPersonalData
from permits_engine.cli.help import examples
from permits_engine.cli.options import Json, PermitId, id_of, open_engine, operator_now


def dossier(
    permit_id: PermitId,
    language: Annotated[
        str, typer.Option("--language", metavar="L", help="Of the page: fr, ar or en.")
    ] = "fr",
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Write it there [standard output].")
    ] = None,
    with_personal_data: WithPersonalData = False,
    purpose: Purpose = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Everything about one permit, for a court.

    A page that prints: what happened, each decision with its reasons and legal bases, deadlines, messages with
    the evidence of their delivery, and a proof of each event.
    """
    from permits_engine.audit.dossier import page
    from permits_engine.audit.exports import output_files
    from permits_engine.documents.language import checked_language

    wanted, used = id_of(permit_id), checked_language(language)
    if out is not None:
        output_files.may_replace(Path(out), force=force, folder=False)
    with open_engine() as engine:
        found = operator_now().ask(
            engine,
            lambda reader: reader.audit.dossier(wanted, with_personal_data=with_personal_data),
            purpose,
        )
    if out is not None:
        with output_files.whole_file(Path(out), force=force) as part:
            part.write_text(page.html(found, used), encoding="utf-8")
    if json:
        output.out(output.as_json(found.as_dict()))
    elif out is None:
        output.exact(page.html(found, used))


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command(
        "dossier",
        epilog=examples(
            "permits dossier 0190… --out dossier.html",
            'permits dossier 0190… --language ar --with-personal-data --purpose "order 94/2015" --out dossier.html',
        ),
    )(dossier)
