"""Letters by SMTP, with the server's last word kept as evidence."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

from permits_engine.scheduler.delivery.channel import DeliveryError, Evidence, Letter, one_line, only
from permits_engine.scheduler.delivery.eml import (
    mailbox,
    message_bytes,
    message_id,
    sender_address,
    sender_domain,
)

Security = Literal["none", "starttls", "tls"]


class SmtpChannel:
    """Hands letters to an SMTP server, all letters of one call over one connection.

    ``timeout`` is in seconds. A refusal of the 4xx kind may be tried again, one of the 5xx kind may not,
    unless it concerns the sender. Where the connection drops before the answer, the letter may have arrived:
    the next attempt bears the same Message-ID.
    Raises ``ValueError`` for a sender that is no address, and for a password without TLS.
    """

    name = "smtp"

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

    def send(self, letter: Letter) -> Evidence:
        """Hand over one letter; raises ``DeliveryError``."""
        return only(self.send_many([letter]))

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        """Hand over letters in order; a dropped connection is opened again for the next one."""
        results: list[Evidence | DeliveryError] = []
        server: smtplib.SMTP | None = None
        away: DeliveryError | None = None
        for letter in letters:
            try:
                to, content = mailbox(letter.to_address), message_bytes(letter, sender=self._sender)
                if away is not None:
                    # The server cannot be reached: waiting for it again and again would hold up the pass.
                    raise away
                if server is None:
                    try:
                        server = self._connected()
                    except DeliveryError as problem:
                        away = problem
                        raise
                results.append(self._handed(server, letter, to, content))
            except DeliveryError as problem:
                results.append(problem)
                if server is not None and server.sock is None:
                    server = None
        if server is not None:
            _leave(server)
        return results

    def close(self) -> None:
        """No connection outlives a call."""

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
            # Whatever is wrong here is wrong with the server or our settings, never with a letter.
            raise DeliveryError(f"the mail server: {_said(problem)}", permanent=False) from problem
        return server

    def _handed(self, server: smtplib.SMTP, letter: Letter, to: str, content: bytes) -> Evidence:
        try:
            code, answer = server.mail(self._from)
            ours = code != 250
            if not ours:
                code, answer = server.rcpt(to)
            if code in (250, 251):
                code, answer = server.data(content)
        except smtplib.SMTPDataError as problem:
            code, answer, ours = problem.smtp_code, _bytes(problem.smtp_error), False
        except (OSError, smtplib.SMTPException) as problem:
            _drop(server)
            raise DeliveryError(f"the connection broke: {_said(problem)}", permanent=False) from problem
        response = one_line(f"{code} {answer.decode('utf-8', 'replace')}")
        if code == 250:
            return Evidence(self.name, message_id(letter.notice_id, self._domain), response)
        if code == 421 or code < 200:
            _drop(server)
        else:
            _reset(server)
        # A sender that is refused is a matter of settings: no letter is lost to it.
        raise DeliveryError(response, permanent=500 <= code < 600 and not ours)


def _strict() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _reset(server: smtplib.SMTP) -> None:
    try:
        server.rset()
    except (OSError, smtplib.SMTPException):
        _drop(server)


def _leave(server: smtplib.SMTP) -> None:
    with suppress(OSError, smtplib.SMTPException):
        server.quit()
    _drop(server)


def _drop(server: smtplib.SMTP) -> None:
    with suppress(OSError):
        server.close()


def _said(problem: Exception) -> str:
    if isinstance(problem, smtplib.SMTPResponseException):
        return f"{problem.smtp_code} {_bytes(problem.smtp_error).decode('utf-8', 'replace')}"
    return str(problem) or type(problem).__name__


def _bytes(answer: bytes | str) -> bytes:
    return answer if isinstance(answer, bytes) else answer.encode()
