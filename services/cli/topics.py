"""`tam topics`: what travels, and for how long it is kept."""

from contextlib import nullcontext
from functools import partial
from typing import Annotated

import typer
from rich.table import Table

from services.cli.common import database_url, read_settings, run, say, show
from shared.bus.choose import open_bus
from shared.events.topics import TOPICS
from shared.runtime.patience import patiently
from shared.runtime.platform import connect


def topics(
    create: Annotated[bool, typer.Option("--create", help="Make those that are missing on the bus.")] = False,
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_024, help="Give all topics so many partitions, while the platform runs; see RUNBOOK."
        ),
    ] = None,
) -> None:
    """Show the topics, or make them."""
    if create or partitions is not None:
        run(_create(partitions))
        say(
            f"{len(TOPICS)} topics are there"
            + ("." if partitions is None else f", with {partitions} partitions or more.")
        )
        return
    table = Table("topic", "kept", "personal data", "what", box=None, pad_edge=False)
    for topic in TOPICS:
        kept = "for ever" if topic.retention is None else f"{topic.retention.days} days"
        table.add_row(topic.name, kept, "may hold" if topic.personal else "never", topic.description)
    show(table)


async def _create(partitions: int | None) -> None:
    settings = read_settings()
    # Kafka has its topics whatever the database has.
    async with nullcontext("") if settings.kafka_bootstrap_servers else database_url(settings) as url:
        bus = open_bus(settings, url, sole=False)
        try:
            await patiently(settings.start_patience_seconds, partial(connect, bus, settings.partitions))
            if partitions is not None:
                await bus.add_partitions(TOPICS, partitions=partitions)
        finally:
            await bus.stop()
