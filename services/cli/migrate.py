"""`tam migrate`: the schemas, and what the roles of services may do with them."""

from typing import Annotated

import typer

from services.cli.common import database_url, read_settings, run, say
from services.registry import NAMES, SERVICES
from shared.db.engine import make_engine
from shared.runtime.grants import grant
from shared.runtime.trees import trees_of


def migrate(
    grant_to: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX",
            help="Let the roles PREFIX + name of a service, such as tam_loyalty, do what the service needs, no more.",
        ),
    ] = None,
) -> None:
    """Bring all schemas up to date."""
    say(f"{run(_migrate(grant_to))} migration trees are up to date.")


async def _migrate(prefix: str | None) -> int:
    settings = read_settings().model_copy(update={"auto_migrate": True})
    async with database_url(settings) as url:
        trees = trees_of(SERVICES)
        if prefix is not None:
            engine = make_engine(url, schema="public", pool_size=None)
            try:
                rebuilding = [each.name for each in SERVICES if each.projections or each.recoveries]
                await grant(engine, trees, NAMES, prefix=prefix, rebuilding=rebuilding)
            finally:
                await engine.dispose()
    return len(trees)
