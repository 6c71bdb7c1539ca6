"""What a monitoring system asks of a daemon, on the loopback interface: /metrics, /healthz and /readyz."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.scheduler.daemon import health
from permits_engine.scheduler.daemon.lease import uptime
from permits_engine.scheduler.passes.reconciler import Pass

DEAD = 30.0
"""Seconds without a beat of the main thread after which the daemon counts as dead."""
HOSTS = ("127.0.0.1", "::1", "localhost")


class Metrics:
    """Counts what passes did, and gathers what the store says when somebody asks."""

    def __init__(self, engine: Any) -> None:
        try:
            import prometheus_client as prometheus
            from prometheus_client.core import GaugeMetricFamily
        except ImportError:
            raise invalid(
                "PERMITS_LISTEN", "needs prometheus-client; run: pip install permits-engine[metrics]"
            ) from None
        self._engine = engine
        self._registry = prometheus.CollectorRegistry()
        self._text = prometheus.generate_latest
        self._gauge = GaugeMetricFamily
        one: dict[str, Any] = {"registry": self._registry}
        self.leader = prometheus.Gauge("permits_daemon_leader", "Whether this process runs the passes", **one)
        self.passes = prometheus.Counter("permits_passes", "Passes by how they ended", ["result"], **one)
        self.seconds = prometheus.Histogram("permits_pass_seconds", "How long passes took", **one)
        self.finished = prometheus.Gauge(
            "permits_last_pass_timestamp_seconds", "When the last pass that went well ended", **one
        )
        self.acts = prometheus.Counter("permits_acts", "Acts of the clock by name", ["name"], **one)
        self.notices = prometheus.Counter("permits_notices", "Messages by outcome", ["outcome"], **one)
        self.away = prometheus.Gauge(
            "permits_channel_away", "Whether a channel was out of order in the last pass", ["channel"], **one
        )
        self._registry.register(_Store(self))

    def passed(self, report: Pass, seconds: float) -> None:
        """A pass went well."""
        self.passes.labels("done").inc()
        self.seconds.observe(seconds)
        self.finished.set_to_current_time()
        for name, count in report.acts.items():
            self.acts.labels(name).inc(count)
        for name, count in report.notices.items():
            self.notices.labels(name).inc(count)
        self.away.clear()
        for channel in report.away:
            self.away.labels(channel).set(1)

    def failed(self, result: str) -> None:
        """A pass ended otherwise: braked, failed, crashed or lost."""
        self.passes.labels(result).inc()

    def text(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return self._text(self._registry)

    def gathered(self) -> Iterable[Any]:
        """What the store says now; nothing where it cannot be reached."""
        try:
            with self._engine.database.read() as tx:
                facts = health.facts(tx)
        except PermitsError:
            return
        gauge = self._gauge
        yield gauge("permits_notices_waiting", "Messages to go out", facts["waiting"]["messages"])
        since = facts["waiting"]["since"]
        late = (self._engine.queries.today() - _day(since)).days if since else 0
        yield gauge("permits_notices_oldest_days", "Days since the oldest of them became due", late)
        parked = gauge("permits_notices_parked", "Messages that wait for a human", labels=["reason"])
        for reason, count in facts["parked"].items():
            parked.add_metric([reason], count)
        yield parked


class _Store:
    """Asks the store at each scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Any]:
        return self._metrics.gathered()

    def describe(self) -> Iterable[Any]:
        return ()


class Doors:
    """The three addresses; ``ready`` tells what keeps passes from running, if anything does."""

    def __init__(self, host: str, port: int, metrics: Metrics, ready: Callable[[], str | None]) -> None:
        self.beat = uptime()
        doors = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._answer(200, metrics.text(), "text/plain; version=0.0.4; charset=utf-8")
                elif self.path == "/healthz":
                    alive = uptime() - doors.beat < DEAD
                    self._answer(
                        200 if alive else 503, b"ok\n" if alive else b"the main thread stands still\n"
                    )
                elif self.path == "/readyz":
                    trouble = ready()
                    self._answer(503 if trouble else 200, f"{trouble or 'ok'}\n".encode())
                else:
                    self._answer(404, b"/metrics, /healthz or /readyz\n")

            def _answer(self, code: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """The daemon's own log says what it did; who asked is no news."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as problem:
            raise invalid("PERMITS_LISTEN", f"{host}:{port} cannot be used: {problem.strerror}") from None
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="doors", daemon=True)

    def open(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def place_of(listen: str) -> tuple[str, int]:
    """Host and port of a setting such as ``127.0.0.1:9464``; raises ``input.invalid``."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or HOSTS[0]
    if host not in HOSTS:
        raise invalid("PERMITS_LISTEN", f"{host} is not on this machine; write 127.0.0.1:PORT")
    if not port.isdigit() or int(port) > 65_535:
        raise invalid("PERMITS_LISTEN", f"{port!r} is no port; write 127.0.0.1:PORT")
    return host, int(port)


def _day(text: str) -> Any:
    from datetime import date

    return date.fromisoformat(text)
