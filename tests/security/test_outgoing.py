"""Server side request forgery: nobody makes us call an address, for we call three, and those stand in settings."""

import ast
import asyncio
from pathlib import Path

import pytest
from security_world import House, open_house

from services.surveys.mail.settings import MailSettings
from shared.testing.ports import free_port

ROOT = Path(__file__).parents[2]
# What opens a connection, by the last words of its name.
CALLERS = {
    "AsyncClient",
    "Client",
    "HTTPTransport",
    "SMTP",
    "urlopen",
    "urlretrieve",
    "create_connection",
    "open_connection",
    "request",
    "ClientSession",
}
LIBRARIES = ("httpx", "aiosmtplib", "urllib", "socket", "asyncio", "requests", "aiohttp", "smtplib", "http.client")
# Where they are, and whose address they call.
NAMED = {
    "services/surveys/mail/service/contacts.py": "TAM_SURVEYS_PROFILES_URL",
    "services/surveys/mail/service/courier.py": "TAM_SURVEYS_SMTP_URL",
    "shared/runtime/platform.py": "TAM_OIDC_JWKS_URL",
    # Opens a connection to the broker that is set, to say what is wrong with the way there.
    "shared/bus/kafka/reason.py": "TAM_KAFKA_BOOTSTRAP_SERVERS",
    # Not of what serves: commands that a person gives an address, and the probe of a process of our own.
    "services/cli/": "the command line",
    "shared/load/": "the command line",
    "shared/runtime/probe.py": "this process",
    "shared/testing/": "tests",
}


def outgoing() -> dict[str, list[str]]:
    """Every place that can open a connection to an address, by file."""
    found: dict[str, list[str]] = {}
    for path in sorted((*ROOT.glob("shared/**/*.py"), *ROOT.glob("services/**/*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = ast.unparse(node.func)
                if node.func.attr in CALLERS and name.startswith(LIBRARIES):
                    found.setdefault(str(path.relative_to(ROOT)), []).append(name)
    return found


def test_nothing_calls_out_but_what_is_named_here():
    """A new client of anything is named here on purpose, with the setting that says whom it calls."""
    found = outgoing()

    assert [file for file in found if not file.startswith(tuple(NAMED))] == []
    assert [file for file in NAMED if file.endswith(".py") and file not in found] == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://127.0.0.1", "http://mail", "smtp:", "127.0.0.1:25"])
def test_the_mail_server_is_a_mail_server(url: str):
    with pytest.raises(ValueError, match="smtp"):
        MailSettings(smtp_url=url)


async def test_no_request_makes_us_call_an_address_in_it(pg_url: str, template: str):
    """Addresses of a listener of ours, wherever a text goes in: nobody knocks there."""
    knocks: list[str] = []

    async def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocks.append(str(writer.get_extra_info("peername")))
        writer.close()

    port = free_port()
    server = await asyncio.start_server(listen, "127.0.0.1", port)
    async with server, open_house(pg_url, template) as house:
        await _bait(house, f"http://127.0.0.1:{port}/steal?x=1")
        await house.running.settled()
        assert knocks == []
        # And it would have been heard.
        (await asyncio.open_connection("127.0.0.1", port))[1].close()
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            while not knocks:
                await asyncio.sleep(0.01)


async def _bait(house: House, url: str) -> None:
    context = {"page": {"url": url, "referrer": url}, "campaign": {"source": url}}
    events = [
        {"type": "page", "userId": "lan", "properties": {"url": url}, "context": context},
        {"type": "identify", "userId": "lan", "traits": {"avatar": url, "website": url, "email": url}},
        {"type": "track", "userId": "lan", "event": url, "properties": {"image_url": url, "webhook": url}},
    ]
    said = await house.running.shop.post("/v1/batch", json={"batch": events})
    assert said.json()["accepted"] == 3
    for headers in ({"Host": url[7:]}, {"X-Forwarded-Host": url[7:]}, {"Referer": url}, {"Origin": url}):
        assert (await house.crm.get("/v1/customers/user_id:lan", headers=headers)).status_code == 200
        async with house.client() as browser:
            assert (await browser.get(f"/s/{house.link()}", headers=headers)).status_code == 200
    await house.crm.patch("/v1/customers/user_id:lan/traits", json={"traits": {"picture": url}})
    await house.crm.get("/v1/customers", params={"cursor": url})
