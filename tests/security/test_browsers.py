"""Real browsers: somebody reads a page with a key, and another site's page tries to use that key."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from security_world import House, open_house
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from shared.testing.chromium import Tab, Wire, chromium, served

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
TRIES = [
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    # A neighbour under the same domain is not us.
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": "same-origin"}, 200),
    ({"Sec-Fetch-Site": "none"}, 200),
    # Without TLS browsers tell the origin alone.
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://tam.test"}, 200),
    # A server, or curl.
    ({}, 200),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(pg_url: str, template: str) -> AsyncIterator[House]:
    async with open_house(pg_url, template, role="api") as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Wire]:
    async with chromium() as wire:
        yield wire


async def somebodys_survey(house: House) -> str:
    made = (await house.crm.post("/v1/surveys", json={"library": "relationship_nps"})).json()
    assert (await house.crm.post(f"/v1/surveys/{made['id']}/publish", json={"note": "first"})).status_code == 200
    return str(made["id"])


async def state_of(house: House, survey: str) -> str:
    return str((await house.crm.get(f"/v1/surveys/{survey}")).json()["state"])


@pytest.mark.parametrize(("fields", "status"), TRIES, ids=[f"{number}" for number in range(len(TRIES))])
async def test_a_key_that_a_browser_kept_changes_nothing_for_a_foreign_page(
    house: House, fields: dict[str, str], status: int
):
    survey = await somebodys_survey(house)
    async with house.client() as client:
        kept = httpx.BasicAuth(house.running.secret_key, "")
        headers = {"Host": "tam.test", **fields}
        said = await client.post(f"/v1/surveys/{survey}/close", auth=kept, headers=headers)

    assert said.status_code == status, said.text
    assert await state_of(house, survey) == ("closed" if status == 200 else "active")
    assert status == 200 or said.json()["code"] == "foreign_page"


async def test_a_bearer_is_whoever_sends_it(house: House):
    """No browser adds it by itself: a script that has the key may say where it runs."""
    survey = await somebodys_survey(house)
    said = await house.crm.post(f"/v1/surveys/{survey}/close", headers={"Sec-Fetch-Site": "cross-site"})

    assert said.status_code == 200


async def test_a_person_reads_the_score_card_and_a_foreign_page_cannot_use_the_key(house: House, browser: Wire):
    survey = await somebodys_survey(house)
    async with served(house.running.platform.app) as home:
        tab = await browser.tab()
        await tab.open(home)
        assert await links(tab) >= {"/v1/metrics/scorecard/page?language=vi"}
        # What somebody writes where the browser asks for a name.
        at = urlsplit(home)._replace(netloc=f"{house.running.secret_key}:@{urlsplit(home).netloc}").geturl()
        await tab.open(f"{at}/v1/metrics/scorecard/page?language=vi")
        assert await tab.run("document.querySelector('h1').textContent") == "Phiếu điểm khách hàng"

        # And below what somebody has looked at, a browser sends the key unasked.
        await tab.open(f"{at}/v1/surveys/{survey}")
        target = f"{home}/v1/surveys/{survey}/close"
        async with served(trap(target)) as evil:
            # Another host, as a browser counts.
            await tab.open(evil.replace("127.0.0.1", "localhost"))
            async with tab.loading():
                await tab.run("document.forms[0].submit()")
        told = await tab.run("document.body.textContent")

    assert "foreign_page" in told
    assert await state_of(house, survey) == "active"


async def links(tab: Tab) -> set[str]:
    found = await tab.run("[...document.links].map(each => each.getAttribute('href'))")
    return set(found)


def trap(target: str) -> Starlette:
    async def page(_: Request) -> HTMLResponse:
        return HTMLResponse(f'<form method="post" action="{target}"></form>')

    return Starlette(routes=[Route("/", page)])
