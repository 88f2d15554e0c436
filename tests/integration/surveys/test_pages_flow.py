"""The hosted page without a script: one page after another, back, another language, changes, and an end."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from answers_world import RELATIONSHIP
from pages_world import PagesWorld, pages_of_a_module

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(pg_url: str) -> AsyncIterator[PagesWorld]:
    async with pages_of_a_module(pg_url) as opened:
        yield opened


async def test_somebody_answers_page_by_page_and_is_thanked(world: PagesWorld):
    invitation = await world.ask()
    browser = world.browser()

    await browser.open(world.link(invitation))
    assert browser.names() == {"nps"}
    await browser.send(nps="3")
    assert await world.responses(invitation) == [("partial", {"nps": {"score": 3}}, 1, "confirmed")]
    assert browser.names() == {"why", "comment"}
    await browser.send(why=["late"], t_comment="Chị Lan rất không hài lòng")

    assert "Cảm ơn bạn" in browser.html
    assert await world.responses(invitation) == [
        (
            "complete",
            {"nps": {"score": 3}, "why": {"chosen": ["late"]}, "comment": {"text": "Chị Lan rất không hài lòng"}},
            2,
            "confirmed",
        )
    ]


async def test_a_branch_asks_only_those_whom_it_concerns(world: PagesWorld):
    invitation = await world.ask()
    browser = world.browser()

    await browser.open(world.link(invitation))
    await browser.send(nps="10")

    assert browser.names() == {"comment"}
    await browser.send()
    assert (await world.responses(invitation))[0][:2] == ("complete", {"nps": {"score": 10}})


async def test_whoever_comes_back_goes_on_where_they_were(world: PagesWorld):
    invitation = await world.ask()
    first = world.browser()
    await first.open(world.link(invitation))
    await first.send(nps="2")

    later = world.browser("198.51.100.4")
    await later.open(world.link(invitation))

    assert later.names() == {"why", "comment"}
    assert "Câu 2–3 trên 3" in later.html


async def test_the_way_back_shows_what_was_said_and_keeps_what_stands_in_the_form(world: PagesWorld):
    invitation = await world.ask()
    browser = world.browser()
    await browser.open(world.link(invitation))
    await browser.send(nps="2")

    await browser.send(t_comment="nửa câu", back="nps")
    assert ("a:nps", "2") in browser.fields
    await browser.send(nps="1")
    assert browser.names() == {"why", "comment"}

    await browser.send()
    assert (await world.responses(invitation))[0][1]["nps"] == {"score": 1}
    assert (await world.responses(invitation))[0][1]["comment"] == {"text": "nửa câu"}


async def test_what_must_be_answered_is_asked_for_beside_its_field(world: PagesWorld):
    invitation = await world.ask()
    browser = world.browser()
    await browser.open(world.link(invitation))

    page = await browser.send()

    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert "Câu này cần câu trả lời." in page.text
    assert 'aria-describedby="e-nps"' in page.text
    assert await world.responses(invitation) == []


@pytest.mark.parametrize("score", ["11", "-1", "9.5", "abc", "9" * 5000, "٩"], ids=range(6))
async def test_a_score_that_is_none_is_refused_on_the_page(world: PagesWorld, score: str):
    invitation = await world.ask()
    browser = world.browser()
    await browser.open(world.link(invitation))

    page = await browser.send(nps=score)

    assert page.status_code == 422
    assert await world.responses(invitation) == []


async def test_another_language_changes_the_page_and_nothing_that_stands_in_it(world: PagesWorld):
    invitation = await world.ask()
    browser = world.browser()
    await browser.open(world.link(invitation))
    assert '<html lang="vi">' in browser.html

    await browser.send(nps="4", to="en")

    assert '<html lang="en">' in browser.html
    assert "Would you recommend us?" in browser.html
    assert ("a:nps", "4") in browser.fields
    assert await world.responses(invitation) == []
    await browser.send()
    assert '<html lang="en">' in browser.html
    assert await world.surveys.value("SELECT locale FROM responses WHERE invitation_id = :id", id=invitation) == "en"


async def test_an_answer_can_be_changed_while_there_is_time_and_then_not(world: PagesWorld):
    invitation = await world.ask()
    browser = world.browser()
    await browser.open(world.link(invitation))
    await browser.send(nps="9")
    await browser.send()
    assert "?edit=1" in browser.html

    edit = world.link(invitation) + "?edit=1&lang=vi"
    await browser.open(edit)
    assert ("a:nps", "9") in browser.fields
    # What is changed is stored when it is whole, and not before.
    await browser.send(nps="0")
    assert (await world.responses(invitation))[0][:3] == ("complete", {"nps": {"score": 9}}, 2)
    await browser.send(why=["price"])
    assert (await world.responses(invitation))[0][1] == {"nps": {"score": 0}, "why": {"chosen": ["price"]}}

    world.clock.forward(hours=2)
    await browser.open(edit)
    assert "?edit=1" not in browser.html
    assert "Cảm ơn bạn" in browser.html


async def test_the_same_form_sent_twice_is_one_answer(world: PagesWorld):
    invitation = await world.ask()
    browser = world.browser()
    await browser.open(world.link(invitation))
    await browser.send(nps="9")
    await browser.send(t_comment="ok", follow=False)
    again = await browser.client.post(
        browser.page.request.url,
        content=browser.page.request.content,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )

    assert again.status_code == 303
    assert (await world.responses(invitation))[0][2] == 2


async def test_html_in_an_answer_and_in_a_survey_is_text(world: PagesWorld):
    evil = '"><script>alert(1)</script>'
    document = {
        **RELATIONSHIP,
        "name": "HTML",
        "title": {"vi": f"Tiêu đề {evil}", "en": evil},
        "questions": [
            {**RELATIONSHIP["questions"][0], "text": {"vi": evil, "en": evil}},
            RELATIONSHIP["questions"][2],
        ],
    }
    invitation = await world.ask(document)
    browser = world.browser()
    await browser.open(world.link(invitation))
    await browser.send(nps="7", t_comment=f"</textarea>{evil}")
    await browser.open(world.link(invitation) + "?edit=1")

    assert "<script>alert" not in browser.html
    assert "&lt;script&gt;alert(1)" in browser.html
    assert ("t:comment", f"</textarea>{evil}") in browser.fields


async def test_an_anonymous_survey_keeps_nothing_until_it_is_whole(world: PagesWorld):
    document = {**RELATIONSHIP, "is_anonymous": True}
    invitation = await world.ask(document, person_name="ẩn danh")
    browser = world.browser()
    await browser.open(world.link(invitation))
    await browser.send(nps="2")

    assert ("a:nps", "2") in browser.fields
    assert await world.surveys.value("SELECT count(*) FROM ballots") == 0
    await browser.send(why=["late"])
    assert "Cảm ơn bạn" in browser.html
    assert await world.surveys.value("SELECT count(*) FROM ballots") == 1
    assert await world.responses(invitation) == []


async def test_every_page_says_to_keep_it_from_caches_frames_and_referrers(world: PagesWorld):
    invitation = await world.ask()
    browser = world.browser()

    for page in (await browser.open(world.link(invitation)), await browser.open("/s/" + "A" * 60)):
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "unsafe-inline" not in page.headers["content-security-policy"]
        assert "set-cookie" not in page.headers
        assert "http" not in page.text.replace("http-equiv", "")
