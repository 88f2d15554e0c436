"""One click in a mail is an intent and no answer, whoever fetches the link, however often and in whatever order.

`fixtures/scanners.json` holds how scanners of mail behave, as those tell who were hit by them.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from answers_world import RELATIONSHIP
from pages_world import PERSON, PagesWorld, pages_of_a_module

from services.surveys.pages.service.clicks import TRAP
from services.surveys.pages.service.steps import NONCE_LIVES
from shared.events.catalogue.surveys import SurveyAnswered

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCANNERS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "fixtures" / "scanners.json").read_text())
scanners = pytest.mark.parametrize("scanner", SCANNERS, ids=[each["name"] for each in SCANNERS])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(pg_url: str) -> AsyncIterator[PagesWorld]:
    async with pages_of_a_module(pg_url) as opened:
        yield opened


async def asked(world: PagesWorld) -> UUID:
    """Somebody whose mail arrived just now."""
    return await world.ask(delivered_at=world.clock.now())


def link(world: PagesWorld, invitation: UUID, which: Any) -> str:
    if which == "page":
        return world.link(invitation)
    if which == "trap":
        return f"/s/{world.surveys.service.links.sign(invitation, question_id=TRAP)}"
    return world.link(invitation, which)


async def scan(world: PagesWorld, invitation: UUID, scanner: dict[str, Any]) -> list[httpx.Response]:
    """Do to the links of a mail what a scanner did."""
    began = world.clock.now()

    async def fetch(each: dict[str, Any]) -> httpx.Response:
        if not scanner["together"]:
            world.clock.time = began + timedelta(milliseconds=each["after_ms"])
        browser = world.browser(each["address"], each["headers"])
        browser.client.headers = httpx.Headers(each["headers"])
        return await browser.client.request(each["method"], link(world, invitation, each["link"]))

    if scanner["together"]:
        world.clock.time = began + timedelta(milliseconds=scanner["requests"][0]["after_ms"])
        return list(await asyncio.gather(*map(fetch, scanner["requests"])))
    return [await fetch(each) for each in scanner["requests"]]


async def judged(world: PagesWorld, invitation: UUID) -> tuple[str, set[str], int | None]:
    """What is thought of the clicks when the dust has settled."""
    world.clock.forward(minutes=3)
    while await world.surveys.service.clicks.judge():
        pass
    rows = await world.surveys.rows(
        "SELECT verdict, reasons, score FROM intent_judgements WHERE invitation_id = :id", id=invitation
    )
    return rows[0].verdict, set(rows[0].reasons), rows[0].score


@scanners
async def test_a_scanner_answers_nothing_and_is_known_for_one(world: PagesWorld, scanner: dict[str, Any]):
    invitation = await asked(world)
    before = await world.everything()
    told = await world.surveys.value("SELECT count(*) FROM outbox_records")

    pages = await scan(world, invitation, scanner)

    assert {page.status_code for page in pages} == {200}
    assert await world.everything() == before
    assert await world.surveys.value("SELECT count(*) FROM outbox_records") == told
    assert len(await world.intents(invitation)) == sum(each["link"] != "page" for each in scanner["requests"])
    verdict, reasons, _ = await judged(world, invitation)
    assert verdict == scanner["verdict"]
    assert set(scanner["reasons"]) <= reasons


@scanners
async def test_a_person_after_a_scanner_gives_one_answer_and_it_is_theirs(world: PagesWorld, scanner: dict[str, Any]):
    invitation = await asked(world)
    await scan(world, invitation, scanner)
    browser = world.browser()

    await browser.open(world.link(invitation, 3))
    assert ("a:nps", "3") in browser.fields
    assert await world.responses(invitation) == []
    await browser.send(why=["late"])

    said = [each for each in await world.surveys.announced(SurveyAnswered) if each.data.invitation_id == invitation]
    assert [(each.data.state, each.data.scores[0].score, each.data.verification) for each in said] == [
        ("complete", 3, "confirmed")
    ]
    assert (
        await world.surveys.value(
            "SELECT count(*) FROM cases WHERE response_id IN (SELECT id FROM responses WHERE invitation_id = :id)",
            id=invitation,
        )
        <= 1
    )


@scanners
async def test_no_scanner_is_taken_for_a_person_where_a_firm_lets_clicks_count(
    world: PagesWorld, scanner: dict[str, Any]
):
    invitation = await asked(world)
    survey = world.definitions[RELATIONSHIP["name"] + "None"].survey_id
    await world.surveys.service.clicks.set_policy(survey, 3_600, by="key", idem=None)
    await scan(world, invitation, scanner)
    await judged(world, invitation)

    world.clock.forward(hours=5)
    await world.surveys.service.clicks.infer()

    assert await world.responses(invitation) == []


async def test_a_clean_click_that_nobody_confirms_is_inferred_once_and_says_so(world: PagesWorld):
    invitation = await asked(world)
    survey = world.definitions[RELATIONSHIP["name"] + "None"].survey_id
    world.clock.forward(hours=6)
    clicked = world.clock.now()
    await world.browser().open(world.link(invitation, 9))
    assert await judged(world, invitation) == ("clean", set(), 9)

    await world.surveys.service.clicks.set_policy(survey, None, by="key", idem=None)
    world.clock.forward(hours=2)
    await world.surveys.service.clicks.infer()
    assert await world.responses(invitation) == [], "no policy, no inference"

    await world.surveys.service.clicks.set_policy(survey, 3_600, by="key", idem=None)
    await asyncio.gather(*(world.surveys.service.clicks.infer() for _ in range(3)))
    await world.surveys.service.clicks.infer()

    assert await world.responses(invitation) == [("complete", {"nps": {"score": 9}}, 1, "inferred")]
    said = [each for each in await world.surveys.announced(SurveyAnswered) if each.data.invitation_id == invitation]
    assert [(each.time, each.data.verification) for each in said] == [(clicked, "inferred")]


async def test_a_person_confirms_what_was_inferred(world: PagesWorld):
    invitation = await asked(world)
    survey = world.definitions[RELATIONSHIP["name"] + "None"].survey_id
    await world.surveys.service.clicks.set_policy(survey, 600, by="key", idem=None)
    world.clock.forward(hours=6)
    await world.browser().open(world.link(invitation, 9))
    await judged(world, invitation)
    world.clock.forward(minutes=20)
    await world.surveys.service.clicks.infer()
    assert (await world.responses(invitation))[0][3] == "inferred"

    browser = world.browser()
    await browser.open(world.link(invitation) + "?edit=1")
    await browser.send(t_comment="Tốt")

    assert await world.responses(invitation) == [
        ("complete", {"nps": {"score": 9}, "comment": {"text": "Tốt"}}, 2, "confirmed")
    ]


async def test_another_score_after_the_answer_asks_and_changes_nothing_by_itself(world: PagesWorld):
    invitation = await asked(world)
    browser = world.browser()
    await browser.open(world.link(invitation, 9))
    await browser.send()

    await browser.open(world.link(invitation, 2))
    assert ("a:nps", "2") in browser.fields
    assert (await world.responses(invitation))[0][1] == {"nps": {"score": 9}}
    await browser.send(why=["price"])
    assert (await world.responses(invitation))[0][1] == {"nps": {"score": 2}, "why": {"chosen": ["price"]}}


async def test_who_changes_the_score_before_sending_is_asked_what_belongs_to_it(world: PagesWorld):
    invitation = await asked(world)
    browser = world.browser()
    await browser.open(world.link(invitation, 9))
    assert browser.names() == {"nps", "comment"}

    await browser.send(nps="1")

    assert browser.names() == {"why", "comment"}
    await browser.send(why=["late"])
    assert (await world.responses(invitation))[0][1] == {"nps": {"score": 1}, "why": {"chosen": ["late"]}}


async def test_a_score_that_does_not_fit_the_survey_selects_nothing(world: PagesWorld):
    invitation = await asked(world)
    for token in (world.link(invitation, 77), world.link(invitation, 5, "no_such_question")):
        browser = world.browser()
        await browser.open(token)
        assert browser.page.status_code == 200
        assert "a:nps" not in dict(browser.fields)


async def test_a_touch_sends_the_score_of_the_link_after_a_second_and_nothing_else(world: PagesWorld):
    invitation = await asked(world)
    browser = world.browser()
    await browser.open(world.link(invitation, 8))
    fields = [*browser.fields, ("auto", "1"), ("t:comment", "chưa gửi")]

    early = await browser.post(world.link(invitation, 8), fields)
    assert early.status_code == 204
    assert await world.responses(invitation) == []

    world.clock.forward(seconds=1)
    assert (await browser.post(world.link(invitation, 8), fields)).status_code == 204
    assert await world.responses(invitation) == [("partial", {"nps": {"score": 8}}, 1, "confirmed")]

    # By the link that means no score, a touch means nothing.
    other = await asked(world)
    await browser.open(world.link(other))
    world.clock.forward(seconds=2)
    await browser.post(world.link(other), [*browser.fields, ("auto", "1"), ("a:nps", "8")])
    assert await world.responses(other) == []


@pytest.mark.parametrize("nonce", ["", "x", "A" * 30, "of_another", "old"])
async def test_without_the_nonce_of_its_page_a_form_answers_nothing(world: PagesWorld, nonce: str):
    invitation, other = await asked(world), await asked(world)
    keys = world.surveys.service.links.keys
    given = {
        "of_another": keys.nonce(other, world.clock.now()),
        "old": keys.nonce(invitation, world.clock.now() - NONCE_LIVES - timedelta(minutes=1)),
    }.get(nonce, nonce)
    browser = world.browser()

    page = await browser.post(world.link(invitation), [("shown", "nps"), ("a:nps", "9"), ("nonce", given)])

    assert page.status_code == 422
    assert "Trang đã mở quá lâu" in page.text
    assert await world.responses(invitation) == []
    # All that stood there stands there still, and sends.
    await browser.send()
    assert (await world.responses(invitation))[0][1] == {"nps": {"score": 9}}


async def test_who_fills_in_what_nobody_sees_answers_nothing_and_is_told(world: PagesWorld):
    invitation = await asked(world)
    browser = world.browser()
    await browser.open(world.link(invitation))

    page = await browser.send(nps="9", website="http://spam.example")

    assert page.status_code == 422
    assert 'class="trap seen"' in page.text
    assert await world.responses(invitation) == []


async def test_no_click_is_noted_of_an_anonymous_survey(world: PagesWorld):
    invitation = await world.ask({**RELATIONSHIP, "is_anonymous": True}, person_name="ẩn danh")
    browser = world.browser()

    await browser.open(world.link(invitation, 9))

    assert await world.intents(invitation) == []


async def test_clicks_hold_no_address_and_not_more_than_enough(world: PagesWorld):
    invitation = await asked(world)
    browser = world.browser("198.51.100.77")
    for _ in range(70):
        await browser.client.get(world.link(invitation, 9))

    rows = await world.surveys.rows("SELECT * FROM score_intents WHERE invitation_id = :id", id=invitation)
    assert len(rows) == 60
    assert not any("198.51.100.77" in str(row) or PERSON["user-agent"] in str(row) for row in rows)


async def test_what_clicks_came_to_can_be_read(world: PagesWorld):
    document = {**RELATIONSHIP, "name": "Đếm lượt bấm"}
    confirmed, unsure, alone = [
        await world.ask(document, delivered_at=world.clock.now(), person_name=name) for name in ("a", "b", "c")
    ]
    world.clock.forward(hours=3)
    browser = world.browser()
    await browser.open(world.link(confirmed, 9))
    await browser.send()
    await browser.open(world.link(alone, 9))
    for score in (1, 2):
        await browser.open(world.link(unsure, score))
    await judged(world, alone)

    _, summary = await world.surveys.service.clicks.summary(world.definitions["Đếm lượt bấmNone"].survey_id)

    assert summary[:6] == (3, 1, 0, 1, 0, 1)
    assert summary.reasons == {"several_scores": 1}
