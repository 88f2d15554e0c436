"""Somebody asks what is kept of them, and is erased: every word goes, what they scored stays under a pseudonym."""

import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from answers_world import RELATIONSHIP, invite, take
from surveys_world import SurveysWorld, open_world

from services.surveys.app import service as manifest
from services.surveys.cases.schemas.case import NoteIn
from services.surveys.cases.service.desk import Asked
from services.surveys.rights.service import ROOMS
from shared.ids import anonymous_key, user_key
from shared.rights.contract import Erased, Subject
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

AN, VISITOR, BINH = user_key("an"), anonymous_key("v-1"), user_key("bình")
SUBJECT = Subject(AN, tuple(sorted((AN, VISITOR))), ("Nguyễn Văn An",))
CANARY = "Tôi là Nguyễn Văn An ở 12 Hàng Bạc, shipper <b>quát</b> mẹ tôi"
OTHER = "Bình thường thôi, giao hơi chậm"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(pg_url: str) -> AsyncIterator[SurveysWorld]:
    async with fresh_database(pg_url) as url, open_world(url) as opened:
        await a_life(opened)
        yield opened


async def a_life(world: SurveysWorld) -> None:
    """Words under two keys of one person and of somebody else: said, said otherwise, noted; and one anonymous."""
    survey = await world.publish_document(RELATIONSHIP)
    hidden = await world.publish_document({**RELATIONSHIP, "name": "Ẩn danh", "is_anonymous": True})
    for name, words in (("an", CANARY), ("bình", OTHER)):
        (invitation,) = await invite(world, survey, name)
        await take(world, invitation_id=invitation, answers={"nps": {"score": 1}, "comment": {"text": words}})
        world.clock.forward(minutes=1)
        more = {"nps": {"score": 2}, "comment": {"text": f"{words}!"}}
        await take(world, invitation_id=invitation, answers=more)
        case = await world.value("SELECT id FROM cases WHERE person = :person", person=user_key(name))
        await world.service.case_desk.note(case, NoteIn(text=f"Gọi lại: {words}"), Asked("key-1"))
    await take(
        world,
        survey_id=survey.survey_id,
        person=VISITOR,
        reference=f"kiosk {CANARY[:20]}",
        answers={"nps": {"score": 10}, "comment": {"text": CANARY}},
    )
    (ballot,) = await invite(world, hidden, "an")
    await take(world, invitation_id=ballot, answers={"nps": {"score": 0}, "comment": {"text": "Không nói tên"}})
    await world.merge(VISITOR, AN)


async def exported(world: SurveysWorld, subject: Subject = SUBJECT) -> dict[str, Any]:
    assert manifest.rights is not None
    async with world.db.read() as tx:
        return {name: rows async for name, rows in manifest.rights.export(world.service, tx, subject)}


async def erased(world: SurveysWorld) -> Erased:
    assert manifest.rights is not None
    async with world.db.write() as tx:
        return await manifest.rights.erase(world.service, tx, SUBJECT)


async def found(world: SurveysWorld, *words: str) -> dict[str, int]:
    """The tables of surveys in which one of the words stands, and in how many rows."""
    tables = await world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'surveys' AND tablename <> 'outbox'")
    counted = {}
    for (table,) in tables:
        number = await world.value(
            f"SELECT count(*) FROM {table} AS t WHERE EXISTS (SELECT FROM unnest(CAST(:words AS text[])) AS s "
            "WHERE position(lower(s) IN lower(t::text)) > 0)",
            words=list(words),
        )
        if number:
            counted[table] = number
    return counted


async def test_an_export_holds_all_that_is_kept_and_nothing_of_others(world: SurveysWorld):
    bundle = await exported(world)

    assert sorted(row["score"] for row in bundle["responses"]) == [2, 10]
    assert len(bundle["response_revisions"]) == 1
    assert str(bundle).count(CANARY) >= 3
    assert any(CANARY in str(row) for row in bundle["case_notes"])
    assert len(bundle["cases"]) == 1
    assert {row["raw_id"] for row in bundle["identity"]} >= {str(VISITOR)}
    assert str(BINH) not in str(bundle)
    assert OTHER not in str(bundle)
    # Of an anonymous answer nobody knows whose it is, the export as little as anybody.
    assert "Không nói tên" not in str(bundle)


async def test_who_has_their_data_restricted_is_noted_under_all_keys_and_let_go(world: SurveysWorld):
    assert manifest.rights is not None
    assert manifest.rights.restrict is not None
    keys = (AN, VISITOR, BINH)
    for is_restricted, noted in ((True, {AN, VISITOR}), (True, {AN, VISITOR}), (False, set())):
        async with world.db.write() as tx:
            await manifest.rights.restrict(world.service, tx, SUBJECT, is_restricted)
            assert await world.service.rights.restricted_among(tx, keys) == noted


async def test_an_erasure_takes_every_word_and_leaves_the_scores(world: SurveysWorld):
    words = ("Nguyễn Văn An", "nguyen van an", "12 Hàng Bạc", "quát")
    assert set(await found(world, *words)) >= {"responses", "response_revisions", "case_notes"}
    scores = await world.rows("SELECT person, score, state FROM responses WHERE person IS NOT NULL ORDER BY id")

    first, again = await erased(world), await erased(world)

    assert await found(world, *words) == {}
    assert first.removed["responses (words)"] == 2
    assert first.removed["case_notes (words)"] == 1
    assert again.removed == {}
    assert len(first.kept) == 2
    assert await world.rows("SELECT person, score, state FROM responses WHERE person IS NOT NULL ORDER BY id") == scores
    # Whoever else said something is as they were.
    assert set(await found(world, OTHER)) >= {"responses", "response_revisions", "case_notes"}
    world.clock.forward(hours=2)
    assert sorted(row["score"] for row in (await exported(world))["responses"]) == [2, 10]


async def test_every_column_with_a_person_is_of_a_room_that_tells_of_it(world: SurveysWorld):
    """A table that is added later must be told of in its room's rights too, or say here why it knows nobody."""
    rows = await world.rows(
        "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = 'surveys' "
        "AND column_name IN ('person', 'customer') AND data_type = 'uuid'"
    )
    told: dict[str, Any] = {}
    for room in ROOMS:
        told |= dict.fromkeys(inspect.getsource(room).replace('"', " ").replace("`", " ").split())
    # What was asked for is what is kept of a restriction, and the request stands in profiles.
    elsewhere = {"restrictions"}

    assert {row.table_name for row in rows} - elsewhere - told.keys() == set()
