"""`tam simulate loyalty`: another programme over a time that is over, beside the one that was in force."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import orjson
import typer
from pydantic import ValidationError
from rich.table import Table

from services.cli.common import database_url, fail, open_database, read_settings, run, say, show
from services.cli.progress import Meter, progress_bar
from services.loyalty.settings import LoyaltySettings
from services.loyalty.simulations.schemas.asking import SimulationIn, SimulationOut
from services.loyalty.simulations.schemas.results import ResultOut
from services.loyalty.simulations.service import Simulations
from services.registry import SERVICES
from shared.clock import SystemClock
from shared.config import PlatformSettings
from shared.errors import AppError, UserError
from shared.runtime.platform import load_service_settings

app = typer.Typer(no_args_is_help=True, help="Try another programme out on what has happened.")

BY = "tam"
_SHOWN = ("issued", "spent", "unmet", "expired", "outstanding")
_Day = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First local day.")]
_Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First local day after; none: until now.")]


@app.callback()
def _room() -> None:
    """Each service that can be simulated has a command."""


@app.command()
def loyalty(
    since: _Day = None,
    until: _Until = None,
    version: Annotated[int | None, typer.Option(help="A version of the main programme, such as a draft.")] = None,
    proposal: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSON of `programs`, `rules` and `tracks`.")
    ] = None,
    resume: Annotated[UUID | None, typer.Option(help="Go on with one that was interrupted.")] = None,
) -> None:
    """Simulate a whole programme; nothing else changes. If it is interrupted, `--resume` goes on where it was."""
    settings = read_settings()
    if resume is not None:
        asked: SimulationIn | UUID = resume
    elif since is not None:
        asked = _asked(settings, since, until, version, proposal)
    else:
        fail("Say from which day on: --from 2026-01-01.", 2)
    _tell(run(_simulate(settings, asked)))


def _asked(
    settings: PlatformSettings, since: datetime, until: datetime | None, version: int | None, proposal: Path | None
) -> SimulationIn:
    said = {} if proposal is None else orjson.loads(proposal.read_bytes())
    if version is not None:
        said["programs"] = [{"version": version}]
    said["from"] = since.replace(tzinfo=settings.zone).isoformat()
    if until is not None:
        said["until"] = until.replace(tzinfo=settings.zone).isoformat()
    try:
        return SimulationIn.model_validate(said)
    except ValidationError as error:
        raise UserError(f"The proposal cannot be read: {error.errors()[0]['msg']}.") from None


@asynccontextmanager
async def _desk(settings: PlatformSettings) -> AsyncIterator[Simulations]:
    own = load_service_settings(SERVICES)["loyalty"]
    assert isinstance(own, LoyaltySettings)
    async with database_url(settings) as url, open_database(url, "loyalty") as db:
        try:
            yield Simulations(db, SystemClock(), settings.zone, own.simulation_days)
        except AppError as refusal:
            raise UserError(refusal.detail) from None


async def _simulate(settings: PlatformSettings, asked: SimulationIn | UUID) -> ResultOut:
    async with _desk(settings) as simulations:
        begun = await (simulations.get(asked) if isinstance(asked, UUID) else simulations.begin(asked, by=BY))
        say(f"Simulation {begun.id}. If this is interrupted, a worker goes on, or: --resume {begun.id}")
        await _finish(simulations, begun)
        return await simulations.result(begun.id)


async def _finish(simulations: Simulations, begun: SimulationOut) -> None:
    with progress_bar() as bar:
        meter = Meter(bar, "members", 0)
        while await simulations.advance(begun.id):
            now = await simulations.get(begun.id)
            meter.left((now.members or 0) - now.done)


def _tell(result: ResultOut) -> None:
    """A table for each wallet and track; a JSON document of it all is under the simulation's address."""
    for wallet in result.wallets:
        table = Table("points", "live", "proposed", "difference", title=wallet.wallet, box=None, pad_edge=False)
        sides = wallet.total.live, wallet.total.proposed, wallet.total.difference
        for name in _SHOWN:
            table.add_row(name, *(f"{getattr(side, name):,}" for side in sides))
        for place, owed in enumerate(sides[1].liability):
            amounts = (f"{side.liability[place].minor:,}" for side in sides if len(side.liability) > place)
            table.add_row(f"owed, {owed.currency} minor units", *amounts)
        show(table)
        winners = wallet.winners
        say(f"{winners.more:,} members would have more, {winners.fewer:,} fewer, {winners.same:,} the same.")
    for track in result.tracks:
        table = Table("tier", "live", "proposed", "difference", title=track.track, box=None, pad_edge=False)
        for level in track.months[-1].levels:
            row = level.live, level.proposed, level.difference
            table.add_row(level.level or "none", *(f"{number:,}" for number in row))
        show(table)
    for each in result.not_heard:
        say(f"No {each.kind} {each.name!r} was kept, for no rule asked for it: it counts for nothing here.")
