"""Purchase logs as ingest events: a firm's own CSV, or the CDNOW form (`customer date quantity dollars`).

Ids are derived from the rows, so the same file sent twice is the same events.
"""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.cli.door import Item
from shared.errors import UserError
from shared.money import MoneyError, currency_code, parse, to_decimal_string

COLUMNS = {
    "order_id": "unique within the firm",
    "customer_id": "the shop's user id (or give anonymous_id)",
    "anonymous_id": "for orders of guests",
    "ordered_at": "2026-11-21, 2026-11-21 14:05 (the firm's time zone) or RFC 3339 with offset",
    "total": "what the customer paid, in major units, e.g. 19.99 or 250000",
    "currency": "ISO 4217; may be left out where TAM_CURRENCY is set",
    "refunded_total": "money given back, if any",
    "refunded_at": "when; ordered_at, if left out",
    "cancelled_at": "when the order was cancelled, if it was",
    "coupon": "discount code used, if any",
}
REQUIRED = ("order_id", "ordered_at", "total")
MAX_ID = 255


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be sent, and why."""

    line: int
    reason: str


class _Wrong(Exception):
    """A row is wrong; the message says how."""


def read_csv(path: Path, *, zone: ZoneInfo, currency: str | None) -> Iterator[Item | BadRow]:
    """The events of a firm's order history; a bad row does not stop the rest.

    Raises:
        UserError: the file cannot be read as CSV, or a required column is missing.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            _check_header(rows.fieldnames, path)
            for row in rows:
                yield from _row_items(row, rows.line_num, zone, currency)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as a UTF-8 CSV file: {error}.") from error


def _check_header(names: Any, path: Path) -> None:
    missing = [name for name in REQUIRED if name not in (names or ())]
    if not {"customer_id", "anonymous_id"} & set(names or ()):
        missing.append("customer_id")
    if missing:
        raise UserError(f"{path} has no column {', '.join(missing)}; see `tam import orders --help`.")


def _row_items(row: dict[str, Any], line: int, zone: ZoneInfo, currency: str | None) -> Iterator[Item | BadRow]:
    try:
        if None in row:
            raise _Wrong("it has more fields than the header")
        events = _row_events({name: (value or "").strip() for name, value in row.items()}, zone, currency)
    except (_Wrong, MoneyError) as error:
        yield BadRow(line, str(error))
        return
    yield from (Item(line, event) for event in events)


def _row_events(row: dict[str, str], zone: ZoneInfo, currency: str | None) -> list[dict[str, Any]]:
    order_id = _id(row, "order_id")
    who = {"userId": _id(row, "customer_id")} if row.get("customer_id") else {"anonymousId": _id(row, "anonymous_id")}
    code = currency_code(row.get("currency") or currency or "")
    ordered_at = _moment(row["ordered_at"], zone, "ordered_at")
    properties: dict[str, Any] = {"order_id": order_id, "total": _amount(row["total"], code), "currency": code}
    if row.get("coupon"):
        properties["coupon"] = row["coupon"][:MAX_ID]
    events = [_event("Order Completed", who, ordered_at, properties)]
    if row.get("refunded_total"):
        back = {"order_id": order_id, "total": _amount(row["refunded_total"], code), "currency": code}
        when = _moment(row["refunded_at"], zone, "refunded_at") if row.get("refunded_at") else ordered_at
        events.append(_event("Order Refunded", who, when, {**back, "refund_id": f"import-{order_id}"[:MAX_ID]}))
    if row.get("cancelled_at"):
        when = _moment(row["cancelled_at"], zone, "cancelled_at")
        events.append(_event("Order Cancelled", who, when, {"order_id": order_id}))
    return events


def _event(name: str, who: dict[str, str], when: datetime, properties: dict[str, Any]) -> dict[str, Any]:
    content = f"{name}|{sorted(who.items())}|{when.isoformat()}|{sorted(properties.items())}"
    return {
        "type": "track",
        "event": name,
        **who,
        "timestamp": when.isoformat(),
        "messageId": "import-" + hashlib.sha256(content.encode()).hexdigest()[:40],
        "properties": properties,
    }


def _id(row: dict[str, str], column: str) -> str:
    value = row.get(column, "")
    if not value:
        raise _Wrong(f"{column} is empty")
    if len(value) > MAX_ID:
        raise _Wrong(f"{column} is longer than {MAX_ID} characters")
    return value


def _amount(value: str, currency: str) -> str:
    return to_decimal_string(parse(value, currency, exact=True), currency)


def _moment(value: str, zone: ZoneInfo, column: str) -> datetime:
    try:
        if len(value) == len("2026-11-21"):
            return datetime.combine(date.fromisoformat(value), time(), zone)
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _Wrong(f"{column} {value[:40]!r} is no date or time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def is_csv(path: Path) -> bool:
    """Whether a log is a CSV with a header, rather than the CDNOW form."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return "," in file.readline()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def read_cdnow(path: Path, *, zone: ZoneInfo, name: str = "cdnow") -> Iterator[Item | BadRow]:
    """The events of a log with lines `customer yyyymmdd quantity dollars`, one order each, at local midnight."""
    with path.open(encoding="ascii", errors="replace") as file:
        for line, text in enumerate(file, start=1):
            fields = text.split()
            if not fields:
                continue
            try:
                customer, day, quantity, dollars = fields
                when = datetime.combine(datetime.strptime(day, "%Y%m%d").date(), time(), zone)  # noqa: DTZ007 - a day
                properties = {
                    "order_id": f"{name}-{line}",
                    "total": _amount(dollars, "USD"),
                    "currency": "USD",
                    "quantity": int(quantity),
                }
            except (ValueError, MoneyError):
                yield BadRow(line, "it is not `customer yyyymmdd quantity dollars`")
                continue
            yield Item(
                line,
                {
                    "type": "track",
                    "event": "Order Completed",
                    "userId": f"{name}-{customer}",
                    "timestamp": when.isoformat(),
                    "messageId": f"{name}-{line}-{customer}-{day}-{dollars}",
                    "properties": properties,
                },
            )
