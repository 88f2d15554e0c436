"""`tam dlq`: the dead letters of every service."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from services.cli.common import database_url, fail, open_database, pick, read_settings, run, say, show
from shared.db.engine import Database
from shared.delivery import dead_letters
from shared.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Look at records that could not be handled; try again or drop them.")

ServiceOption = Annotated[str | None, typer.Option("--service", help="Only of this service.")]


async def _each(service: str | None, act: Callable[[Database], Awaitable[None]]) -> None:
    async with database_url(read_settings()) as url:
        for manifest in pick(service):
            async with open_database(url, manifest.name) as db:
                await act(db)


@app.command(name="list")
def list_letters(
    service: ServiceOption = None, limit: Annotated[int, typer.Option(min=1, max=1000, help="At most.")] = 50
) -> None:
    """Open dead letters, oldest first."""
    table = Table("id", "consumer", "where", "error", "attempts", "since", "status", box=None, pad_edge=False)

    async def act(db: Database) -> None:
        async with db.read() as tx:
            for letter in await dead_letters.open_letters(tx, limit=limit):
                table.add_row(
                    str(letter.id),
                    letter.consumer,
                    f"{letter.topic}/{letter.partition}@{letter.offset}",
                    letter.error_class,
                    str(letter.attempts),
                    letter.failed_at.strftime("%Y-%m-%d %H:%M:%S"),
                    letter.status,
                )

    run(_each(service, act))
    if table.row_count:
        show(table)
    say(f"{table.row_count} open dead letters.")


@app.command(name="show")
def show_letter(letter_id: Annotated[UUID, typer.Argument(help="The id shown by `tam dlq list`.")]) -> None:
    """One dead letter: the error's type and code, where in the code it was, and its record (may hold personal data)."""
    found: list[str] = []

    async def act(db: Database) -> None:
        async with db.read() as tx:
            if (whole := await dead_letters.letter(tx, letter_id)) is not None:
                letter, trace, value = whole
                where = f"{letter.topic}/{letter.partition}@{letter.offset}"
                said = ": ".join(filter(None, (letter.error_class, letter.error)))
                found.append(f"{letter.consumer} at {where}, {letter.attempts} attempts: {said}\n\n{trace}\n\n")
                found.append(value.decode("utf-8", "replace") + "\n")

    run(_each(None, act))
    if not found:
        fail(f"There is no dead letter {letter_id}.")
    typer.echo("".join(found), nl=False)


def _mark(status: str, ids: list[UUID] | None, every: bool, service: str | None) -> int:
    if bool(ids) == every:
        fail("Name dead letters by id, or give --all.", 2)
    marked = 0

    async def act(db: Database) -> None:
        nonlocal marked
        async with db.write() as tx:
            marked += await dead_letters.set_status(tx, None if every else ids, status)

    async def work() -> None:
        await _each(service, act)
        if not marked:
            raise UserError("No open dead letter fits.")

    run(work())
    return marked


IdsArgument = Annotated[list[UUID] | None, typer.Argument(help="Ids shown by `tam dlq list`.")]
AllOption = Annotated[bool, typer.Option("--all", help="All open dead letters.")]


@app.command()
def retry(ids: IdsArgument = None, every: AllOption = False, service: ServiceOption = None) -> None:
    """Hand records to their consumer again; a running worker does it within a second or two."""
    say(f"{_mark('retry', ids, every, service)} dead letters will be tried again.")


@app.command()
def drop(ids: IdsArgument = None, every: AllOption = False, service: ServiceOption = None) -> None:
    """Give records up; they stay in the table, marked as dropped."""
    say(f"{_mark('dropped', ids, every, service)} dead letters dropped.")
