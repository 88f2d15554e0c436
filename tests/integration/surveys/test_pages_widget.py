"""The widget: one script tag in a shop, which asks, shows, and answers; by keyboard, and without a trace."""

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from answers_world import RELATIONSHIP
from pages_world import PagesWorld, pages_on_a_platform
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from shared.testing.chromium import DESK, PHONE, Wire, axe_script, chromium, served
from shared.testing.platform import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

LABELLED = {
    **RELATIONSHIP,
    "name": "Trong cửa hàng",
    "questions": [
        {**RELATIONSHIP["questions"][0], "labels": {"0": {"vi": "Không", "en": "No"}, "10": {"vi": "Có", "en": "Yes"}}},
        *RELATIONSHIP["questions"][1:],
    ],
}


@dataclass
class Shop:
    world: PagesWorld
    running: Running

    async def call(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """What the widget does; it has no header but its page's origin."""
        transport = httpx.ASGITransport(app=self.running.platform.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://tam.test") as client:
            content = body if isinstance(body, str) else json.dumps(body)
            return await client.post(f"/s/widget/{path}", content=content, headers=headers)

    def who(self, **rest: Any) -> dict[str, Any]:
        return {"writeKey": self.running.write_key, **rest}

    async def ask(self, name: str, document: dict[str, Any] = RELATIONSHIP, **rest: Any) -> UUID:
        return await self.world.ask(document, person_name=name, channel="widget", **rest)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(pg_url: str) -> AsyncIterator[Shop]:
    async with pages_on_a_platform(pg_url) as (world, running):
        yield Shop(world, running)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Wire]:
    async with chromium() as opened:
        yield opened


async def test_the_script_is_small_and_kept_by_browsers(shop: Shop):
    transport = httpx.ASGITransport(app=shop.running.platform.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://tam.test") as client:
        plain = await client.get("/s/widget.js", headers={"accept-encoding": "identity"})
        packed = await client.get("/s/widget.js", headers={"accept-encoding": "gzip"})
        again = await client.get("/s/widget.js", headers={"if-none-match": plain.headers["etag"]})

    assert len(gzip.compress(plain.content)) < 15_000
    assert (packed.headers["content-encoding"], packed.content) == ("gzip", plain.content)
    assert (again.status_code, again.content) == (304, b"")
    assert b"innerHTML" not in plain.content
    assert b"cookie" not in plain.content.split(b"*/", 1)[1]


async def test_it_opens_shows_and_answers_step_by_step(shop: Shop):
    invitation = await shop.ask("widget-1")
    assert (await shop.call("open", shop.who(userId="nobody"))).status_code == 204

    step = (await shop.call("open", shop.who(userId="widget-1", lang="en-GB"))).json()
    assert (step["lang"], [each["id"] for each in step["questions"]]) == ("en", ["nps"])
    for _ in range(2):
        assert (await shop.call("shown", shop.who(token=step["token"]))).status_code == 204
    sql = "SELECT delivered_at FROM invitations WHERE id = :id"
    assert await shop.world.surveys.value(sql, id=invitation) == shop.world.clock.now()

    def said(answers: Any, shown: list[str]) -> dict[str, Any]:
        kept = {"token": step["token"], "nonce": step["nonce"], "lang": step["lang"]}
        return shop.who(**kept, shown=shown, answers=answers)

    wrong = await shop.call("answer", said({"nps": None}, ["nps"]))
    assert (wrong.status_code, wrong.json()) == (422, {"errors": {"nps": "This question needs an answer."}})
    wrong = await shop.call("answer", said({"nps": {"score": 11}}, ["nps"]))
    assert wrong.status_code == 422
    step = (await shop.call("answer", said({"nps": {"score": 3}}, ["nps"]))).json()
    assert [each["id"] for each in step["questions"]] == ["why", "comment"]
    assert (await shop.world.responses(invitation))[0][0] == "partial"

    thanks = await shop.call("answer", said({"nps": {"score": 3}, "why": {"chosen": ["late"]}}, ["why", "comment"]))
    assert thanks.json()["thanks"] == "Thank you"
    assert (await shop.world.responses(invitation))[0][:2] == (
        "complete",
        {"nps": {"score": 3}, "why": {"chosen": ["late"]}},
    )
    assert (await shop.call("open", shop.who(userId="widget-1"))).status_code == 204


async def test_what_was_closed_is_not_shown_again(shop: Shop):
    await shop.ask("widget-2")
    step = (await shop.call("open", shop.who(userId="widget-2"))).json()
    for _ in range(2):
        await shop.call("close", shop.who(token=step["token"]))

    assert (await shop.call("open", shop.who(userId="widget-2"))).status_code == 204


async def test_only_invitations_for_the_widget_are_shown_and_only_open_ones(shop: Shop):
    now = shop.world.clock.now()
    await shop.world.ask(RELATIONSHIP, person_name="widget-3", channel="email")
    await shop.ask("widget-3", expired_at=now)
    await shop.ask("widget-3", {**RELATIONSHIP, "name": "Đóng"})
    await shop.world.surveys.close(shop.world.definitions["ĐóngNone"].survey_id)

    assert (await shop.call("open", shop.who(userId="widget-3"))).status_code == 204


async def test_an_anonymous_survey_is_answered_once_and_whole(shop: Shop):
    await shop.ask("widget-4", {**RELATIONSHIP, "is_anonymous": True})
    step = (await shop.call("open", shop.who(userId="widget-4"))).json()
    kept = shop.who(token=step["token"], nonce=step["nonce"], lang="vi")
    step = (await shop.call("answer", {**kept, "shown": ["nps"], "answers": {"nps": {"score": 9}}})).json()
    assert step["answers"] == {"nps": {"score": 9}}
    await shop.call("answer", {**kept, "shown": ["comment"], "answers": step["answers"]})

    assert await shop.world.surveys.value("SELECT count(*) FROM ballots") == 1
    assert (await shop.call("open", shop.who(userId="widget-4"))).status_code == 204


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("open", "", 400),
        ("open", "[]", 400),
        ("open", {"writeKey": "tam_wk_nonsense", "userId": "x"}, 401),
        ("open", {"userId": "x"}, 400),
        ("open", {"writeKey": "KEY"}, 400),
        ("open", {"writeKey": "KEY", "userId": "x", "more": 1}, 400),
        ("open", {"writeKey": "SECRET", "userId": "x"}, 403),
        ("shown", {"writeKey": "KEY", "token": "A" * 60}, 404),
        ("close", {"writeKey": "KEY", "token": "x"}, 404),
        ("answer", {"writeKey": "KEY", "token": "x" * 60, "nonce": "", "shown": [], "answers": {}}, 404),
        ("answer", {"writeKey": "KEY", "token": "x" * 60, "nonce": "", "shown": [], "answers": []}, 400),
        ("open", "x" * 200_000, 413),
    ],
    ids=range(12),
)
async def test_a_wrong_call_is_refused_with_its_reason(shop: Shop, path: str, body: Any, status: int):
    if isinstance(body, dict):
        keys = {"KEY": shop.running.write_key, "SECRET": shop.running.secret_key}
        body = {name: keys.get(value, value) if isinstance(value, str) else value for name, value in body.items()}

    refused = await shop.call(path, body, origin="https://shop.example")

    assert refused.status_code == status
    assert refused.json()["code"]
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"


async def test_a_key_is_for_the_pages_that_its_owner_named(shop: Shop):
    _, key = await shop.running.platform.keyring.create("write", "own", source="w", origins=("https://shop.example",))
    await shop.ask("widget-5")

    mine = await shop.call("open", {"writeKey": key, "userId": "widget-5"}, origin="https://shop.example")
    other = await shop.call("open", {"writeKey": key, "userId": "widget-5"}, origin="https://evil.example")

    assert (mine.status_code, other.status_code) == (200, 403)
    assert other.json()["code"] == "origin_not_allowed"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_in_a_shop_it_is_shown_and_answered_by_keys_alone(shop: Shop, browser: Wire, scheme: str, tmp_path: Path):
    name, pictures = f"shopper-{scheme}", Path(os.environ.get("TAM_TEST_PICTURES", tmp_path))
    invitation = await shop.ask(name, LABELLED)
    async with served(shop.running.platform.app) as url, served(page_of(url, shop, name)) as own:
        tab = await browser.tab()
        await tab.look(PHONE if scheme == "light" else DESK, scheme=scheme)
        await tab.open(own)
        await until(tab, "document.querySelector('tam-survey')?.shadowRoot.querySelector('dialog[open] input')")
        assert await tab.axe(axe_script()) == []
        await tab.picture(pictures / f"widget-{scheme}.png")
        assert await focus(tab) == "nps"

        await tab.press("Space", "ArrowRight", "ArrowRight", "Tab", "Enter")
        await until(tab, "document.querySelector('tam-survey').shadowRoot.querySelector('textarea')")
        for _ in range(12):
            await tab.press("Tab")
            assert await tab.run(
                "[document.body, document.querySelector('tam-survey')].includes(document.activeElement)"
            )
        await tab.press("Escape")
        await until(tab, "!document.querySelector('tam-survey')")
        assert await tab.run("document.cookie + JSON.stringify(localStorage)") == "{}"
        assert await tab.run("document.activeElement.id") == "buy", "the focus is where it was"
        assert tab.errors == []

    assert await shop.world.responses(invitation) == [("partial", {"nps": {"score": 2}}, 1, "confirmed")]
    assert (await shop.call("open", shop.who(userId=name))).status_code == 204
    sql = "SELECT delivered_at IS NOT NULL FROM invitations WHERE id = :id"
    assert await shop.world.surveys.value(sql, id=invitation)


def page_of(platform: str, shop: Shop, name: str) -> Starlette:
    """A page of a shop that lets nothing run but what it names."""

    async def page(_: Request) -> HTMLResponse:
        key = shop.running.write_key
        return HTMLResponse(
            '<!doctype html><html lang="vi"><title>Cửa hàng</title><main><h1>Cửa hàng</h1><button id="buy" autofocus>'
            f'Mua</button></main><script async src="{platform}/s/widget.js" data-write-key="{key}" '
            f'data-user-id="{name}" data-delay="0"></script></html>',
            headers={"content-security-policy": f"default-src 'none'; script-src {platform}; connect-src {platform}"},
        )

    return Starlette(routes=[Route("/", page)])


async def until(tab: Any, script: str) -> None:
    """Wait until something is so in a page."""
    for _ in range(200):
        if await tab.run(f"!!({script})"):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"it never was so: {script}; {tab.errors}")


async def focus(tab: Any) -> str:
    """The name of the field that has the focus."""
    found: str = await tab.run("document.querySelector('tam-survey').shadowRoot.activeElement.name")
    return found
