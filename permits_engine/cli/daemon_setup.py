"""The scheduler from the command line: its channels as the settings name them, one pass or many."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from types import FrameType
from typing import Any

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger

from permits_engine.cli.settings import Service, Settings
from permits_engine.domain.errors import invalid
from permits_engine.engine import Engine
from permits_engine.scheduler.daemon import daemon, metrics
from permits_engine.scheduler.delivery.channel import Channel, CounterChannel
from permits_engine.scheduler.delivery.folder import FolderChannel
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.delivery.smtp import SmtpChannel

_SELDOM = {"away", "digests", "undigested", "stopped", "unproven"}
"""Fields of a report of a pass that are left out where they are empty."""


def routes(settings: Settings, *, simulated: bool) -> Routes:
    """Return mail and the services that are named, in their order; a simulated store reaches only the folder."""
    mail = _mail(settings, simulated=simulated)
    services = {} if simulated else {each.name: _service(each) for each in settings.services}
    holder = [{"mail": mail, **services}[name] for name in settings.order if name == "mail" or services]
    office: Channel = mail if settings.office_addresses else CounterChannel()
    return Routes(holder or mail, office, offices=settings.office_addresses, digests=settings.office_digest)


def _mail(settings: Settings, *, simulated: bool) -> Channel:
    """Return SMTP where a host is named, else a folder of .eml files."""
    if not settings.smtp_host or simulated:
        return FolderChannel(settings.mail_folder, settings.mail_from)
    return SmtpChannel(
        settings.smtp_host,
        settings.smtp_port,
        settings.mail_from,
        security=settings.smtp_security,
        username=settings.smtp_user,
        password=settings.smtp_password,
        timeout=settings.smtp_timeout,
        per_second=settings.smtp_per_second,
    )


def _service(given: Service) -> Channel:
    where = f"PERMITS_SERVICES.{given.name}.url"
    try:
        # An extra, which costs a fifth of a second to load.
        from permits_engine.scheduler.delivery.apprise import AppriseChannel

        return AppriseChannel(given.name, given.url, segments=given.segments, per_second=given.per_second)
    except ValueError as problem:
        raise invalid(where, str(problem)) from None
    except ModuleNotFoundError:
        raise invalid(where, "needs Apprise: pip install 'permits-engine[channels]'") from None


def setup(engine: Engine, settings: Settings) -> daemon.Setup:
    """Return what the settings ask of the scheduler."""
    simulated = engine.queries.status()["head"]["simulated"]
    return daemon.Setup(
        routes(settings, simulated=simulated),
        settings.interval,
        settings.lease_seconds,
        settings.brake,
        settings.heartbeat,
        settings.checkpoints,
        settings.checkpoint_every,
    )


def holder() -> str:
    """Name this process, as the one that runs the passes."""
    return f"{socket.gethostname()}/{os.getpid()}"


def one_pass(engine: Engine, settings: Settings, on: date | None, *, release: bool = False) -> dict[str, Any]:
    """Run one pass and return its report; SIGTERM ends it after the letter that is being sent."""
    stop = threading.Event()
    asked = setup(engine, settings)
    with _on_signals({signal.SIGTERM: stop.set}):
        report = daemon.once(engine.context, asked, holder=holder(), on=on, release=release, stop=stop)
    plain: dict[str, Any] = msgspec.to_builtins(report)
    return {name: value for name, value in plain.items() if value or name not in _SELDOM}


def run(
    engine: Engine, read: Callable[[], Settings], log: FilteringBoundLogger, *, release: bool = False
) -> None:
    """Run passes until SIGTERM or SIGINT; SIGHUP reads the settings again."""
    listen = read().listen
    watched = metrics.Metrics(engine.context) if listen else None
    running = daemon.Daemon(
        engine.context, lambda: setup(engine, read()), log, holder=holder(), release=release, metrics=watched
    )
    server = _metrics_server(running, listen, watched)
    with _on_signals(
        {signal.SIGTERM: running.stop, signal.SIGINT: running.stop, signal.SIGHUP: running.reload}
    ):
        try:
            running.run()
        finally:
            if server is not None:
                server.close()


def _metrics_server(
    running: daemon.Daemon, listen: str | None, watched: metrics.Metrics | None
) -> metrics.MetricsServer | None:
    if listen is None or watched is None:
        return None
    server = metrics.MetricsServer(*metrics.place_of(listen), watched, lambda: running.trouble)
    running.on_turn = server.turn
    server.open()
    running.log.info("metrics.open", port=server.port)
    return server


def logger(*, machine: bool | None = None) -> Any:
    """Set up the log on standard error; ``machine`` asks for JSON (default: unless that is a terminal)."""
    plain = machine if machine is not None else not sys.stderr.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shown: Any = (
        structlog.processors.JSONRenderer()
        if plain
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, shown],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # A tick that comes while a pass is running is normal, and not for the operator.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    return structlog.get_logger()


@contextmanager
def _on_signals(actions: dict[signal.Signals, Callable[[], None]]) -> Iterator[None]:
    """Set what signals do meanwhile; outside the main thread they stay as they are."""

    def handle(number: int, _frame: FrameType | None) -> None:
        actions[signal.Signals(number)]()

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, handle) for number in actions}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
