"""What the tests of mail play with: profiles and surveys at work, and a mail server that does as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from aiosmtpd.smtp import SMTP, Envelope, Session
from answers_world import RELATIONSHIP, invite
from surveys_world import HandClock, SurveysWorld

from services.profiles.app import service as profiles
from services.surveys.app import service as surveys
from services.surveys.asking.domain.budget import Contact
from services.surveys.asking.repository import contacts
from services.surveys.definitions.domain.definition import Definition
from services.surveys.mail.service.courier import Courier
from services.surveys.mail.service.sending import Sending
from services.surveys.service import SurveysService
from services.surveys.settings import SurveysSettings
from shared.testing.chromium import served
from shared.testing.platform import Running, running_platform
from shared.testing.ports import free_port
from shared.testing.postgres import fresh_database

SENDER = "Tâm <khao-sat@shop.example.vn>"


@dataclass
class Server:
    """A mail server. `says` are answers by step and mailbox; `drops` are mailboxes whose connection it cuts after it
    took the message, `stalls` those it leaves without an answer."""

    says: dict[tuple[str, str], str] = field(default_factory=dict)
    drops: set[str] = field(default_factory=set)
    stalls: set[str] = field(default_factory=set)
    taken: list[tuple[str, bytes]] = field(default_factory=list)

    async def handle_RCPT(self, server: SMTP, _: Session, envelope: Envelope, to: str, options: Any) -> str:  # noqa: N802
        answer = self.says.get(("rcpt", to), "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(to)
        return answer

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802
        (to,) = envelope.rcpt_tos
        answer = self.says.get(("data", to), "250 OK")
        if answer.startswith("2"):
            self.taken.append((to, envelope.content or b""))
        if to in self.drops and server.transport is not None:
            server.transport.abort()
        if to in self.stalls:
            await asyncio.sleep(5)
        return answer

    def mails_to(self, address: str) -> list[EmailMessage]:
        """What this mailbox holds."""
        found = [message_from_bytes(content, policy=policy.default) for to, content in self.taken if to == address]
        return [each for each in found if isinstance(each, EmailMessage)]


@dataclass
class MailWorld:
    """Surveys that send mail, profiles that know addresses, and the server."""

    surveys: SurveysWorld
    running: Running
    server: Server
    definitions: dict[str, Definition] = field(default_factory=dict)

    @property
    def clock(self) -> HandClock:
        return self.surveys.clock

    @property
    def sending(self) -> Sending:
        """A sender, as a process has it."""
        return replace(self.surveys.service.mail, courier=lambda url: Courier(url, step_seconds=0.7))

    async def customer(self, name: str, address: str | None, *, agrees: bool = True) -> None:
        """Somebody whom profiles knows."""
        traits = {} if address is None else {"email": address}
        made = await self.running.crm.post("/v1/customers", json={"user_id": name, "traits": traits})
        assert made.is_success, made.text
        if agrees:
            await self.consent(name, "granted")

    async def consent(self, name: str, state: str) -> None:
        """They allow surveys by mail, or withdraw it."""
        change = {"purpose": "surveys", "channel": "email", "state": state}
        body = {"changes": [{**change, **({"text_version": "v1"} if state == "granted" else {})}]}
        said = await self.running.crm.post(f"/v1/customers/user_id:{name}/consent", json=body)
        assert said.is_success, said.text

    async def asked(self, name: str, document: dict[str, Any] | None = None, number: int = 0, **rest: Any) -> UUID:
        """Somebody was asked by mail."""
        document = document or RELATIONSHIP
        key = document["name"] + str(document.get("is_anonymous"))
        if key not in self.definitions:
            self.definitions[key] = await self.surveys.publish_document(document)
        definition, now = self.definitions[key], self.clock.now()
        (invitation,) = await invite(self.surveys, definition, name, **rest)
        person = (await self.surveys.rows("SELECT person FROM invitations WHERE id = :id", id=invitation))[0].person
        contact = Contact(now, definition.survey_id, "nps", "email", invitation, number, True)
        async with self.surveys.db.write() as tx:
            await contacts.add(tx, [(person, contact)])
        return invitation

    async def fate(self, invitation: UUID) -> tuple[str, str | None]:
        """What became of a mail."""
        rows = await self.surveys.rows("SELECT state, reason FROM mails WHERE invitation_id = :id", id=invitation)
        return tuple(rows[0]) if rows else ("none", None)

    async def is_delivered(self, invitation: UUID) -> bool:
        sql = "SELECT delivered_at IS NOT NULL FROM invitations WHERE id = :id"
        return bool(await self.surveys.value(sql, id=invitation))

    async def later(self, **by: float) -> None:
        """Some time passes, and senders come round."""
        self.clock.forward(**(by or {"minutes": 30}))
        await self.sending.run(100)


@asynccontextmanager
async def mail_world(pg_url: str) -> AsyncIterator[MailWorld]:
    """Everything at work, on a database of its own."""
    clock, server, port = HandClock(), Server(), free_port()
    async with (
        fresh_database(pg_url) as url,
        running_platform(url, [profiles, surveys], clock=clock) as running,
        served(running.platform.app) as platform,
        listening(server, port),
    ):
        service: SurveysService = running.platform.value("surveys")
        settings = SurveysSettings(
            public_url="https://khaosat.example.vn",
            smtp_url=f"smtp://127.0.0.1:{port}",
            mail_from=SENDER,
            profiles_url=platform,
            profiles_key=running.secret_key,
        )
        yield MailWorld(SurveysWorld(service.db, replace(service, settings=settings), clock), running, server)


@asynccontextmanager
async def listening(server: Server, port: int) -> AsyncIterator[None]:
    """The server behind its port."""
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: SMTP(server, loop=loop, hostname="mx.test"), "127.0.0.1", port)
    try:
        yield
    finally:
        listener.close()
