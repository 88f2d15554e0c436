"""Hands messages to a mail server, a step at a time: who sends marks between the steps what it is about to do."""

import ssl
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

import aiosmtplib

from services.surveys.mail.domain.outcomes import NotSent, Outcome, ServerAway, message_refused, recipient_refused

STEP_SECONDS = 30.0
_SMTPS_PORT, _SUBMISSION_PORT = 465, 587
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Courier:
    """One connection, made when it is needed, and made anew after a fault. Errors carry codes, never an address."""

    def __init__(self, url: str, *, step_seconds: float = STEP_SECONDS) -> None:
        self._parts = urlsplit(url)
        self._seconds = step_seconds
        self._client: aiosmtplib.SMTP | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    async def address(self, sender: str, to: str) -> None:
        """Say from whom and to whom. Nothing is sent by it.

        Raises:
            NotSent: the server does not take mail for this address.
            ServerAway: it does not answer, or takes nothing from us.
        """
        try:
            client = await self._connected()
            await client.mail(sender)
            await client.rcpt(to)
        except aiosmtplib.SMTPRecipientRefused as error:
            await self.forget_envelope()
            raise NotSent(recipient_refused(error.code)) from None
        except aiosmtplib.SMTPResponseException as error:
            self._drop()
            raise ServerAway("server_away", f"it answered {error.code}") from None
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
            self._drop()
            raise ServerAway("server_away", type(error).__name__) from None

    async def transmit(self, content: bytes) -> Outcome:
        """Send the message; what became of it, and `unknown` wherever the server does not say."""
        if self._client is None:
            return Outcome("waiting", "server_away")
        try:
            await self._client.data(content)
        except aiosmtplib.SMTPResponseException as error:
            await self.forget_envelope()
            return message_refused(error.code)
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError):
            self._drop()
            return Outcome("unknown", "no_answer")
        return Outcome("accepted")

    async def forget_envelope(self) -> None:
        """Begin the next message anew."""
        if self._client is None:
            return
        try:
            await self._client.rset()
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError):
            self._drop()

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is None or not self._client.is_connected:
            client = self._make()
            await client.connect()
            self._client = client
        return self._client

    def _make(self) -> aiosmtplib.SMTP:
        parts = self._parts
        is_tls, host = parts.scheme == "smtps", parts.hostname or ""
        user = unquote(parts.username) if parts.username else None
        # A password is not told to whoever listens: with one, and beyond this machine, there is TLS or no mail.
        must_upgrade = user is not None and not is_tls and host not in _LOOPBACK
        return aiosmtplib.SMTP(
            hostname=host,
            port=parts.port or (_SMTPS_PORT if is_tls else _SUBMISSION_PORT),
            username=user,
            password=unquote(parts.password) if parts.password else None,
            use_tls=is_tls,
            start_tls=False if is_tls else True if must_upgrade else None,
            timeout=self._seconds,
        )

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
