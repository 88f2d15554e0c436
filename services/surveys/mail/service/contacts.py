"""Asks profiles, over HTTP and at the moment of sending, for an address and whether it may be written to.

What it says is used and forgotten: no address is stored, logged or announced here.
"""

import re
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx

from services.surveys.mail.domain.outcomes import NotSent, Outcome, ServerAway
from services.surveys.mail.settings import MailSettings

SECONDS = 10.0
# What a mail server can be told without extensions; what looks otherwise is no address, or a trap.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII)


class Contacts:
    """One run's connection to profiles."""

    def __init__(self, settings: MailSettings) -> None:
        self._purpose = settings.mail_purpose
        self._client = httpx.AsyncClient(
            base_url=settings.profiles_url or "",
            headers={"Authorization": f"Bearer {settings.profiles_key}"},
            timeout=SECONDS,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def address_of(self, person: UUID) -> str:
        """The address of somebody who may be written to now.

        Raises:
            NotSent: they may not, or have none.
            ServerAway: profiles does not answer, or not us.
        """
        asked = {"customers": [str(person)], "purpose": self._purpose, "channel": "email"}
        verdict = await self._ask("POST", "/v1/consent/check", json=asked)
        if verdict is None or not verdict["results"][0]["allowed"]:
            raise NotSent(Outcome("suppressed", "no_consent"))
        customer = await self._ask("GET", f"/v1/customers/{person}")
        found = None if customer is None else _address(customer)
        if found is None:
            raise NotSent(Outcome("suppressed", "no_address"))
        return found

    async def _ask(self, method: str, path: str, **rest: Any) -> Any:
        """The answer; None: profiles does not know the customer."""
        try:
            answer = await self._client.request(method, path, **rest)
        except httpx.HTTPError as error:
            raise ServerAway("profiles_away", type(error).__name__) from None
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if not answer.is_success:
            raise ServerAway("profiles_away", f"it answered {answer.status_code}")
        return answer.json()


def _address(customer: Any) -> str | None:
    """The address that the customer goes by: the trait, else the identifier learnt first."""
    trait = customer["traits"].get("email") or {}
    known = [each["value"] for each in customer["identifiers"] if each["type"] == "email"]
    usable = [each for each in (trait.get("value"), *known) if isinstance(each, str) and _ADDRESS.fullmatch(each)]
    return usable[0] if usable else None
