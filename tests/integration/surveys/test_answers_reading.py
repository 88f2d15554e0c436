"""What answers are about: found when they come, and again when the rules change."""

from collections.abc import AsyncIterator

import orjson
import pytest
from answers_world import RELATIONSHIP, invite, take
from surveys_world import SurveysWorld, open_world

from services.surveys.answers.domain.filters import Filters
from services.surveys.answers.errors import BadThemes, ThemesMoved
from services.surveys.answers.schemas.themes import ThemesIn
from services.surveys.answers.service import themes as theme_service

LATE = {"late": {"any": ["giao chậm", "giao trễ"]}}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[SurveysWorld]:
    async with open_world(database_url) as opened:
        yield opened


async def write(world: SurveysWorld, version: int, rules: dict[str, object]) -> int:
    answer = await world.service.theme_rules.put(ThemesIn(version=version, rules=rules), by="staff", idem=None)
    found: int = orjson.loads(answer.body)["version"]
    async with world.db.read() as tx:
        await world.service.reading.refresh(tx)
    return found


async def say(world: SurveysWorld, *texts: str) -> None:
    definition = await world.publish_document(RELATIONSHIP)
    for place, text in enumerate(texts):
        (invitation,) = await invite(world, definition, f"customer {place}")
        await take(world, invitation_id=invitation, answers={"nps": {"score": 3}, "comment": {"text": text}})


async def test_an_answer_is_read_when_it_comes_and_again_under_new_rules(
    world: SurveysWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(theme_service, "BATCH", 2)
    assert await write(world, 0, LATE) == 1
    await say(world, "Giao CHAM quá", "giá đắt", "very nice staff", "đắt, giao trễ")

    async def found() -> list[tuple[object, ...]]:
        rows = await world.rows("SELECT themes, language, themes_version FROM responses ORDER BY id")
        return [(tuple(row.themes), row.language, row.themes_version) for row in rows]

    assert await found() == [(("late",), "vi", 1), ((), "vi", 1), ((), "en", 1), (("late",), "vi", 1)]

    assert await write(world, 1, {**LATE, "price": "đắt"}) == 2
    assert [await world.service.theme_rules.apply() for _ in range(3)] == [2, 2, 0]

    assert [themes for themes, _, _ in await found()] == [("late",), ("price",), (), ("late", "price")]
    done = await world.service.theme_rules.current()
    assert (done.version, done.responses, done.read) == (2, 4, 4)
    assert done.finished_at is not None
    listed = await world.service.answers.listed(Filters(theme="price"), None, after=None, limit=10)
    assert len(listed) == 2
    assert (await world.service.theme_rules.version(1)).rules == LATE


async def test_rules_that_moved_or_find_nothing_are_refused(world: SurveysWorld) -> None:
    await write(world, 0, LATE)

    with pytest.raises(ThemesMoved):
        await write(world, 0, LATE)
    with pytest.raises(BadThemes) as refused:
        await write(world, 1, {"late": {"any": ["ok", {"near": ["a b"], "within": 3}]}})
    assert refused.value.data["path"] == "/late/any/1/near"


async def test_a_response_whose_words_go_away_is_about_nothing(world: SurveysWorld) -> None:
    await write(world, 0, LATE)
    await say(world, "giao chậm")
    key = await world.value("SELECT invitation_id FROM responses")

    await take(world, invitation_id=key, answers={"comment": None})

    row = (await world.rows("SELECT themes, language, words FROM responses"))[0]
    assert (list(row.themes), row.language, row.words) == ([], None, None)
