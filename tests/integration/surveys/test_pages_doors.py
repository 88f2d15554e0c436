"""What is open to everybody: nothing but POST changes anything, nothing can be tried out, nothing wears us out."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from answers_world import RELATIONSHIP
from pages_world import SETTINGS, PagesWorld, open_pages, pages_on_a_platform
from starlette.routing import Route

from services.surveys.links.service import Links
from services.surveys.pages.api import page_routes
from services.surveys.pages.api.openapi import OPENAPI
from services.surveys.pages.service.clicks import TRAP
from shared.ids import uuid7
from shared.testing.platform import Running
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORM = {"content-type": "application/x-www-form-urlencoded"}
# All there is without a key: a route that is added here is added on purpose.
OPEN = ("/s/{token}", "/s/widget.js", "/s/widget/answer", "/s/widget/close", "/s/widget/open", "/s/widget/shown")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(pg_url: str) -> AsyncIterator[tuple[PagesWorld, Running]]:
    async with pages_on_a_platform(pg_url) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def world(platform: tuple[PagesWorld, Running]) -> PagesWorld:
    return platform[0]


async def test_what_is_open_to_everybody_is_named(world: PagesWorld):
    routes = [route for route in page_routes(world.surveys.service) if isinstance(route, Route)]

    assert sorted(route.path for route in routes) == sorted(OPEN)
    assert sorted(OPENAPI) == sorted(OPEN)


async def unknown(world: PagesWorld) -> Sequence[str]:
    """Links that lead nowhere, each for another reason."""
    links = world.surveys.service.links
    now = world.clock.now()
    expired = await world.ask(person_name="door-1", created_at=now - timedelta(days=9), expires_at=now)
    ended = await world.ask(person_name="door-2", expired_at=now)
    good = links.sign(await world.ask(person_name="door-3"))
    late = await world.ask(person_name="door-4", created_at=now - timedelta(days=9), expires_at=now, is_anonymous=False)
    return [
        links.sign(expired),
        links.sign(ended, score=9, question_id="nps"),
        links.sign(late),
        links.sign(uuid7()),
        Links([b"x" * 32]).sign(expired),
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good[:-4],
        "x",
        "%00" * 2,
    ][:8]


async def test_links_that_lead_nowhere_all_look_the_same(world: PagesWorld):
    browser = world.browser()
    pages, replies = [], []
    for token in await unknown(world):
        pages.append(await browser.client.get(f"/s/{token}"))
        replies.append(await browser.client.post(f"/s/{token}", content="a:nps=9&shown=nps&nonce=x", headers=FORM))

    def seen(page: Any) -> tuple[Any, ...]:
        return page.status_code, page.text, {k: v for k, v in page.headers.items() if k != "x-request-id"}.items()

    assert {page.status_code for page in pages + replies} == {404}
    assert len({page.text for page in pages + replies}) == 1
    assert len({str(sorted(seen(page)[2])) for page in pages}) == 1
    assert "Liên kết không dùng được" in pages[0].text
    assert "This link does not work" in pages[0].text


async def test_a_closed_survey_says_so_to_whoever_was_asked(world: PagesWorld):
    invitation = await world.ask({**RELATIONSHIP, "name": "Đóng cửa"}, person_name="door-5")
    browser = world.browser()
    await browser.open(world.link(invitation))
    fields = [*browser.fields, ("a:nps", "9")]
    await world.surveys.close(world.definitions["Đóng cửaNone"].survey_id)

    page = await browser.open(world.link(invitation))
    reply = await browser.post(world.link(invitation), fields)

    assert (page.status_code, reply.status_code) == (410, 410)
    assert "Khảo sát đã đóng" in page.text
    assert await world.responses(invitation) == []


async def test_no_get_head_or_options_of_any_route_changes_an_answer(platform: tuple[PagesWorld, Running]):
    """Every route of the document, and every kind of link, by everybody who may read."""
    world, running = platform
    invitation = await world.ask(person_name="door-6")
    browser = world.browser()
    await browser.open(world.link(invitation))
    await browser.send(nps="9")
    before = await world.everything()

    document = (await running.crm.get("/openapi.json")).json()
    survey = str(world.definitions[RELATIONSHIP["name"] + "None"].survey_id)
    links = [world.link(invitation), world.link(invitation, 3), world.link(invitation) + "?edit=1&at=comment"]
    links.append(f"/s/{world.surveys.service.links.sign(invitation, question_id=TRAP)}")
    known = {"{survey_id}": survey, "{invitation_id}": str(invitation), "{token}": links[1].removeprefix("/s/")}
    asked = [(method, link) for link in links for method in ("GET", "HEAD", "OPTIONS")]
    for template, operations in document["paths"].items():
        path = template
        for name, value in known.items():
            path = path.replace(name, value)
        if "get" in operations and "{" not in path:
            asked.append(("GET", path))
    assert len(asked) > 40
    for method, path in asked:
        assert (await running.crm.request(method, path)).status_code < 500, path

    assert await world.everything() == before
    assert (await world.responses(invitation))[0][:3] == ("partial", {"nps": {"score": 9}}, 1)


async def test_head_is_get_without_a_body_and_options_says_what_there_is(world: PagesWorld):
    link = world.link(await world.ask(person_name="door-7"))
    browser = world.browser()
    get, head, options = [await browser.client.request(each, link) for each in ("GET", "HEAD", "OPTIONS")]

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, POST, OPTIONS")
    refused = await browser.client.delete(link)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST, OPTIONS")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"t:comment=" + b"x" * 1_000_000, FORM["content-type"], 413),
        (b'{"nps": 9}', "application/json", 400),
        (b"a:nps=\xff\xfe", FORM["content-type"], 400),
        (b"&".join(b"f%d=1" % number for number in range(3_000)), FORM["content-type"], 400),
        (b"", FORM["content-type"], 422),
        (b"\x00\x01\x02", FORM["content-type"], 422),
        (b"a:nps=9&shown=nps&nonce=%F0%9F%92%A9", FORM["content-type"], 422),
    ],
    ids=["a_megabyte", "json", "not_utf8", "three_thousand_fields", "empty", "noise", "emoji_nonce"],
)
async def test_what_is_no_form_is_refused_on_a_page(world: PagesWorld, content: bytes, kind: str, status: int):
    invitation = await world.ask(person_name="door-8")

    page = await world.browser().client.post(world.link(invitation), content=content, headers={"content-type": kind})

    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")
    assert await world.responses(invitation) == []


async def test_a_text_that_is_too_long_comes_back_with_its_reason(world: PagesWorld):
    invitation = await world.ask(person_name="door-9")
    browser = world.browser()
    await browser.open(world.link(invitation))
    await browser.send(nps="9")

    page = await browser.send(t_comment="ơ" * 5_001)

    assert page.status_code == 422
    assert "Câu trả lời quá dài." in page.text


async def test_one_link_and_one_address_come_only_so_often(pg_url: str):
    slow = SETTINGS.model_copy(update={"visits_per_minute": 12, "address_visits_per_minute": 20})
    async with fresh_database(pg_url) as url, open_pages(url, slow) as world:
        invitation, other = await world.ask(), await world.ask(person_name="minh")
        one = world.browser("203.0.113.1")
        first = [(await one.client.get(world.link(invitation))).status_code for _ in range(13)]
        page = await one.client.get(world.link(invitation))
        elsewhere = await world.browser("203.0.113.2").client.get(world.link(invitation))
        another = await one.client.get(world.link(other))
        tried = [(await one.client.get(f"/s/{'A' * 50}{number}")).status_code for number in range(20)]

        assert first == [200] * 12 + [429]
        assert int(page.headers["retry-after"]) > 0
        assert "Vui lòng đợi" in page.text
        assert elsewhere.status_code == 429, "a link is known by its text, wherever it is fetched"
        assert another.status_code == 200
        assert tried[-1] == 429


async def test_staff_sees_the_page_and_the_mail_and_leaves_no_trace(platform: tuple[PagesWorld, Running]):
    world, running = platform
    invitation = await world.ask(person_name="door-10")
    survey = world.definitions[RELATIONSHIP["name"] + "None"].survey_id
    before = await world.everything()

    page = await running.crm.get(f"/v1/surveys/{survey}/preview/page", params={"locale": "en"})
    mail = await running.crm.get(f"/v1/surveys/{survey}/preview/mail", params={"locale": "en", "part": "text"})

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Would you recommend us?" in page.text
    assert "A preview: nothing is recorded." in page.text
    assert 'method="post"' not in page.text
    assert mail.headers["content-type"].startswith("text/plain")
    assert "10: #" in mail.text
    assert await world.everything() == before
    assert (await running.shop.get(f"/v1/surveys/{survey}/preview/page")).status_code == 403
    missing = await running.crm.get(f"/v1/surveys/{uuid7()}/preview/page")
    assert (missing.status_code, missing.json()["code"]) == (404, "surveys.survey_not_found")
    links = await running.crm.get(f"/v1/invitations/{invitation}/links")
    assert (links.status_code, links.json()["code"]) == (422, "surveys.no_public_url")


async def test_a_firm_says_what_clicks_count_for(platform: tuple[PagesWorld, Running]):
    world, running = platform
    await world.ask(person_name="door-11")
    survey = world.definitions[RELATIONSHIP["name"] + "None"].survey_id
    headers = {"Idempotency-Key": "policy-1"}

    for _ in range(2):
        said = await running.crm.put(
            f"/v1/surveys/{survey}/click-policy", json={"infer_after_seconds": 86_400}, headers=headers
        )
        assert (said.status_code, said.json()["infer_after_seconds"]) == (200, 86_400)
    clicks = (await running.crm.get(f"/v1/surveys/{survey}/clicks")).json()
    assert clicks["policy"]["infer_after_seconds"] == 86_400
    for wrong in ({}, {"infer_after_seconds": 5}, {"infer_after_seconds": "1"}, {"infer_after_seconds": None, "x": 1}):
        assert (await running.crm.put(f"/v1/surveys/{survey}/click-policy", json=wrong)).status_code == 422


@pytest.mark.parametrize("seed", range(12))
async def test_in_any_order_only_forms_answer_and_the_last_one_holds(world: PagesWorld, seed: int):
    """Visits by all links, forms, forms sent again, changes, tampering: held to a model of one line."""
    random = Random(seed)
    invitation = await world.ask(person_name=f"history-{seed}")
    browser, links = world.browser(), world.surveys.service.links
    said: int | None = None
    last: list[tuple[str, str]] = []
    for _ in range(14):
        score = random.randint(0, 10)
        step = random.choice(["get", "head", "options", "form", "form", "again", "tamper"])
        link = world.link(invitation, score) if random.random() < 0.7 else world.link(invitation)
        if step in ("get", "head", "options"):
            await browser.client.request(step.upper(), link)
        elif step == "tamper":
            await browser.post(link[:-1], [("a:nps", str(score)), ("shown", "nps")])
            await browser.post(link, [("a:nps", str(score)), ("shown", "nps"), ("nonce", "A" * 30)])
        elif step == "form":
            nonce = links.keys.nonce(invitation, world.clock.now())
            last = [("a:nps", str(score)), ("shown", "nps"), ("shown", "comment"), ("nonce", nonce), ("t:comment", "ừ")]
            last += [("shown", "why")]
            assert (await browser.post(link, last, follow=False)).status_code == 303
            said = score
        elif last:
            assert (await browser.post(link, last, follow=False)).status_code == 303
        found = await world.responses(invitation)
        assert [row[1]["nps"]["score"] for row in found] == ([] if said is None else [said])
    revisions = await world.surveys.value(
        "SELECT count(*) FROM response_revisions WHERE response_id IN "
        "(SELECT id FROM responses WHERE invitation_id = :id)",
        id=invitation,
    )
    found = await world.responses(invitation)
    assert revisions == (found[0][2] - 1 if found else 0)
