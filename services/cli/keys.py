"""`tam keys`: who may send, who may read."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar

import typer
from rich.table import Table

from services.cli.common import database_url, fail, open_keyring, read_settings, run, say, show
from shared.http.auth import KeyInfo, KeyRing

app = typer.Typer(no_args_is_help=True, help="Create, list, rotate and revoke keys.")

T = TypeVar("T")


def _with_keyring(work: Callable[[KeyRing], Awaitable[T]]) -> T:
    async def open_and_work() -> T:
        async with database_url(read_settings()) as url, open_keyring(url) as ring:
            return await work(ring)

    return run(open_and_work())


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for, e.g. 'web shop' or 'CRM'.")],
    kind: Annotated[
        Literal["write", "secret"],
        typer.Option(help="write: may only send events, safe in a browser. secret: for servers."),
    ] = "secret",
    scope: Annotated[
        list[str] | None, typer.Option(help="For secret keys, repeatable: metrics:read, surveys:write, …; * is all.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="For write keys: the shop's name in every event; the key's name, if not given.")
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="For write keys, repeatable: web origins that may use it; none: any.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="Days until it expires; none: never.")] = None,
) -> None:
    """Make a key and print it, once, on stdout."""
    if kind == "secret" and not scope:
        fail("A secret key needs at least one --scope (or --scope '*' for all).", 2)

    async def work(ring: KeyRing) -> str:
        _, secret = await ring.create(
            kind,
            name,
            source=source or (name if kind == "write" else None),
            scopes=scope or (),
            origins=origin or (),
            expires=None if days is None else timedelta(days=days),
        )
        return secret

    typer.echo(_with_keyring(work))


@app.command(name="list")
def list_keys() -> None:
    """Show all keys, never their secrets."""

    async def work(ring: KeyRing) -> list[KeyInfo]:
        return list(await ring.list())

    table = Table(box=None, pad_edge=False)
    for column in ("id", "kind", "name", "source", "scopes or origins", "created", "last used", "state"):
        table.add_column(column, overflow="fold")
    for key in _with_keyring(work):
        table.add_row(
            key.id,
            key.kind,
            key.name,
            key.source or "",
            " ".join(key.scopes or key.allowed_origins),
            _minute(key.created_at),
            _minute(key.last_used_at),
            _state(key),
        )
    show(table)


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(help="The id shown by `tam keys list`.")],
    grace_hours: Annotated[
        int, typer.Option(min=0, max=24 * 365, help="Hours for which the old key still works.")
    ] = 24,
) -> None:
    """Make a successor with the same rights and print it; the old key ends after the grace."""

    async def work(ring: KeyRing) -> str:
        _, secret = await ring.rotate(key_id, grace=timedelta(hours=grace_hours))
        return secret

    typer.echo(_with_keyring(work))


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The id shown by `tam keys list`.")]) -> None:
    """End a key; no process accepts it after a minute."""

    async def work(ring: KeyRing) -> None:
        await ring.revoke(key_id)

    _with_keyring(work)
    say(f"Revoked {key_id}.")


async def first_keys(ring: KeyRing) -> None:
    """Give a new instance a pair of keys, shown once."""
    if await ring.list():
        return
    _, write = await ring.create("write", "first shop", source="web")
    _, secret = await ring.create("secret", "first secret", scopes=("*",))
    say("Keys of this new instance, shown only now:")
    say(f"  write key (for shops)   {write}")
    say(f"  secret key (all scopes) {secret}")


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _state(key: KeyInfo) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return ""
    return f"{'expired' if key.expires_at <= datetime.now(UTC) else 'until'} {_minute(key.expires_at)}"
