"""`tam import vouchers`: codes that another system has given out, from a file on this machine.

The same import as over HTTP: what a file says, its steps and the lines it is refused for are those of
`services/loyalty/vouchers`.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, cast
from uuid import UUID

import typer

from services.cli.common import read_settings, run, say
from services.cli.orders import SOME_ROWS_WERE_BAD, BadRows, CsvFile, DryRun
from services.cli.progress import Meter, progress_bar
from services.cli.vouchers import BY, campaign_of, desk
from services.loyalty.vouchers.schemas.imports import Reason
from services.loyalty.vouchers.service.importing import Importing, Options
from shared.config import PlatformSettings
from shared.errors import UserError
from shared.records import Record, records

COLUMNS = {
    "code": "as customers have it; upper and lower case, I, L and 1, O and 0, hyphens and spaces make no difference",
    "value": "of a gift card: what is on it, in major units with a decimal point: 19.99 or 250000",
    "expires_on": "its last day, 2026-12-31, in the campaign's time zone; that of the campaign, if left out",
    "max_uses": "how often it can be used; as the campaign says, if left out",
    "used": "how often it was used: what is left is taken over",
    "active": "whether it can be used: true or false",
}
HELP = (
    "Take over codes of another system for a campaign of unique codes: CSV in UTF-8, a header with these columns, or "
    "what other programs call them, in any order (others are passed over), separated by commas, semicolons, tabs or "
    "bars.\n\n"
    + "\n\n".join(f"* {name}: {meaning}" for name, meaning in COLUMNS.items())
    + "\n\nA bad row is reported with its line number and reason on stderr; the rest goes on. Codes are kept as keyed "
    "hashes, so a file that is read again says of each that it is there.\n\n"
    f"Exit code: 0 every row was taken; {SOME_ROWS_WERE_BAD} some rows were bad; 1 it could not be done; "
    "2 wrong arguments or settings."
)
_REASONS: dict[Reason, str] = {
    "unreadable": "it cannot be read",
    "wrong_width": "it has more or fewer fields than the header",
    "too_long": "it is too long, or a quote is not closed",
    "no_code": "it has no code",
    "bad_value": "value is no amount of the campaign's currency",
    "bad_date": "expires_on is no date such as 2026-12-31",
    "bad_number": "max_uses or used is not a whole number",
    "used_up": "it has been used as often as it may",
    "inactive": "it is not active",
    "bad_code": "the code is too short, too long, or cannot be typed",
    "duplicate": "another row of the file has this code",
    "taken": "there is a voucher with this code already",
    "value_needed": "a gift card needs its value",
    "no_value": "only gift cards have a value",
    "bad_limit": "max_uses or the value is not possible",
    "expired": "its last day is over",
    "no_pool": "the campaign keeps no codes ready to be assigned",
}
_PART = 65_536
_PAGE = 500


def vouchers(
    file: CsvFile,
    campaign: Annotated[str, typer.Option(help="The campaign: its name or its id.")],
    dry_run: DryRun = False,
) -> None:
    """Import codes."""
    bad = run(_import(read_settings(), file, campaign, dry_run=dry_run))
    raise typer.Exit(SOME_ROWS_WERE_BAD if bad else 0)


async def _import(settings: PlatformSettings, file: Path, reference: str, *, dry_run: bool) -> int:
    bad = BadRows(file)
    async with desk(settings) as at:
        campaign = await campaign_of(at.campaigns, reference)
        options = Options("csv", is_dry_run=dry_run, to_assign=False, columns={})
        with progress_bar() as bar:
            meter = Meter(bar, "checking" if dry_run else "importing", 0)
            said, _ = await at.files.take(campaign.id, _counted(file, meter), options, by=BY, idem=None)
        async for line, reason in _refused(at.files, said.id):
            bad.add(line, _REASONS[reason])
    done = "would be imported; nothing was imported yet" if dry_run else "were imported"
    say(f"{said.imported} codes of {file} {done}; {bad.count} rows were bad.")
    return bad.count


async def _counted(file: Path, meter: Meter) -> AsyncIterator[list[Record]]:
    async for several in records(_parts(file), "csv"):
        yield several
        meter.more(len(several))


async def _parts(file: Path) -> AsyncIterator[bytes]:
    """The file, part by part.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with file.open("rb") as stream:
            while part := stream.read(_PART):
                yield part
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error


async def _refused(files: Importing, import_id: UUID) -> AsyncIterator[tuple[int, Reason]]:
    """The lines that were refused, in the order of the file."""
    after = 0
    while found := await files.refused(import_id, after=after, limit=_PAGE):
        for each in found:
            yield each.line, cast("Reason", each.reason)
            after = each.line
