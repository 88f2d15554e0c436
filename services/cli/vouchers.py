"""`tam vouchers`: codes in bulk, made and written where the pepper is; `tam import vouchers` in `voucher_files`."""

import csv
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, NamedTuple
from uuid import UUID

import typer
from rich.table import Table

from services.cli.common import database_url, fail, open_database, read_settings, run, say, show
from services.cli.progress import Meter, progress_bar
from services.loyalty.settings import LoyaltySettings
from services.loyalty.vouchers.schemas.campaigns import CampaignOut
from services.loyalty.vouchers.schemas.codes import JobIn, JobOut
from services.loyalty.vouchers.service import Campaigns, CodesService, Generation, Vault, Vouchers
from services.loyalty.vouchers.service.importing import Importing
from services.loyalty.vouchers.service.vault import pepper_file
from services.registry import SERVICES
from shared.clock import SystemClock
from shared.config import PlatformSettings
from shared.errors import AppError, UserError
from shared.money import MoneyError, parse, to_decimal_string
from shared.runtime.platform import load_service_settings
from shared.sheets import escaped

app = typer.Typer(no_args_is_help=True, help="Voucher codes in bulk.")

PAGE = 5_000
BY = "tam"

Campaign = Annotated[str, typer.Argument(help="The campaign: its name or its id.")]
Out = Annotated[Path, typer.Argument(dir_okay=False, help="The CSV file to write; only you can read it.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]


class Desk(NamedTuple):
    """The use cases of a command."""

    campaigns: Campaigns
    jobs: Generation
    codes: CodesService
    files: Importing


@asynccontextmanager
async def desk(settings: PlatformSettings) -> AsyncIterator[Desk]:
    """Vouchers on the database, with the peppers of this machine; a refusal ends the command with its sentence."""
    own = load_service_settings(SERVICES)["loyalty"]
    assert isinstance(own, LoyaltySettings)
    vault, clock = Vault(own.peppers, pepper_file(settings)), SystemClock()
    async with database_url(settings) as url, open_database(url, "loyalty") as db:
        codes = CodesService(db, clock, vault, Vouchers(vault))
        with _refusals():
            yield Desk(
                Campaigns(db, clock, settings.zone, vault),
                Generation(db, clock, vault),
                codes,
                Importing(db, clock, vault, codes),
            )


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except AppError as refusal:
        raise UserError(refusal.detail) from None


async def campaign_of(campaigns: Campaigns, reference: str) -> CampaignOut:
    """The campaign of a name or an id.

    Raises:
        UserError: there is none.
    """
    found = await campaigns.named(reference)
    if found is None:
        raise UserError(f"There is no campaign {reference!r}; `tam vouchers campaigns` lists them.")
    return found


@app.command()
def campaigns() -> None:
    """List campaigns and what is used of them."""
    run(_campaigns(read_settings()))


async def _campaigns(settings: PlatformSettings) -> None:
    table = Table("id", "name", "state", "codes", "used", "held", "of", "spent", "budget", box=None, pad_edge=False)
    async with desk(settings) as at:
        before: UUID | None = None
        while page := list(await at.campaigns.listed(before=before, state=None, limit=100)):
            for each in page[:100]:
                limit = "" if each.max_uses is None else str(each.max_uses)
                budget = "" if each.budget_minor is None else to_decimal_string(each.budget_minor, each.currency)
                spent = f"{to_decimal_string(each.spent_minor, each.currency)} {each.currency}"
                used = str(each.redeemed), str(each.reserved)
                table.add_row(str(each.id), each.name, each.state, each.codes, *used, limit, spent, budget)
            if len(page) <= 100:
                break
            before = page[99].id
    show(table)


@app.command()
def generate(
    campaign: Campaign,
    count: Annotated[int, typer.Argument(min=1, help="How many codes.")],
    file: Out,
    value: Annotated[str | None, typer.Option(help="What each gift card is worth, in major units.")] = None,
    expires_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last local day; that of the campaign, if not given.")
    ] = None,
    force: Force = False,
) -> None:
    """Make secret codes and write them to a file. This is the only time they can be had: keep it safe.

    If it is interrupted, `tam vouchers download` goes on with the same job.
    """
    settings = read_settings()
    _check_file(file, force=force)
    run(_generate(settings, campaign, count, file, value, expires_on))


async def _generate(
    settings: PlatformSettings, reference: str, count: int, file: Path, value: str | None, expires_on: datetime | None
) -> None:
    async with desk(settings) as at:
        campaign = await campaign_of(at.campaigns, reference)
        body = JobIn(
            count=count,
            value_minor=None if value is None else minor(value, campaign.currency),
            expires_on=None if expires_on is None else expires_on.date(),
        )
        job = await at.jobs.begin(campaign.id, body, by=BY)
        say(f"Job {job.id}. If this is interrupted, go on with: tam vouchers download {job.id} {file}")
        await _finish(at.jobs, job, file)


@app.command()
def download(job: Annotated[UUID, typer.Argument(help="The job.")], file: Out, force: Force = False) -> None:
    """Write the codes of a job to a file, after making those that are missing, and forget them here."""
    settings = read_settings()
    _check_file(file, force=force)
    run(_download(settings, job, file))


async def _download(settings: PlatformSettings, job_id: UUID, file: Path) -> None:
    async with desk(settings) as at:
        await _finish(at.jobs, await at.jobs.get(job_id), file)


async def _finish(jobs: Generation, job: JobOut, file: Path) -> None:
    with progress_bar() as bar:
        meter = Meter(bar, "making codes", job.wanted)
        meter.advance(job.made)
        await jobs.make(job.id, moved=meter.advance)
    count = -1  # the heading
    with _private(file) as out:
        async for lines in await jobs.download(job.id):
            count += lines.count(b"\n")
            out.write(lines.decode())
    # Not before the file is whole on the disk.
    await jobs.forget(job.id)
    say(f"{count} codes are in {file}, and nowhere else: only their keyed hashes are kept.")


@app.command()
def export(campaign: Campaign, file: Out, force: Force = False) -> None:
    """Write the states of a campaign's codes to a file: of each code no more than its last symbols."""
    settings = read_settings()
    _check_file(file, force=force)
    say(f"{run(_export(settings, campaign, file))} vouchers are in {file}.")


_STATES = ("id", "last4", "state", "holder", "expires_at", "max_uses", "redeemed", "reserved", "created_at")
_MONEY = ("value", "spent", "held")


async def _export(settings: PlatformSettings, reference: str, file: Path) -> int:
    count = 0
    async with desk(settings) as at:
        campaign = await campaign_of(at.campaigns, reference)
        with _private(file) as out, progress_bar() as bar:
            meter, writer = Meter(bar, "writing", 0), csv.writer(out)
            writer.writerow([*_STATES, *_MONEY, "currency"])
            after: UUID | None = None
            while page := await at.codes.states(campaign.id, after=after, limit=PAGE):
                for row in page:
                    plain = ["" if (cell := getattr(row, name)) is None else str(cell) for name in _STATES]
                    amounts = [getattr(row, f"{name}_minor") for name in _MONEY] if row.value_minor is not None else []
                    money = [to_decimal_string(amount, campaign.currency) for amount in amounts] or [""] * len(_MONEY)
                    writer.writerow([escaped(cell) for cell in (*plain, *money, campaign.currency)])
                count, after = count + len(page), page[-1].id
                meter.more(len(page))
    return count


def minor(text: str, currency: str) -> int:
    """Minor units of an amount in major ones.

    Raises:
        UserError: it is none, or nothing.
    """
    try:
        amount = parse(text, currency, exact=True)
    except MoneyError as error:
        raise UserError(f"{text!r} is not an amount of {currency}: {str(error).rstrip('.')}.") from None
    if amount == 0:
        raise UserError("A gift card is worth something.")
    return amount


def _check_file(file: Path, *, force: bool) -> None:
    if file.exists() and not force:
        fail(f"{file} is there already; take another name, or --force.", 2)
    if not file.absolute().parent.is_dir():
        fail(f"{file} cannot be written: there is no folder {file.parent}.", 2)


@contextmanager
def _private(file: Path) -> "Iterator[tempfile._TemporaryFileWrapper[str]]":
    """A file to write, readable for nobody else, that takes the place of `file` when it is whole."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=file.parent, prefix=f".{file.name}.", delete=False
        ) as out:
            part = Path(out.name)
            try:
                yield out
                out.flush()
                part.replace(file)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}.") from error
