"""The page in a real Chromium: what scanners that run scripts do to it, keyboards, eyes of all kinds, and no script."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from answers_world import RELATIONSHIP
from pages_world import PagesWorld, pages_of_a_module

from shared.testing.chromium import DESK, PHONE, Tab, Wire, axe_script, chromium, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYTHING: dict[str, Any] = {
    **RELATIONSHIP,
    "name": "Đủ loại câu hỏi",
    "intro": {"vi": "Chỉ mất một phút.", "en": "It takes a minute."},
    "questions": [
        {
            **RELATIONSHIP["questions"][0],
            "labels": {
                "0": {"vi": "Hoàn toàn không", "en": "Not at all"},
                "10": {"vi": "Chắc chắn có", "en": "Certainly"},
            },
        },
        {
            "id": "csat",
            "kind": "csat",
            "text": {"vi": "Bạn hài lòng thế nào?", "en": "How content are you?"},
            "help": {"vi": "Với lần giao hàng này.", "en": "With this delivery."},
            "points": 5,
            "labels": {
                str(point): {"vi": vi, "en": en}
                for point, (vi, en) in enumerate(
                    [
                        ("Rất không hài lòng", "Very unhappy"),
                        ("Không hài lòng", "Unhappy"),
                        ("Bình thường", "Neither"),
                        ("Hài lòng", "Happy"),
                        ("Rất hài lòng", "Very happy"),
                    ],
                    1,
                )
            },
        },
        {
            "id": "why",
            "kind": "multiple",
            "text": {"vi": "Vì sao?", "en": "Why?"},
            "most": 2,
            "options": [
                {"id": "late", "label": {"vi": "Giao trễ", "en": "Late"}},
                {"id": "price", "label": {"vi": "Giá", "en": "Price"}},
                {"id": "else", "label": {"vi": "Khác", "en": "Other"}, "is_other": True},
            ],
        },
        {
            "id": "care",
            "kind": "matrix",
            "text": {"vi": "Chúng tôi làm thế nào?", "en": "How did we do?"},
            "points": 5,
            "rows": [
                {"id": "speed", "label": {"vi": "Tốc độ", "en": "Speed"}},
                {"id": "box", "label": {"vi": "Đóng gói", "en": "Packing"}},
            ],
        },
        RELATIONSHIP["questions"][2],
    ],
}


@dataclass
class Stand:
    world: PagesWorld
    browser: Wire
    url: str

    @property
    def axe(self) -> str:
        return axe_script()

    def link(self, invitation: Any, score: int | None = None) -> str:
        return self.url + self.world.link(invitation, score)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(pg_url: str) -> AsyncIterator[Stand]:
    async with chromium() as browser, pages_of_a_module(pg_url) as world, served(world.app) as url:
        yield Stand(world, browser, url)


@pytest_asyncio.fixture(loop_scope="module")
async def tab(stand: Stand) -> Tab:
    opened = await stand.browser.tab()
    await opened.look()
    return opened


async def answered(stand: Stand, invitation: Any, *, patience_seconds: float = 5) -> list[tuple[Any, ...]]:
    """What was answered, once there is something."""
    for _ in range(int(patience_seconds / 0.05)):
        if found := await stand.world.responses(invitation):
            return found
        await asyncio.sleep(0.05)
    return []


async def test_a_browser_that_loads_all_eleven_links_and_touches_nothing_answers_nothing(stand: Stand, tab: Tab):
    invitation = await stand.world.ask()
    for score in range(11):
        await tab.open(stand.link(invitation, score))
    # Longer than the page waits, moving, scrolling and clicking as scripts can.
    stand.world.clock.forward(seconds=30)
    await tab.run(
        "for (const t of ['pointerdown','keydown','touchstart','click']) document.body.dispatchEvent(new Event(t,"
        "{bubbles:true})); document.querySelector('label').click(); scrollTo(0, 500); 0"
    )
    await asyncio.sleep(2)

    assert await stand.world.responses(invitation) == []
    assert len(await stand.world.intents(invitation)) == 11
    assert tab.errors == []


async def test_a_touch_of_a_person_sends_the_score_and_the_button_the_rest(stand: Stand, tab: Tab):
    invitation = await stand.world.ask()
    await tab.open(stand.link(invitation, 9))
    stand.world.clock.forward(seconds=3)

    await tab.click(200, 30)

    assert await answered(stand, invitation) == [("partial", {"nps": {"score": 9}}, 1, "confirmed")]
    await tab.run("document.querySelector('textarea').focus()")
    await tab.type("Giao nhanh, đóng gói đẹp")
    async with tab.loading():
        await tab.run("document.querySelector('button.main').click()")
    assert (await stand.world.responses(invitation))[0][:2] == (
        "complete",
        {"nps": {"score": 9}, "comment": {"text": "Giao nhanh, đóng gói đẹp"}},
    )
    assert tab.errors == []


async def test_keys_alone_answer_a_survey(stand: Stand, tab: Tab):
    invitation = await stand.world.ask()
    await tab.open(stand.link(invitation))

    await tab.press("Tab", "Space", "ArrowRight", "ArrowRight", "ArrowRight")
    assert await tab.run("document.activeElement.value") == "3"
    outline = await tab.run("getComputedStyle(document.activeElement.parentElement).outlineStyle")
    assert outline == "solid", "where the focus is can be seen"
    await tab.press("Tab")
    async with tab.loading():
        await tab.press("Enter")
    await tab.press("Tab", "Space", "Tab", "Tab")
    await tab.type("Chị Lan")
    await tab.press("Tab")
    async with tab.loading():
        await tab.press("Enter")

    assert (await stand.world.responses(invitation))[0][:2] == (
        "complete",
        {"nps": {"score": 3}, "why": {"chosen": ["late"]}, "comment": {"text": "Chị Lan"}},
    )


async def test_without_scripts_it_works_the_same(stand: Stand, tab: Tab):
    invitation = await stand.world.ask()
    await tab.look(scripts=False)
    await tab.open(stand.link(invitation, 10))
    await tab.press("Tab", "Tab", "Tab")
    async with tab.loading():
        await tab.press("Enter")

    assert (await stand.world.responses(invitation))[0][1] == {"nps": {"score": 10}}


async def test_what_is_wrong_is_read_out_and_has_the_focus(stand: Stand, tab: Tab):
    invitation = await stand.world.ask()
    await tab.open(stand.link(invitation))
    async with tab.loading():
        await tab.run("document.querySelector('button.main').click()")

    await tab.becomes("document.activeElement.getAttribute('role')", "alert")
    assert await tab.axe(stand.axe) == []
    await tab.press("Tab", "Enter")
    assert await tab.run("location.hash") == "#i-nps-0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", ["phone", "desk"])
async def test_everybody_can_use_it(stand: Stand, tab: Tab, scheme: str, screen: str, tmp_path: Path):
    """axe-core finds nothing by WCAG 2.2 AA, nothing overflows, and what is to be hit is large enough."""
    pictures = Path(os.environ.get("TAM_TEST_PICTURES", tmp_path))
    locale = "vi" if scheme == "light" else "en"
    invitation = await stand.world.ask(EVERYTHING, locale=locale)
    await tab.look(PHONE if screen == "phone" else DESK, scheme=scheme)

    await tab.open(stand.link(invitation, 6))
    assert await tab.axe(stand.axe) == []
    assert await tab.run("document.documentElement.scrollWidth <= innerWidth")
    small = await tab.run(
        "[...document.querySelectorAll('label.o, button, .button, textarea')].map(e => e.getBoundingClientRect())"
        ".filter(r => r.height < 44 || r.width < 24).length"
    )
    assert small == 0
    await tab.picture(pictures / f"form-{screen}-{scheme}-{locale}.png")

    async with tab.loading():
        await tab.run("document.querySelector('button.main').click()")
    await tab.picture(pictures / f"thanks-{screen}-{scheme}-{locale}.png")
    assert await tab.axe(stand.axe) == []
    await tab.open(stand.url + "/s/" + "x" * 60)
    await tab.picture(pictures / f"bad-{screen}-{scheme}-{locale}.png")
    assert await tab.axe(stand.axe) == []
    assert [each for each in tab.errors if "404" not in each] == []
