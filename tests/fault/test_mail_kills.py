"""`kill -9` while mail leaves: nobody gets an invitation twice, and of those whose fate nobody knows it is said.

The process ends at the two moments that matter: when the server was told whom a mail is for, and when it has the mail
and did not say so yet.
"""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from installation import Installation, installed, until

from shared.ids import user_key
from shared.testing.platform import PlatformProcess
from shared.testing.ports import free_port
from shared.testing.zygote import Zygote

pytestmark = pytest.mark.long

PEOPLE = 24
# What ends the process, and with which mail (counted from one) of those that come to it.
KILLS = (("told whom", 3), ("has the mail", 4), ("told whom", 2), ("has the mail", 1))
KEY = base64.b64encode(bytes(range(32))).decode()
INVITE = """
    WITH asked AS (
        INSERT INTO invitations (id, survey_id, version, person, channel, locale, weight, wave, created_at, expires_at,
            is_anonymous)
        SELECT gen_random_uuid(), CAST(:survey AS uuid), 1, person, 'email', 'vi', 1, 1, now(),
            now() + interval '9 days', false FROM unnest(CAST(:people AS uuid[])) AS person
        RETURNING id, person, survey_id
    )
    INSERT INTO contacts (invitation_id, number, person, survey_id, kind, channel, at, is_counted)
    SELECT id, 0, person, survey_id, 'nps', 'email', now(), true FROM asked
"""
# What a sender that is gone held is given up after ten minutes, its turn after one.
TEN_MINUTES_LATER = (
    "UPDATE mails SET next_at = now() WHERE state IN ('claimed', 'transmitting')",
    "UPDATE leases SET until = clock_timestamp() - INTERVAL '1 second'",
)


@dataclass
class Postbox:
    """A mail server that takes everything, and ends a process when it was told to."""

    doomed: PlatformProcess | None = None
    moment: str = ""
    left: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    kills: int = 0

    def doom(self, process: PlatformProcess, moment: str, nth: int) -> None:
        """End the process at the nth such moment from now."""
        self.doomed, self.moment, self.left = process, moment, nth

    def _passes(self, moment: str) -> None:
        if self.doomed is None or moment != self.moment:
            return
        self.left -= 1
        if self.left == 0:
            self.doomed.kill()
            self.doomed = None
            self.kills += 1

    async def handle_RCPT(self, server: SMTP, _: Session, envelope: Envelope, to: str, options: Any) -> str:  # noqa: N802
        envelope.rcpt_tos.append(to)
        self._passes("told whom")
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802
        self.taken[envelope.rcpt_tos[0]] += 1
        self._passes("has the mail")
        return "250 OK"


@pytest.fixture
async def postbox() -> AsyncIterator[tuple[Postbox, int]]:
    box, port, loop = Postbox(), free_port(), asyncio.get_running_loop()
    listener = await loop.create_server(lambda: SMTP(box, loop=loop, hostname="mx.test"), "127.0.0.1", port)
    yield box, port
    listener.close()


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, seed: int, zygote: Zygote) -> AsyncIterator[Installation]:
    async with installed(database_url, tmp_path, seed, zygote, TAM_SURVEYS_LINK_KEYS=KEY) as made:
        yield made


def _address(number: int) -> str:
    return f"khach{number}@mail.vn"


async def _ask_everybody(shop: Installation, at: PlatformProcess) -> None:
    """Customers that allow mail, a survey, and an invitation by mail for each."""
    headers = {"Authorization": f"Bearer {shop.secret_key}"}
    async with httpx.AsyncClient(base_url=at.base_url, headers=headers, timeout=30) as http:
        allowed = {"purpose": "surveys", "channel": "email", "state": "granted", "text_version": "v1"}
        for number in range(PEOPLE):
            body = {"user_id": f"khach{number}", "traits": {"email": _address(number)}}
            (await http.post("/v1/customers", json=body)).raise_for_status()
            consent = f"/v1/customers/user_id:khach{number}/consent"
            (await http.post(consent, json={"changes": [allowed]})).raise_for_status()
        survey = (await http.post("/v1/surveys", json={"library": "relationship_nps"})).raise_for_status().json()["id"]
        (await http.post(f"/v1/surveys/{survey}/publish", json={"note": ""})).raise_for_status()
    async with shop.database("surveys").write() as tx:
        people = [user_key(f"khach{number}") for number in range(PEOPLE)]
        await tx.execute(INVITE, {"survey": survey, "people": people})


async def test_killed_while_mail_leaves(shop: Installation, postbox: tuple[Postbox, int]):
    box, port = postbox
    api = shop.process(role="api")
    await api.start()
    await _ask_everybody(shop, api)
    mailing = replace(
        shop,
        environ={
            **shop.environ,
            "TAM_SURVEYS_PUBLIC_URL": "https://khaosat.example.vn",
            "TAM_SURVEYS_SMTP_URL": f"smtp://127.0.0.1:{port}",
            "TAM_SURVEYS_MAIL_FROM": "Tâm <khao-sat@shop.example.vn>",
            "TAM_SURVEYS_MAIL_PER_MINUTE": "6000",
            "TAM_SURVEYS_PROFILES_URL": api.base_url,
            "TAM_SURVEYS_PROFILES_KEY": shop.secret_key,
        },
    )
    for moment, nth in KILLS:
        worker, before = mailing.process(role="worker"), box.kills
        box.doom(worker, moment, nth)
        await worker.start()
        await until(lambda before=before: box.kills > before, f"the {nth}. time that it {moment}", patience_seconds=60)
        async with shop.database("surveys").write() as tx:
            for statement in TEN_MINUTES_LATER:
                await tx.execute(statement)
    await mailing.process(role="worker").start()
    await until(lambda: _are_ended(shop), "every mail has ended", patience_seconds=60)

    fates = await _fates(shop)
    crashed = sum(moment == "has the mail" for moment, _ in KILLS)
    print(f"{box.kills} kills; {Counter(fates.values())}; the server has {box.taken.total()} mails")
    assert box.kills == len(KILLS)
    assert Counter(fates.values()) == {"accepted": PEOPLE - crashed, "unknown": crashed}
    # Those nobody is sure of did arrive here: sent again they would have come twice.
    assert box.taken == {_address(number): 1 for number in range(PEOPLE)}
    delivered = await shop.rows("surveys", "SELECT person FROM invitations WHERE delivered_at IS NOT NULL")
    assert {row.person for row in delivered} == {person for person, fate in fates.items() if fate == "accepted"}


async def _are_ended(shop: Installation) -> bool:
    return set((await _fates(shop)).values()) <= {"accepted", "unknown"}


async def _fates(shop: Installation) -> dict[UUID, str]:
    return {row.person: row.state for row in await shop.rows("surveys", "SELECT person, state FROM mails")}
