"""Sends invitations by mail, each at most once.

A row says what is about to happen before it happens: `transmitting` is committed before the message begins to leave.
Found so after a crash, nobody knows whether the customer has it: it is `unknown`, and stays so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parseaddr

from prometheus_client import Counter, Gauge

from services.surveys.asking.errors import InvitationNotFound
from services.surveys.asking.service.invitations import Invitations
from services.surveys.links.service import Links
from services.surveys.mail.domain.outcomes import NotSent, Outcome, ServerAway, tried_again, wait_after
from services.surveys.mail.repository import mails as rows
from services.surveys.mail.repository.mails import Mail
from services.surveys.mail.schemas.message import message
from services.surveys.mail.service.contacts import Contacts
from services.surveys.mail.service.courier import Courier
from services.surveys.mail.service.letters import Letters
from services.surveys.mail.settings import MailSettings
from shared.clock import Clock
from shared.db.engine import Database
from shared.ids import uuid7
from shared.observability.logging import logger
from shared.observability.metrics import REGISTRY

log = logger(__name__)

ENDED = Counter("tam_surveys_mails", "Mails by what became of them.", ["state", "reason"], registry=REGISTRY)
OPEN = Gauge("tam_surveys_mails_open", "Mails on their way, by state.", ["state"], registry=REGISTRY)

# A sender that was not done by then is gone.
CLAIM_LIVES = timedelta(minutes=10)
TRANSMISSION_LIVES = timedelta(minutes=10)
ENQUEUED_AT_ONCE = 1_000
CLAIMED_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Sending:
    """Mail out. `courier` makes the connection of a run."""

    db: Database
    clock: Clock
    settings: MailSettings
    links: Links
    invitations: Invitations
    letters: Letters
    courier: Callable[[str], Courier] = Courier

    async def run(self, most: int) -> int:
        """Make mails of new contacts, and send up to so many of those that are due; how many were tried."""
        if not self.settings.sends_mail:
            return 0
        await self._tidy()
        tried = 0
        async with self.courier(self.settings.smtp_url or "") as courier, Contacts(self.settings) as contacts:
            while tried < most:
                mails = await self._claim(min(CLAIMED_AT_ONCE, most - tried))
                if not mails:
                    break
                for place, mail in enumerate(mails):
                    tried += 1
                    try:
                        await self._send(mail, courier, contacts)
                    except ServerAway as away:
                        log.warning("mail_not_sent", reason=away.reason, what=away.what)
                        # Nothing is wrong with them: the attempt is given back to those that were not begun.
                        await self._give_back(mail, away, mails[place + 1 :])
                        return tried
        return tried

    async def _tidy(self) -> None:
        now = self.clock.now()
        async with self.db.write() as tx:
            unknown, freed = await rows.tidy(tx, now)
        if unknown or freed:
            log.warning("mail_senders_given_up", unknown=unknown, freed=freed)
            ENDED.labels("unknown", "crashed").inc(unknown)
        async with self.db.write() as tx:
            await rows.enqueue(tx, now, ENQUEUED_AT_ONCE)

    async def _claim(self, most: int) -> list[Mail]:
        now = self.clock.now()
        async with self.db.write() as tx:
            return await rows.claim(tx, uuid7(), now, now + CLAIM_LIVES, most)

    async def _send(self, mail: Mail, courier: Courier, contacts: Contacts) -> None:
        address: str | None = None
        try:
            content, address = await self._prepare(mail, contacts)
            await courier.address(parseaddr(self.settings.mail_from or "")[1], address)
        except NotSent as refusal:
            await self._end(mail, refusal.outcome, address)
            return
        if not await self._begin(mail):
            await courier.forget_envelope()
            return
        await self._end(mail, await courier.transmit(content), address)

    async def _prepare(self, mail: Mail, contacts: Contacts) -> tuple[bytes, str]:
        """The message and its address, if it may go there."""
        try:
            async with self.db.read() as tx:
                letter = await self.letters.of(tx, mail.invitation_id, mail.number)
        except InvitationNotFound:
            raise NotSent(Outcome("expired", "too_late")) from None
        address = await contacts.address_of(mail.person)
        async with self.db.read() as tx:
            if await rows.is_suppressed(tx, self._marks(address)):
                raise NotSent(Outcome("suppressed", "address_refused_before"))
        sender = self.settings.mail_from or ""
        domain = parseaddr(sender)[1].rpartition("@")[2]
        message_id = f"<survey-{mail.invitation_id}-{mail.number}@{domain}>"
        try:
            made = message(letter, sender=sender, to=address, message_id=message_id, now=self.clock.now())
        except ValueError:
            raise NotSent(Outcome("suppressed", "no_address")) from None
        return made.as_bytes(), address

    async def _begin(self, mail: Mail) -> bool:
        """Say that it is about to leave. From here on nobody sends it again by themselves."""
        now = self.clock.now()
        async with self.db.write() as tx:
            return await rows.begin(tx, mail, now, now + TRANSMISSION_LIVES)

    async def _end(self, mail: Mail, outcome: Outcome, address: str | None) -> None:
        """Note what became of it."""
        now = self.clock.now()
        outcome = tried_again(outcome, mail.attempts)
        async with self.db.write() as tx:
            is_mine = await rows.finish(tx, mail, outcome, now, now + wait_after(mail.attempts))
            if is_mine and outcome.state == "accepted":
                await self.invitations.mark_delivered(tx, mail.invitation_id, now)
            if outcome.is_gone and address is not None:
                await rows.suppress(tx, mail.person, self._marks(address)[0], str(outcome.reason), now)
        ENDED.labels(outcome.state, outcome.reason or "").inc()

    async def _give_back(self, mail: Mail, away: ServerAway, others: list[Mail]) -> None:
        await self._end(mail, Outcome("waiting", away.reason), None)
        now = self.clock.now()
        async with self.db.write() as tx:
            for other in others:
                await rows.put_back(tx, other, now)

    def _marks(self, address: str) -> list[bytes]:
        return self.links.keys.marks(address.casefold())

    async def measure(self) -> None:
        """Refresh the gauge."""
        async with self.db.read() as tx:
            counts = await rows.counts(tx)
        for state in ("waiting", "claimed", "transmitting"):
            OPEN.labels(state).set(counts.get(state, 0))
