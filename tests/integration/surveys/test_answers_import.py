"""Past answers are brought in by `tam import responses`: by the rules of the survey, once, and with no consequences."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from answers_world import RELATIONSHIP, take
from surveys_world import NOW, SurveysWorld, open_world
from typer.testing import CliRunner, Result

from services.cli.commands import app
from services.surveys.answers.service.importing import PastAnswer
from services.surveys.answers.service.taking import Outcome
from services.surveys.definitions.domain.definition import Definition
from shared.errors import AppError
from shared.events.catalogue.surveys import CaseOpened, SurveyAnswered
from shared.events.envelope import Event, EventData
from shared.ids import user_key
from shared.testing.postgres import fresh_database

MATRIX = {
    "id": "service",
    "kind": "matrix",
    "text": {"vi": "Dịch vụ", "en": "Service"},
    "points": 5,
    "rows": [{"id": "speed", "label": {"vi": "Nhanh"}}, {"id": "care", "label": {"vi": "Tận tâm"}}],
}
HOW = {
    "id": "how",
    "kind": "single",
    "text": {"vi": "Bạn biết chúng tôi từ đâu?"},
    "options": [{"id": "friend", "label": {"vi": "Bạn bè"}}, {"id": "else", "label": {"vi": "Khác"}, "is_other": True}],
}
PLAIN = RELATIONSHIP["questions"]
SURVEY = {**RELATIONSHIP, "locales": ["vi"], "quota": 2, "questions": [*PLAIN, MATRIX, HOW]}
OURS = (
    "\ufeffid;answered_at;state;customer;locale;Bạn có giới thiệu chúng tôi không?;Vì sao?;"
    "Kể cho chúng tôi;Dịch vụ – Nhanh;service.care;how;how.text\r\n"
    'r-1;2024-03-01 10:00;complete;lan;vi;2;Giao trễ; Giá;"Chậm quá,\r\nkhông ủng hộ nữa";4;5;friend;\r\n'
    "r-2;2024-03-02T08:00:00+07:00;complete;;vi;9;;'=1+1;;;else;Một tờ báo\r\n"
    "r-3;2024-03-03;complete;;vi;11;;;;;;\r\n"
    "r-4;2024-03-04;partial;;vi;9;;;;;;\r\n"
    "r-5;không biết;complete;;vi;9;;;;;;\r\n"
    "r-6;2094-03-03;complete;;vi;9;;;;;;\r\n"
    "r-7;2024-03-04;complete;;vi;;;;;;;\r\n"
)
LIMESURVEY = (
    '"Response ID","Date submitted","Last page","Start language","nps","why[late]","why[price]","comment","how",'
    '"how[other]"\n'
    '"7","2023-05-01 09:30:00","1","vi","5","Y","","Hàng bể","Bạn bè",""\n'
    '"8","1980-01-01 00:00:00","1","vi","9","","","","",""\n'
    '"9","","1","vi","9","","","","",""\n'
)
DELIGHTED = (
    "Response ID,Person ID,Email,Created At,Score,Comment,Shop id\n"
    "501,90,lan@example.test,2022-07-01 03:00:00 UTC,10,Tuyệt vời,lan\n"
    "502,91,an@example.test,1656644400,0,,\n"
)


Run = Callable[[Callable[[SurveysWorld, str], Awaitable[None]]], None]


@pytest.fixture(scope="module")
def run(pg_url: str) -> Iterator[Run]:
    """Run a story in a world of surveys that all of them share."""
    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        url = runner.run(stack.enter_async_context(fresh_database(pg_url)))
        world = runner.run(stack.enter_async_context(open_world(url)))
        yield lambda story: runner.run(story(world, url))
        runner.run(stack.aclose())


async def tam(url: str, folder: Path, *arguments: object) -> Result:
    """The command as a person at a terminal has it."""
    environ = {"TAM_DATABASE_URL": url, "TAM_DATA_DIR": str(folder)}
    arguments = ("import", "responses", *arguments)
    return await asyncio.to_thread(CliRunner().invoke, app, [str(each) for each in arguments], env=environ)


async def kept(world: SurveysWorld, definition: Definition) -> list[Any]:
    return await world.rows(
        "SELECT * FROM responses WHERE is_imported AND survey_id = :id ORDER BY reference", id=definition.survey_id
    )


async def told(world: SurveysWorld, kind: type[EventData], definition: Definition) -> list[Event[Any]]:
    return [each for each in await world.announced(kind) if each.data.survey_id == definition.survey_id]


def test_our_own_export_is_read_back_by_line_and_twice_changes_nothing(run: Run, tmp_path: Path) -> None:
    async def story(world: SurveysWorld, url: str) -> None:
        definition = await world.publish_document(SURVEY)
        file = tmp_path / "cũ.csv"
        # A list in a cell between the separators of the file is in quotes.
        file.write_text(OURS.replace("Giao trễ; Giá", '"Giao trễ; Giá"'), encoding="utf-8", newline="")

        tried = await tam(url, tmp_path, file, "--survey", definition.survey_id, "--dry-run")
        assert tried.exit_code == 3, tried.output
        assert await kept(world, definition) == []
        assert "2 responses" in tried.output
        done = await tam(url, tmp_path, file, "--survey", definition.survey_id)
        again = await tam(url, tmp_path, file, "--survey", definition.survey_id)

        assert (done.exit_code, again.exit_code) == (3, 3), done.output
        said = " ".join(done.output.split())
        for line in ("cũ.csv:5: /nps/score: A whole number from 0 to 10", "cũ.csv:6: the response is not complete"):
            assert line in said
        for line, why in ((7, "is no date or time"), (8, "is in the future"), (9, "This question must be answered")):
            assert f"cũ.csv:{line}:" in said
            assert why in said
        assert "2 responses" in said
        assert "5 rows were bad" in said
        assert "0 responses" in " ".join(again.output.split())
        assert "2 were there already" in " ".join(again.output.split())
        first, second = await kept(world, definition)
        assert first.answers == {
            "nps": {"score": 2},
            "why": {"chosen": ["late", "price"]},
            "comment": {"text": "Chậm quá,\nkhông ủng hộ nữa"},
            "service": {"rows": {"speed": {"score": 4}, "care": {"score": 5}}},
            "how": {"chosen": ["friend"]},
        }
        assert first.person == user_key("lan")
        assert first.answered_at.isoformat() == "2024-03-01T03:00:00+00:00"
        assert second.answers["comment"] == {"text": "=1+1"}
        assert second.answers["how"] == {"chosen": ["else"], "text": "Một tờ báo"}

    run(story)


def test_files_of_limesurvey_and_delighted(run: Run, tmp_path: Path) -> None:
    async def story(world: SurveysWorld, url: str) -> None:
        definition = await world.publish_document({**SURVEY, "quota": None})
        lime, delighted = tmp_path / "lime.csv", tmp_path / "delighted.csv"
        lime.write_text(LIMESURVEY, encoding="utf-8-sig")
        delighted.write_text(DELIGHTED, encoding="utf-8")

        one = await tam(url, tmp_path, lime, "--survey", definition.survey_id)
        two = await tam(url, tmp_path, delighted, "--survey", definition.survey_id, "--column", "Shop id=customer")

        assert one.exit_code == 3, one.output
        assert "lime.csv:3: answered_at was forgotten by LimeSurvey" in " ".join(one.output.split())
        assert "lime.csv:4: answered_at is empty" in " ".join(one.output.split())
        assert two.exit_code == 0, two.output
        by_reference = {row.reference: row for row in await kept(world, definition)}
        assert by_reference["7"].answers == {
            "nps": {"score": 5},
            "why": {"chosen": ["late"]},
            "comment": {"text": "Hàng bể"},
            "how": {"chosen": ["friend"]},
        }
        assert by_reference["501"].person == user_key("lan")
        assert by_reference["501"].answers == {"nps": {"score": 10}, "comment": {"text": "Tuyệt vời"}}
        assert by_reference["501"].answered_at == by_reference["502"].answered_at
        assert "example.test" not in str(await world.rows("SELECT * FROM responses"))
        assert "example.test" not in str(await world.rows("SELECT * FROM outbox"))

    run(story)


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        ("reference,answered_at,màu\nr,2024-01-01,đỏ\n", (), "no column for any question"),
        ("reference,nps\nr,9\n", (), "no column answered_at"),
        ("reference,answered_at,nps\n", ("--column", "điểm=nps"), "no column 'điểm'"),
        ("reference,answered_at,nps\n", ("--column", "nps=ghost"), "no question 'ghost'"),
    ],
    ids=["no question", "no time", "no such column", "no such question"],
)
def test_a_file_that_cannot_be_meant_is_refused_whole(
    run: Run, tmp_path: Path, content: str, options: tuple[str, ...], sentence: str
) -> None:
    async def story(world: SurveysWorld, url: str) -> None:
        definition = await world.publish_document(SURVEY)
        file = tmp_path / "odd.csv"
        file.write_text(content, encoding="utf-8")

        refused = await tam(url, tmp_path, file, "--survey", definition.survey_id, *options)

        assert refused.exit_code == 1, refused.output
        assert sentence in " ".join(refused.output.split())
        assert await kept(world, definition) == []

    run(story)


def past(reference: str, **values: Any) -> PastAnswer:
    said = {"answers": {"nps": {"score": 0}, "comment": {"text": "Tệ lắm"}}, "person": user_key("lan")}
    return PastAnswer(reference, **{"answered_at": NOW.replace(year=2023), **said, **values})


async def bring(world: SurveysWorld, definition: Definition, *answers: PastAnswer) -> list[Outcome]:
    return await world.service.importing.bring_in(definition, answers)


def test_nobody_is_called_rewarded_or_crowded_out_by_the_past(run: Run) -> None:
    async def story(world: SurveysWorld, _: str) -> None:
        definition = await world.publish_document({**SURVEY, "quota": 1})

        (old,) = await bring(world, definition, past("a"))
        assert not isinstance(old, AppError)
        assert await told(world, CaseOpened, definition) == []
        (event,) = await told(world, SurveyAnswered, definition)
        assert (event.time, event.data.is_imported, event.data.score) == (NOW.replace(year=2023), True, 0)

        # The one place of the quota is still there, and an unhappy answer of today opens its case.
        await take(world, survey_id=definition.survey_id, person=user_key("an"), answers={"nps": {"score": 0}})
        assert len(await told(world, CaseOpened, definition)) == 1

    run(story)


def test_what_is_said_otherwise_or_of_an_anonymous_survey_is_refused(run: Run) -> None:
    async def story(world: SurveysWorld, _: str) -> None:
        definition = await world.publish_document(SURVEY)
        hidden = await world.publish_document({**SURVEY, "is_anonymous": True})

        twice = await bring(world, definition, past("a"), past("a"), past("a", answers={"nps": {"score": 9}}))
        (anonymous,) = await bring(world, hidden, past("b", person=None))
        (tomorrow,) = await bring(world, definition, past("c", answered_at=NOW.replace(year=2030)))

        assert [isinstance(each, AppError) or each.is_new for each in twice[:2]] == [True, False]
        assert [getattr(each, "code", None) for each in (twice[2], anonymous, tomorrow)] == [
            "surveys.answer_too_late",
            "surveys.anonymous_import",
            "surveys.answered_later",
        ]
        assert await world.value("SELECT count(*) FROM ballots") == 0
        assert [row.reference for row in await kept(world, definition)] == ["a"]

    run(story)
