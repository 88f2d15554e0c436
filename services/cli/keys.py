"""`tam keys`: who may send, who may read."""

from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table
from shared.http.auth import KeyInfo

from services.cli.common import console, database_url, fail, open_keyring, read_settings, run
from services.registry import SERVICES
from shared.runtime.platform import migrate

app = typer.Typer(no_args_is_help=True, help="Create, list, rotate and revoke keys.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for, e.g. 'web shop' or 'CRM'.")],
    kind: Annotated[str, typer.Option(help="write: may only send events, safe in a browser. secret: for servers.")] = (
        "secret"
    ),
    scope: Annotated[
        list[str] | None, typer.Option(help="For secret keys, repeatable: metrics:read, profiles:write, …; * is all.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="For write keys: the shop's name in every event.")] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="For write keys, repeatable: web origins that may use it; none: any.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; never, if not given.")] = None,
) -> None:
    """Make a key and print it, once, on stdout."""
    if kind not in ("write", "secret"):
        fail("--kind is write or secret.", 2)
    if kind == "secret" and not scope:
        fail("A secret key needs at least one --scope (or --scope '*' for all).", 2)

    async def work() -> str:
        settings = read_settings()
        async with database_url(settings) as url:
            await migrate(url, SERVICES, apply=settings.auto_migrate)
            async with open_keyring(url) as ring:
                _, secret = await ring.create(
                    kind,  # type: ignore[arg-type]  # checked above
                    name,
                    source=source or (name if kind == "write" else None),
                    scopes=scope or (),
                    origins=origin or (),
                    expires=None if days is None else timedelta(days=days),
                )
                return secret

    typer.echo(run(work()))


@app.command(name="list")
def list_keys() -> None:
    """Show all keys, never their secrets."""

    async def work() -> list[KeyInfo]:
        settings = read_settings()
        async with database_url(settings) as url, open_keyring(url) as ring:
            await migrate(url, SERVICES, apply=settings.auto_migrate)
            return list(await ring.list())

    table = Table(box=None, pad_edge=False)
    for column in ("id", "kind", "name", "source", "scopes or origins", "created", "last used", "state"):
        table.add_column(column, overflow="fold")
    for key in run(work()):
        table.add_row(
            key.id,
            key.kind,
            key.name,
            key.source or "",
            " ".join(key.scopes or key.allowed_origins),
            _day(key.created_at),
            _day(key.last_used_at),
            _state(key),
        )
    typer.echo(_rendered(table), nl=False)


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(help="The id shown by `tam keys list`.")],
    grace_hours: Annotated[int, typer.Option(min=0, help="Hours for which the old key still works.")] = 24,
) -> None:
    """Make a successor with the same rights; the old key ends after the grace."""

    async def work() -> str:
        async with database_url(read_settings()) as url, open_keyring(url) as ring:
            _, secret = await ring.rotate(key_id, grace=timedelta(hours=grace_hours))
            return secret

    typer.echo(run(work()))


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The id shown by `tam keys list`.")]) -> None:
    """End a key; no process accepts it after a minute."""

    async def work() -> None:
        async with database_url(read_settings()) as url, open_keyring(url) as ring:
            await ring.revoke(key_id)

    run(work())
    console.print(f"Revoked {key_id}.")


def _day(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M")


def _state(key: KeyInfo) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "" if key.expires_at is None else f"until {_day(key.expires_at)}"


def _rendered(table: Table) -> str:
    from rich.console import Console

    plain = Console(width=160, no_color=True)
    with plain.capture() as capture:
        plain.print(table)
    return capture.get()
