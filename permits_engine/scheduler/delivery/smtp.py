"""Letters by SMTP; the server's last reply is the evidence."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

from permits_engine.scheduler.delivery.channel import (
    Channel,
    Contact,
    DeliveryError,
    Evidence,
    Letter,
    one_line,
)
from permits_engine.scheduler.delivery.mime import (
    mailbox,
    message_bytes,
    message_id,
    sender_address,
    sender_domain,
)

Security = Literal["none", "starttls", "tls"]
_CODES = re.compile(r"\d{3}( \d\.\d{1,3}\.\d{1,3})?")
BROKEN = 3
"""Broken connections in a row, one per letter, after which the server counts as unavailable."""


class SmtpChannel(Channel):
    """Sends letters over one SMTP connection, which stays open until ``close``.

    ``timeout`` is in seconds. A 4xx reply may be tried again, a 5xx reply may not unless it concerns the sender.
    A connection that breaks before a letter was handed over is opened again at once; where it breaks later, the
    letter may have arrived, and the next attempt has the same Message-ID. Raises ``ValueError`` for an invalid sender,
    and for a password without TLS.
    """

    name = "smtp"
    contact: Contact | None = "email"
    idempotent = True
    batch = 1

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        *,
        security: Security = "starttls",
        username: str | None = None,
        password: str | None = None,
        timeout: float = 30.0,
        per_second: float | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        if security not in ("none", "starttls", "tls"):
            raise ValueError(f"security is none, starttls or tls, not {security!r}")
        if (username is None) != (password is None):
            raise ValueError("give both a user name and a password, or neither")
        if password is not None and security == "none":
            raise ValueError("a password is sent over TLS only: set security to starttls or tls")
        self._host, self._port, self._timeout = host, port, timeout
        self._sender = sender
        self._from = sender_address(sender)
        self._domain = sender_domain(sender)
        self._security = security
        self._login = (username, password) if username is not None and password is not None else None
        self._context = context
        self.per_second = per_second
        self._server: smtplib.SMTP | None = None
        self._broken = 0

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        """Send letters in order; once the server is unavailable, the others are not tried."""
        results: list[Evidence | DeliveryError] = []
        unavailable: DeliveryError | None = None
        for letter in letters:
            try:
                to, content = mailbox(letter.to_address), message_bytes(letter, sender=self._sender)
                if unavailable is not None:
                    # Waiting for an unreachable server with each letter would hold up the pass.
                    raise unavailable
                results.append(self._sent(letter, to, content))
                self._broken = 0
            except DeliveryError as problem:
                if problem.unavailable:
                    unavailable = problem
                results.append(problem)
        return results

    def close(self) -> None:
        """Close the connection; the next letter opens another."""
        server, self._server, self._broken = self._server, None, 0
        if server is not None:
            _leave(server)

    def _sent(self, letter: Letter, to: str, content: bytes) -> Evidence:
        fresh = self._server is None
        if self._server is None:
            self._server = self._connected()
        try:
            return self._handed(self._server, letter, to, content)
        except _LineCutError as cut:
            self._forget()
            if cut.handed_over or fresh:
                self._broken += 1
                unavailable = self._broken >= BROKEN
                raise DeliveryError(
                    cut.reason, permanent=False, unavailable=unavailable, code=cut.code
                ) from cut
        # Servers close connections that are old or carried many letters: no failure of this letter.
        return self._sent(letter, to, content)

    def _connected(self) -> smtplib.SMTP:
        server: smtplib.SMTP | None = None
        try:
            if self._security == "tls":
                server = smtplib.SMTP_SSL(
                    self._host, self._port, timeout=self._timeout, context=self._context or _strict()
                )
            else:
                server = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
            server.ehlo_or_helo_if_needed()
            if self._security == "starttls":
                server.starttls(context=self._context or _strict())
                server.ehlo_or_helo_if_needed()
            if self._login is not None:
                server.login(*self._login)
        except (OSError, smtplib.SMTPException) as problem:
            if server is not None:
                _drop(server)
            # The fault is the server's or that of our settings, never a letter's.
            raise DeliveryError(
                f"the mail server: {_reason(problem)}", permanent=False, unavailable=True, code=_code(problem)
            ) from problem
        return server

    def _handed(self, server: smtplib.SMTP, letter: Letter, to: str, content: bytes) -> Evidence:
        over = False
        try:
            code, answer = server.mail(self._from)
            ours = code != 250
            if not ours:
                code, answer = server.rcpt(to)
            if code in (250, 251):
                over = True
                code, answer = server.data(content)
        except smtplib.SMTPDataError as problem:
            code, answer, ours = problem.smtp_code, _bytes(problem.smtp_error), False
        except (OSError, smtplib.SMTPException) as problem:
            raise _LineCutError(
                f"the connection broke: {_reason(problem)}", over, _code(problem)
            ) from problem
        response = one_line(f"{code} {answer.decode('utf-8', 'replace')}")
        if code == 250:
            return Evidence(self.name, message_id(letter.notice_id, self._domain), response)
        if code == 421 or code < 200:
            if not over:
                raise _LineCutError(response, False, str(code))
            self._forget()
        else:
            self._reset(server)
        # A refused sender is a fault of the settings: the letter waits.
        raise DeliveryError(
            response, permanent=500 <= code < 600 and not ours, unavailable=ours, code=_reply_code(response)
        )

    def _reset(self, server: smtplib.SMTP) -> None:
        try:
            server.rset()
        except (OSError, smtplib.SMTPException):
            self._forget()

    def _forget(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            _drop(server)


class _LineCutError(Exception):
    """The connection broke; where ``handed_over``, the letter may have arrived."""

    def __init__(self, reason: str, handed_over: bool, code: str | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.handed_over = handed_over
        self.code = code


def _strict() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _leave(server: smtplib.SMTP) -> None:
    with suppress(OSError, smtplib.SMTPException):
        server.quit()
    _drop(server)


def _drop(server: smtplib.SMTP) -> None:
    with suppress(OSError):
        server.close()


def _reply_code(response: str) -> str:
    """Return the reply code and, if present, the enhanced status code (RFC 3463); neither is personal."""
    found = _CODES.match(response)
    return found[0] if found else response[:3]


def _code(problem: Exception) -> str | None:
    return str(problem.smtp_code) if isinstance(problem, smtplib.SMTPResponseException) else None


def _reason(problem: Exception) -> str:
    if isinstance(problem, smtplib.SMTPResponseException):
        return f"{problem.smtp_code} {_bytes(problem.smtp_error).decode('utf-8', 'replace')}"
    return str(problem) or type(problem).__name__


def _bytes(answer: bytes | str) -> bytes:
    return answer if isinstance(answer, bytes) else answer.encode()
