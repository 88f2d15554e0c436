"""Surveys on a real database."""

from collections.abc import AsyncIterator

import pytest
from surveys_world import SurveysWorld, open_world

from shared.events.catalogue.surveys import SurveyPublished


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[SurveysWorld]:
    async with open_world(database_url) as made:
        yield made


async def test_a_ready_survey_is_published_and_asked(world: SurveysWorld):
    definition = await world.publish()

    async with world.db.read() as tx:
        assert await world.service.definitions.active(tx) == (definition,)
    (event,) = await world.announced(SurveyPublished)
    assert (event.subject, event.data.version) == (definition.survey_id, 1)
    assert [each.id for each in event.data.questions] == ["csat", "problem", "ces", "comment"]
