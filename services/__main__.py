"""The command `tam` (also `python -m services`)."""

import sys
from typing import Annotated

import typer
from rich.table import Table
from shared.bus.choose import open_bus

from services.cli import dlq, keys, orders
from services.cli.common import console, database_url, fail, pick, read_settings, run
from services.cli.contracts import contracts
from services.cli.demo import demo
from services.cli.instance import url_of
from services.cli.replay import replay
from services.registry import SERVICES
from shared.config import PlatformSettings, Settings
from shared.events.topics import TOPICS
from shared.observability import logging
from shared.runtime.platform import Platform, migrate, open_platform, settings_prefix
from shared.runtime.serve import bind, serve

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tâm: the backbone of a customer-centric shop. Touchpoints in; live churn, lifetime value, satisfaction out.",
)
app.add_typer(keys.app, name="keys")
app.add_typer(orders.app, name="import")
app.add_typer(dlq.app, name="dlq")
app.command()(demo)
app.command()(replay)
app.command()(contracts)


@app.command(name="serve")
def serve_command(
    only: Annotated[str | None, typer.Option(help="Services to run, separated by commas; all, if not given.")] = None,
    role: Annotated[str, typer.Option(help="all; api (answers HTTP); worker (relays, consumers, jobs).")] = "all",
) -> None:
    """Run the platform until Ctrl-C or SIGTERM."""
    if role not in ("all", "api", "worker"):
        fail("--role is all, api or worker.", 2)
    run(_serve(read_settings(), only, role))


async def _serve(settings: PlatformSettings, only: str | None, role: str) -> None:
    manifests = pick(only)
    sock = bind(settings.host, settings.port)
    try:
        async with open_platform(settings, manifests, role=role) as platform:  # type: ignore[arg-type]  # checked
            await _first_keys(platform)
            names = ", ".join(manifest.name for manifest in manifests)
            console.print(f"Tâm serves {names} ({role}) at {url_of(sock)}; Ctrl-C ends it.", soft_wrap=True)
            await serve(platform, sock)
    finally:
        sock.close()


async def _first_keys(platform: Platform) -> None:
    """An embedded instance without keys gets a pair, shown once."""
    if not platform.settings.is_embedded or await platform.keyring.list():
        return
    _, write = await platform.keyring.create("write", "first shop", source="web")
    _, secret = await platform.keyring.create("secret", "first secret", scopes=("*",))
    console.print("Keys of this new instance, shown only now:", style="bold")
    console.print(f"  write key (for shops)   {write}", soft_wrap=True)
    console.print(f"  secret key (all scopes) {secret}", soft_wrap=True)


@app.command(name="migrate")
def migrate_command() -> None:
    """Bring all schemas up to date."""

    async def work() -> int:
        async with database_url(read_settings()) as url:
            return len(await migrate(url, SERVICES))

    console.print(f"{run(work())} migration trees are up to date.")


@app.command()
def topics(
    create: Annotated[bool, typer.Option("--create", help="Make those that are missing on the bus.")] = False,
) -> None:
    """Show the topics, or make them."""

    async def work() -> None:
        settings = read_settings()
        async with database_url(settings) as url:
            await migrate(url, SERVICES, apply=settings.auto_migrate)
            bus = open_bus(settings, url, sole=False)
            await bus.start()
            try:
                await bus.ensure_topics(TOPICS, partitions=settings.partitions)
            finally:
                await bus.stop()

    if create:
        run(work())
        console.print(f"{len(TOPICS)} topics are there.")
        return
    table = Table("topic", "kept", "personal data", "what", box=None, pad_edge=False)
    for topic in TOPICS:
        kept = "for ever" if topic.retention is None else f"{topic.retention.days} days"
        table.add_row(topic.name, kept, "may hold" if topic.personal else "never", topic.description)
    console.print(table)


@app.command()
def settings() -> None:
    """Show every setting, what it means and what it is."""
    table = Table("setting", "is", "meaning", box=None, pad_edge=False)
    _add_settings(table, read_settings(), "TAM_")
    for service in SERVICES:
        if service.settings is not None:
            _add_settings(table, service.settings(), settings_prefix(service))
    console.print(table)


def _add_settings(table: Table, group: Settings, prefix: str) -> None:
    for name, field in type(group).model_fields.items():
        value = getattr(group, name) if field.repr and not name.endswith(("url", "password")) else None
        table.add_row(prefix + name.upper(), "" if value is None else str(value), field.description or "")


def main() -> None:
    """Run `tam`."""
    logging.configure(level="WARNING" if "demo" in sys.argv[1:2] else "INFO", style="auto")
    app(prog_name="tam")


if __name__ == "__main__":
    main()
