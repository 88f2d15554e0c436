"""`tam rights`: what people asked of their data, and by when the law wants it answered. It names nobody."""

from pathlib import Path
from typing import Annotated, get_args
from uuid import UUID

import orjson
import typer
from rich.table import Table

from services.cli import erasures
from services.cli.common import database_url, fail, open_database, read_settings, run, say, show
from services.profiles.rights.domain.cases import Case
from services.profiles.rights.domain.deadlines import RULES, Kind
from services.profiles.rights.repository import cases
from services.profiles.rights.schemas import CaseOut
from shared.clock import SystemClock

app = typer.Typer(no_args_is_help=True, help="Look at what people asked of their data, and at the deadlines.")

_TIME = "%Y-%m-%d %H:%M"
Id = Annotated[UUID, typer.Argument(help="The id shown by `tam rights list`.")]


@app.command(name="list")
def list_cases(
    kind: Annotated[str | None, typer.Option(help=f"Only of this kind: {', '.join(get_args(Kind))}.")] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only open cases.")] = False,
    is_overdue: Annotated[
        bool, typer.Option("--overdue", help="Only cases past a deadline; exit code 3 if any.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most.")] = 50,
) -> None:
    """Cases, the newest first, with their deadlines in the firm's time zone."""
    if kind is not None and kind not in get_args(Kind):
        fail(f"There is no kind {kind!r}; there are {', '.join(get_args(Kind))}.", 2)
    settings, now = read_settings(), SystemClock().now()

    async def work() -> list[Case]:
        async with database_url(settings) as url, open_database(url, "profiles") as db, db.read() as tx:
            return await cases.listed(
                tx,
                key=None,
                kind=kind,
                is_open=is_open or None,
                overdue_at=now if is_overdue else None,
                before=None,
                limit=limit,
            )

    table = Table("id", "kind", "state", "law", "received", "answer by", "due", "", box=None, pad_edge=False)
    found = run(work())
    for case in found:
        received, answer_by, due = (
            "" if at is None else at.astimezone(settings.zone).strftime(_TIME)
            for at in (case.received_at, None if case.acknowledged_at else case.acknowledge_by, case.due_at)
        )
        late = "OVERDUE" if case.is_overdue(now) else ""
        table.add_row(str(case.id), case.kind, case.state, case.jurisdiction, received, answer_by, due, late)
    if found:
        show(table)
    say(f"{len(found)} cases.")
    if is_overdue and found:
        raise typer.Exit(3)


@app.command(name="show")
def show_case(case_id: Id) -> None:
    """One case with what each service did about it, as JSON."""

    async def work() -> CaseOut | None:
        async with database_url(read_settings()) as url, open_database(url, "profiles") as db, db.read() as tx:
            case = await cases.case(tx, case_id)
            return None if case is None else CaseOut.of(case, await cases.progress(tx, case_id))

    found = run(work())
    if found is None:
        fail(f"There is no case {case_id}.")
    typer.echo(found.model_dump_json(indent=2, exclude={"waiting_for"}))


@app.command()
def receipt(case_id: Id) -> None:
    """The signed receipt of a case that is done, as JSON: what was signed, and the signature."""

    async def work() -> tuple[str, bytes] | None:
        async with database_url(read_settings()) as url, open_database(url, "profiles") as db, db.read() as tx:
            return await cases.receipt(tx, case_id) if await cases.case(tx, case_id) is not None else None

    found = run(work())
    if found is None:
        fail(f"There is no receipt of a case {case_id}.")
    text, signature = found
    typer.echo(orjson.dumps({"receipt": text, "signature": signature.hex()}).decode())


@app.command()
def journal(
    file: Annotated[
        Path, typer.Argument(dir_okay=False, help="The journal; only you can read it. It is made, or grows.")
    ],
) -> None:
    """Note the erasures that are not in a journal yet. Keep it apart from back-ups: they hold who was erased since.

    It names nobody. `tam restore --erasures` and `tam rights again` carry out what is in it.
    """
    settings = read_settings()

    async def work() -> int:
        async with database_url(settings) as url:
            return await erasures.written(settings, url, file)

    say(f"{run(work())} erasures were added to {file}.")


@app.command()
def again(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The journal of erasures.")],
) -> None:
    """Carry out the erasures of a journal that this database does not know of, as after a restore."""
    settings = read_settings()

    async def work() -> int:
        async with database_url(settings) as url:
            return await erasures.carried_out(settings, url, file)

    say(f"{run(work())} erasures are carried out again; `tam rights list` shows how far they are.")


@app.command()
def deadlines() -> None:
    """The dated table of deadlines that laws set."""
    table = Table("id", "law", "for", "what", "time", "since", "checked", box=None, pad_edge=False)
    for rule in RULES:
        time, checked = f"{rule.number} {rule.unit}", "yes" if rule.is_checked else "ask counsel"
        since = rule.valid_from.isoformat()
        table.add_row(rule.id, rule.source, " ".join(rule.kinds), rule.what, time, since, checked)
    show(table)
