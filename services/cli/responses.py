"""`tam import responses`: what customers said when another system asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from services.cli import past_answers
from services.cli.common import database_url, open_database, read_settings, run, say
from services.cli.orders import SOME_ROWS_WERE_BAD, BadRows, CsvFile, DryRun
from services.cli.past_answers import COLUMNS
from services.cli.progress import Meter, progress_bar
from services.cli.purchases import Rules
from services.registry import SERVICES
from services.surveys.answers.service.importing import Importing
from services.surveys.service import SurveysService
from services.surveys.settings import SurveysSettings
from shared.clock import SystemClock
from shared.config import PlatformSettings
from shared.db.engine import Database
from shared.delivery.outbox import OutboxWriter
from shared.errors import AppError, UserError
from shared.runtime.platform import load_service_settings

BATCH = 500
HELP = (
    "Bring in what customers answered elsewhere: a CSV file of our own export, of LimeSurvey or of Delighted, or any "
    "with these columns and one for each question, named by its id or as it was asked, in any order (others are passed "
    "over, names and addresses too), separated by commas, semicolons or tabs.\n\n"
    + "\n\n".join(f"* {name}: {meaning}" for name, meaning in COLUMNS.items())
    + "\n\nAnswers go through the rules of the survey as it is asked now, and count in figures at their own time. They "
    "open no case, earn no points, take no place of a quota, and nobody is asked because of them. A bad row is "
    "reported with its line number and reason on stderr; the rest goes on. Safe to run twice: what is there already, "
    "by its reference, changes nothing.\n\n"
    f"Exit code: 0 every row was taken; {SOME_ROWS_WERE_BAD} some rows were bad; 1 it could not be done; "
    "2 wrong arguments or settings."
)


def responses(
    file: CsvFile,
    survey: Annotated[UUID, typer.Option(help="The survey; it must take answers now.")],
    column: Annotated[
        list[str] | None, typer.Option(help="What a column is: 'Heading=question', or =customer and the like.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Import past answers."""
    settings = read_settings()
    bad = run(_import(settings, file, survey, _columns(column or []), is_trial=dry_run))
    raise typer.Exit(SOME_ROWS_WERE_BAD if bad else 0)


def _columns(said: list[str]) -> dict[str, str]:
    found = {}
    for each in said:
        name, equals, meaning = each.rpartition("=")
        if not (name and equals and meaning):
            raise typer.BadParameter(f"{each!r} is not Heading=question")
        found[name] = meaning
    return found


@asynccontextmanager
async def _importing(settings: PlatformSettings) -> AsyncIterator[Importing]:
    """Responses on the database; a refusal of the whole ends the command with its sentence."""
    own = load_service_settings(SERVICES)["surveys"]
    assert isinstance(own, SurveysSettings)
    async with database_url(settings) as url, open_database(url, "surveys") as plain:
        db = Database(plain.engine, schema="surveys", outbox=OutboxWriter())
        try:
            yield SurveysService(db=db, clock=SystemClock(), zone=settings.zone, settings=own).importing
        except AppError as refusal:
            raise UserError(refusal.detail) from None


async def _import(
    settings: PlatformSettings, file: Path, survey_id: UUID, columns: dict[str, str], *, is_trial: bool
) -> int:
    bad, new, there = BadRows(file), 0, 0
    async with _importing(settings) as importing:
        definition = await importing.survey(survey_id)
        rules = Rules(settings.zone, None, SystemClock().now())
        source = bad.apart(past_answers.read(file, definition, rules, columns=columns))
        with progress_bar() as bar:
            meter = Meter(bar, "checking" if is_trial else "importing", 0)
            while batch := list(islice(source, BATCH)):
                outcomes = await importing.bring_in(definition, [each.answer for each in batch], is_trial=is_trial)
                for each, outcome in zip(batch, outcomes, strict=True):
                    if isinstance(outcome, AppError):
                        bad.add(each.line, _reason(outcome))
                    elif outcome.is_new:
                        new += 1
                    else:
                        there += 1
                meter.more(len(batch))
    done = "would be imported; nothing was" if is_trial else "were imported"
    say(f"{new} responses of {file} {done}; {there} were there already; {bad.count} rows were bad.")
    return bad.count


def _reason(refusal: AppError) -> str:
    """Why an answer was not taken, in one line."""
    problems = refusal.data.get("problems") or ()
    return "; ".join(f"{each['path']}: {each['message']}" for each in problems) or refusal.detail
