"""`tam import vouchers`: codes that another system has given out."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, TextIO

import typer
from pydantic import ValidationError

from services.cli.common import read_settings, run, say
from services.cli.orders import SOME_ROWS_WERE_BAD, BadRows, CsvFile, DryRun
from services.cli.progress import Meter, progress_bar
from services.cli.purchases import BadRow, rows
from services.cli.vouchers import campaign_of, desk
from services.loyalty.vouchers.schemas.codes import MAX_IMPORT, ImportedIn, ImportIn
from shared.config import PlatformSettings
from shared.errors import UserError
from shared.money import MoneyError, parse

COLUMNS = {
    "code": "as customers have it; upper and lower case, I, L and 1, O and 0, hyphens and spaces make no difference",
    "value": "of a gift card: what is on it, in major units with a decimal point: 19.99 or 250000",
    "expires_on": "its last day, 2026-12-31, in the campaign's time zone; that of the campaign, if left out",
    "max_uses": "how often it can be used; as the campaign says, if left out",
}
HELP = (
    "Take over codes of another system for a campaign of unique codes: CSV in UTF-8, a header with these columns in "
    "any order (others are passed over), separated by commas, semicolons or tabs.\n\n"
    + "\n\n".join(f"* {name}: {meaning}" for name, meaning in COLUMNS.items())
    + "\n\nA bad row is reported with its line number and reason on stderr; the rest goes on. Codes are kept as keyed "
    "hashes, so a file that is read again says of each that it is there.\n\n"
    f"Exit code: 0 every row was taken; {SOME_ROWS_WERE_BAD} some rows were bad; 1 it could not be done; "
    "2 wrong arguments or settings."
)
_REASONS = {
    "bad_code": "the code is too short, too long, or cannot be typed",
    "duplicate": "another row of the file has this code",
    "taken": "there is a voucher with this code already",
    "value_needed": "a gift card needs its value",
    "no_value": "only gift cards have a value",
    "bad_limit": "max_uses or the value is not possible",
    "expired": "its last day is over",
}

Line = tuple[int, ImportedIn]


def vouchers(
    file: CsvFile,
    campaign: Annotated[str, typer.Option(help="The campaign: its name or its id.")],
    dry_run: DryRun = False,
) -> None:
    """Import codes."""
    bad = run(_import(read_settings(), file, campaign, dry_run=dry_run))
    raise typer.Exit(SOME_ROWS_WERE_BAD if bad else 0)


async def _import(settings: PlatformSettings, file: Path, reference: str, *, dry_run: bool) -> int:
    bad, imported = BadRows(file), 0
    async with desk(settings) as at:
        campaign = await campaign_of(at.campaigns, reference)
        source = bad.apart(read(file, campaign.currency))
        with progress_bar() as bar:
            meter = Meter(bar, "checking" if dry_run else "importing", 0)
            while batch := list(islice(source, MAX_IMPORT)):
                body = ImportIn(codes=[each for _, each in batch], dry_run=dry_run)
                said = await at.codes.bring_in(campaign.id, body)
                imported += said.imported
                for refused in said.refused:
                    bad.add(batch[refused.position][0], _REASONS[refused.reason])
                meter.more(len(batch))
    done = "would be imported; nothing was imported yet" if dry_run else "were imported"
    say(f"{imported} codes of {file} {done}; {bad.count} rows were bad.")
    return bad.count


def read(file: Path, currency: str) -> Iterator[Line | BadRow]:
    """The codes of a file with the lines they stand on; a bad row does not stop the rest.

    Raises:
        UserError: the file cannot be read as CSV, or has no column `code`.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            yield from _read(stream, file, currency)
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error


def _read(stream: TextIO, file: Path, currency: str) -> Iterator[Line | BadRow]:
    first = stream.readline()
    delimiter = max(",;\t", key=first.count)
    header = [name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter), [])]
    if "code" not in header:
        raise UserError(f"{file} has no column code; see `tam import vouchers --help`.")
    for line, fields in rows(csv.reader(stream, delimiter=delimiter, strict=True)):
        if isinstance(fields, csv.Error):
            yield BadRow(line, f"it cannot be read as CSV: {fields}")
        elif len(fields) != len(header):
            yield BadRow(line, f"it has {len(fields)} fields, the header {len(header)}")
        else:
            cells = {name: cell.strip() for name, cell in zip(header, fields, strict=True) if name in COLUMNS}
            yield _code(line, {name: cell for name, cell in cells.items() if cell}, currency)


def _code(line: int, cells: dict[str, str], currency: str) -> Line | BadRow:
    """The code of a row, never quoted when something is wrong with it: who reads the terminal need not know it."""
    if "code" not in cells:
        return BadRow(line, "it has no code")
    said: dict[str, object] = {"code": cells["code"], "expires_on": cells.get("expires_on")}
    try:
        if "value" in cells:
            said["value_minor"] = parse(cells["value"], currency, exact=True)
        if "max_uses" in cells:
            said["max_uses"] = int(cells["max_uses"])
        return line, ImportedIn.model_validate(said)
    except MoneyError as error:
        return BadRow(line, f"value: {str(error).rstrip('.')}")
    except ValidationError as error:
        return BadRow(line, f"{error.errors()[0]['loc'][0]} cannot be read")
    except ValueError:
        return BadRow(line, "max_uses is not a whole number")
