"""Nothing outside the tables leads from an anonymous answer to anybody either: the log of events, the audit log, what
is written for operators."""

import logging
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from answers_world import RELATIONSHIP, invite
from joining import everything
from pages_world import Browser
from structlog.testing import capture_logs

from services.surveys.app import service as manifest
from shared.ids import user_key
from shared.testing.platform import Running, running_platform

NAMES = [f"khách {place}" for place in range(8)]
ADDRESS = "203.0.113.77"
BROWSER = "Mozilla/5.0 Chrome/131 of-nobody-else"


async def published(running: Running, *, is_anonymous: bool) -> Any:
    """The survey, as it is asked."""
    made = (await running.crm.post("/v1/surveys", json={**RELATIONSHIP, "is_anonymous": is_anonymous})).json()["id"]
    (await running.crm.post(f"/v1/surveys/{made}/publish", json={"note": ""})).raise_for_status()
    service = running.platform.value("surveys")
    async with service.db.read() as tx:
        return await service.definitions.current(tx, UUID(made))


async def answered(running: Running, *, is_anonymous: bool) -> set[str]:
    """Eight people answer, half of them on the page; all that names them."""
    service, definition = running.platform.value("surveys"), await published(running, is_anonymous=is_anonymous)
    world: Any = SimpleNamespace(db=service.db, clock=service.clock)
    invitations = await invite(world, definition, *NAMES)
    links = {each: service.links.sign(each) for each in invitations}
    transport = httpx.ASGITransport(app=running.platform.app, client=(ADDRESS, 4711))
    headers = {"user-agent": BROWSER, "accept-language": "vi"}
    async with httpx.AsyncClient(transport=transport, base_url="http://tam.test", headers=headers) as client:
        for place, each in enumerate(invitations):
            if place % 2:
                said = {"invitation_id": str(each), "answers": {"nps": {"score": 9}}}
                (await running.crm.post("/v1/responses", json=said)).raise_for_status()
                continue
            browser = Browser(client)
            await browser.open(f"/s/{links[each]}")
            await browser.send(nps="9")
            await browser.send()
            assert "Cảm ơn" in browser.html
    await service.ballots.open_full()
    await running.settled()
    await running.platform.app.state.audit.flush()
    named = {str(each) for each in invitations} | {str(user_key(name)) for name in NAMES}
    return named | set(links.values()) | {ADDRESS, BROWSER}


async def told(running: Running, names: set[str]) -> dict[str, set[str]]:
    """Which of these names stand where: in the events of the bus, in the audit log."""
    rows = await everything(running.platform.value("surveys").db)
    found: dict[str, set[str]] = {"bus": set(), "audit": set()}
    for row in rows:
        for place in found:
            if row.table.startswith("bus.") if place == "bus" else "audit" in row.table:
                text = "\n".join(row.columns.values())
                found[place] |= {name for name in names if name in text}
    return found


@pytest.mark.parametrize("is_anonymous", [True, False])
async def test_events_and_logs_name_nobody_who_answered_anonymously(
    database_url: str, caplog: pytest.LogCaptureFixture, is_anonymous: bool
) -> None:
    async with running_platform(database_url, (manifest,)) as running:
        with caplog.at_level(logging.DEBUG), capture_logs() as lines:
            names = await answered(running, is_anonymous=is_anonymous)

        found = await told(running, names)
        answers = await running.platform.value("surveys").db.call("SELECT count(*) FROM responses")
    assert answers[0][0] >= 5
    if is_anonymous:
        assert found == {"bus": set(), "audit": set()}
    else:
        # The same look finds those who are named: it can fail.
        assert {str(user_key(name)) for name in NAMES} <= found["bus"]
    # The clients of this test tell of their own requests.
    written = str(lines) + "\n".join(each.getMessage() for each in caplog.records if each.name != "httpx")
    assert not [name for name in names if name in written]
