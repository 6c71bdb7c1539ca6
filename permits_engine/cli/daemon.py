"""One scheduler pass from the command line, with the channels that the settings name."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import make_url

from permits_engine.scheduler.delivery.channel import Channel
from permits_engine.scheduler.delivery.counter import CounterChannel
from permits_engine.scheduler.delivery.folder import FolderChannel
from permits_engine.scheduler.delivery.smtp import SmtpChannel
from permits_engine.scheduler.outbox import Routes
from permits_engine.scheduler.passes import run_pass


def routes(settings: Any, *, simulated: bool) -> Routes:
    """SMTP where a host is named, else a folder of .eml files; a simulated store never sends by SMTP."""
    holder: Channel
    if settings.smtp_host and not simulated:
        holder = SmtpChannel(
            settings.smtp_host,
            settings.smtp_port,
            settings.mail_from,
            security=settings.smtp_security,
            username=settings.smtp_user,
            password=settings.smtp_password,
        )
    else:
        holder = FolderChannel(mail_folder(settings), settings.mail_from)
    office: Channel = holder if settings.office_addresses else CounterChannel()
    return Routes(holder, office, offices=settings.office_addresses)


def mail_folder(settings: Any) -> Path:
    """The folder of .eml files: as set, or ``mail`` beside a SQLite store."""
    if settings.mail_dir is not None:
        return Path(settings.mail_dir)
    if not settings.store.startswith("sqlite"):
        return Path("mail")
    return Path(str(make_url(settings.store).database)).parent / "mail"


def one_pass(engine: Any, settings: Any, on: date | None) -> dict[str, Any]:
    """Run one pass and give its report."""
    simulated = engine.status()["head"]["simulated"]
    channels = routes(settings, simulated=simulated)
    report: dict[str, Any] = msgspec.to_builtins(run_pass(engine, channels, on=on))
    channels.holder.close()
    return report
