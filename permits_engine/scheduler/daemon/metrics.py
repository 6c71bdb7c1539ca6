"""The daemon for a monitoring system, on the loopback interface: /metrics, /healthz and /readyz."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from permits_engine.application.context import Context
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.scheduler.daemon import health
from permits_engine.scheduler.daemon.lease import uptime
from permits_engine.scheduler.passes.reconciler import Pass

DEAD = 30.0
"""Seconds without a turn of the main thread after which the daemon counts as dead."""
HOSTS = ("127.0.0.1", "::1", "localhost")


class Metrics:
    """Counts what duties did, and reads the store at each scrape."""

    def __init__(self, context: Context) -> None:
        try:
            # An extra, which costs 60 ms to load.
            import prometheus_client as prometheus
            from prometheus_client.core import GaugeMetricFamily
        except ImportError:
            raise invalid(
                "PERMITS_LISTEN", "needs prometheus-client; run: pip install permits-engine[metrics]"
            ) from None
        self._context = context
        self._registry = prometheus.CollectorRegistry()
        self._text = prometheus.generate_latest
        self._gauge = GaugeMetricFamily
        registry = self._registry
        counter: Any = partial(prometheus.Counter, registry=registry)
        gauge: Any = partial(prometheus.Gauge, registry=registry)
        self.leader = gauge("permits_daemon_leader", "Whether this process runs the passes")
        self.passes = counter("permits_passes", "Passes by how they ended", ["result"])
        self.seconds = prometheus.Histogram("permits_pass_seconds", "How long passes took", registry=registry)
        self.finished = gauge("permits_last_pass_timestamp_seconds", "When the last good pass ended")
        self.acts = counter("permits_acts", "Effects of time by name", ["name"])
        self.notices = counter("permits_notices", "Notices by outcome", ["outcome"])
        self.unavailable = gauge(
            "permits_channel_away", "Whether a channel was out of order in the last pass", ["channel"]
        )
        self._registry.register(self)

    def passed(self, report: Pass, seconds: float) -> None:
        """Count a pass that went well."""
        self.passes.labels("done").inc()
        self.seconds.observe(seconds)
        self.finished.set_to_current_time()
        for name, count in report.acts.items():
            self.acts.labels(name).inc(count)
        self.unavailable.clear()
        self.sent(report)

    def sent(self, report: Pass) -> None:
        """Count notices by outcome."""
        for name, count in report.notices.items():
            self.notices.labels(name).inc(count)
        for channel in report.unavailable:
            self.unavailable.labels(channel).set(1)

    def failed(self, result: str) -> None:
        """Count a pass that was braked, failed, crashed or lost its lease."""
        self.passes.labels(result).inc()

    def text(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        return self._text(self._registry)

    def collect(self) -> Iterable[Any]:
        """Yield the figures of the store, for the registry; none while it cannot be reached."""
        try:
            with self._context.database.read() as tx:
                facts = health.facts(tx)
                policy = self._context.policies.home_policy(tx)
        except PermitsError:
            return
        yield self._gauge("permits_notices_waiting", "Notices to be sent", facts["waiting"]["messages"])
        since = facts["waiting"]["since"]
        late = (self._context.today(policy) - date.fromisoformat(since)).days if since else 0
        yield self._gauge("permits_notices_oldest_days", "Days since the oldest of them became due", late)
        parked = self._gauge("permits_notices_parked", "Notices that wait for a human", labels=["reason"])
        for reason, count in facts["parked"].items():
            parked.add_metric([reason], count)
        yield parked


class MetricsServer:
    """Serves the three addresses; ``trouble`` returns why passes do not run, if they do not."""

    def __init__(self, host: str, port: int, metrics: Metrics, trouble: Callable[[], str | None]) -> None:
        self._turned = uptime()
        self._metrics, self._trouble = metrics, trouble
        answers = self._answers

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                code, body, kind = answers(self.path)
                self.send_response(code)
                self.send_header("Content-Type", f"text/plain; {kind}charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Log nothing: requests are not the daemon's work."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as problem:
            raise invalid("PERMITS_LISTEN", f"{host}:{port} cannot be used: {problem.strerror}") from None
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    def turn(self) -> None:
        """Note that the main thread is alive."""
        self._turned = uptime()

    def open(self) -> None:
        """Start to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop to answer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answers(self, path: str) -> tuple[int, bytes, str]:
        """Return status, body and the format's version for a path."""
        if path == "/metrics":
            return 200, self._metrics.text(), "version=0.0.4; "
        if path == "/healthz":
            alive = uptime() - self._turned < DEAD
            return (200, b"ok\n", "") if alive else (503, b"the main thread does not respond\n", "")
        if path == "/readyz":
            trouble = self._trouble()
            return 503 if trouble else 200, f"{trouble or 'ok'}\n".encode(), ""
        return 404, b"/metrics, /healthz or /readyz\n", ""


def place_of(listen: str) -> tuple[str, int]:
    """Return host and port of a setting such as ``127.0.0.1:9464``; raise ``input.invalid``."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]") or HOSTS[0]
    if host not in HOSTS:
        raise invalid("PERMITS_LISTEN", f"{host} is not on this machine; write 127.0.0.1:PORT")
    if not port.isdigit() or int(port) > 65_535:
        raise invalid("PERMITS_LISTEN", f"{port!r} is no port; write 127.0.0.1:PORT")
    return host, int(port)
