"""What the tests of security play with: a whole platform with a customer in it, and everybody who may knock at it."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.registry import SERVICES
from shared.http.key_text import new_key
from shared.testing.platform import BASE_URL, Running, running_platform
from shared.testing.postgres import fresh_database

SCOPES = frozenset(
    [
        "audit:read",
        "consent:read",
        "consent:write",
        "loyalty:checkout",
        "loyalty:read",
        "loyalty:write",
        "metrics:read",
        "metrics:write",
        "ops:read",
        "ops:write",
        "profiles:read",
        "profiles:sensitive",
        "profiles:write",
        "rights:read",
        "rights:write",
        "surveys:read",
        "surveys:write",
        "touchpoints:read",
        "touchpoints:write",
    ]
)
# What nobody may see who is not asked to: it stands in the profile of the one customer there is.
NAME, EMAIL, PHONE = "Nguyễn Thị Lan", "lan.bi.mat@example.vn", "+84912345678"
CUSTOMER = "user_id:lan"
SURVEY: Mapping[str, Any] = {
    "name": "Giao hàng",
    "purpose": "customers",
    "default_locale": "vi",
    "locales": ["vi"],
    "title": {"vi": "Ý kiến của bạn"},
    "thanks": {"vi": "Cảm ơn bạn"},
    "metric": "nps",
    "touchpoint": "delivery",
    "stage": "receive",
    "edit_window_seconds": 3_600,
    "questions": [{"id": "nps", "kind": "nps", "text": {"vi": "Bạn có giới thiệu chúng tôi không?"}}],
}


@dataclass
class House:
    """The platform, and clients that come from addresses of their own."""

    running: Running
    keys: dict[str, str] = field(default_factory=dict)
    invitations: list[UUID] = field(default_factory=list)
    _addresses: Any = field(default_factory=lambda: (f"198.18.{n // 250}.{n % 250}" for n in itertools.count()))

    @property
    def crm(self) -> httpx.AsyncClient:
        """A server that may do everything."""
        return self.running.crm

    def client(self, key: str | None = None, address: str | None = None) -> httpx.AsyncClient:
        """Somebody who presents a key, from an address that nobody else has."""
        transport = httpx.ASGITransport(
            self.running.platform.app, raise_app_exceptions=False, client=(address or next(self._addresses), 4711)
        )
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)

    async def key(self, *scopes: str) -> str:
        """A secret key with these scopes; made once."""
        name = " ".join(sorted(scopes))
        if name not in self.keys:
            _, self.keys[name] = await self.running.platform.keyring.create("secret", "security", scopes=scopes)
        return self.keys[name]

    async def fresh_key(self) -> str:
        """A secret key that may do everything, and has not done anything yet."""
        _, key = await self.running.platform.keyring.create("secret", "fresh", scopes=("*",))
        return key

    async def write_key(self, source: str, *origins: str) -> str:
        """A write key of a source."""
        _, key = await self.running.platform.keyring.create("write", source, source=source, origins=origins)
        return key

    async def ended_key(self, how: str) -> str:
        """A key with all scopes that was revoked, or has expired."""
        expires = timedelta(seconds=-1) if how == "expired" else None
        ring = self.running.platform.keyring
        info, key = await ring.create("secret", how, scopes=("*",), expires=expires)
        if how == "revoked":
            await ring.revoke(info.id)
        return key

    def link(self, number: int = 0) -> str:
        """The token of the signed link to an invitation."""
        token: str = self.running.platform.value("surveys").links.sign(self.invitations[number])
        return token

    async def credentials(self) -> Mapping[str, str | None]:
        """What strangers present."""
        return {
            "nobody": None,
            "made_up": new_key("secret")[1],
            "revoked": await self.ended_key("revoked"),
            "expired": await self.ended_key("expired"),
            "link": self.link(),
            "write_key": self.running.write_key,
        }


@asynccontextmanager
async def open_house(pg_url: str, template: str, *, role: Any = "all", **environ: str) -> AsyncIterator[House]:
    """A platform at work, with a customer who bought and two who were asked; `environ` are settings of it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"TAM_SURVEYS_PUBLIC_URL": "https://khaosat.example.vn", **environ}.items():
            patch.setenv(name, value)
        async with (
            fresh_database(pg_url, template=template) as url,
            running_platform(url, SERVICES, role=role) as running,
        ):
            house = House(running)
            await _move_in(house)
            if role == "all":
                await running.settled()
            yield house


async def _move_in(house: House) -> None:
    traits = {"name": NAME, "email": EMAIL, "phone": PHONE}
    events = [
        {"type": "identify", "messageId": "who", "userId": "lan", "traits": traits},
        {"type": "identify", "messageId": "who-2", "userId": "minh", "traits": {"name": "Minh"}},
    ]
    said = await house.running.shop.post("/v1/batch", json={"batch": events})
    assert said.status_code == 200, said.text
    survey = (await _made(house, "/v1/surveys", SURVEY))["id"]
    await _made(house, f"/v1/surveys/{survey}/publish", {})
    policy = await house.crm.put(f"/v1/surveys/{survey}/asking", json={"version": 0, "consent": None})
    assert policy.status_code == 200, policy.text
    for customer in (CUSTOMER, "user_id:minh"):
        wanted = {"customer": customer, "channel": "api"}
        asked = await _made(house, f"/v1/surveys/{survey}/invitations", wanted)
        assert asked["reason"] == "asked", asked
        house.invitations.append(UUID(asked["invitation_id"]))


async def _made(house: House, path: str, body: Mapping[str, Any]) -> Any:
    said = await house.crm.post(path, json=body)
    assert said.status_code < 300, (path, said.text)
    return said.json()
