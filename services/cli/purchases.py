"""A firm's order history as ingest events: one CSV row is one order.

Ids are derived from the rows, so the same file sent twice is the same events.
"""

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from services.cli.door import Item
from shared.errors import UserError
from shared.money import EXPONENTS, MoneyError, currency_code, parse, to_decimal_string

COLUMNS = {
    "order_id": "unique within the firm; a row is an order, not a line of one",
    "customer_id": "the shop's user id",
    "anonymous_id": "instead of customer_id, for orders of guests",
    "ordered_at": "2026-11-21 or 2026-11-21 14:05 (in the firm's time zone), or RFC 3339 with offset",
    "total": "what the customer paid, in major units with a decimal point: 19.99 or 250000",
    "currency": "ISO 4217; may be left out where TAM_CURRENCY is set",
    "updated_at": "when the total was last corrected, if it was; the latest correction holds",
    "refunded_total": "money given back, if any",
    "refunded_at": "when; ordered_at, if left out",
    "cancelled_at": "when the order was cancelled, if it was",
    "coupon": "discount code used, if any",
}
REQUIRED = ("order_id", "ordered_at", "total")
MAX_ID = 255
TOMORROW = timedelta(days=1)

# "250.000" is 250 in one country and 250 thousand in another: nobody is served by a guess.
_MAY_BE_THOUSANDS = re.compile(r"\d{1,3}\.\d{3}")
_DIGITS_PER_GROUP = 3


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be sent, and why. `line` is the file's, counted from 1, where the row begins."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """How a file is read: in which time zone times without offset are, and in which currency bare amounts."""

    zone: ZoneInfo
    currency: str | None
    now: datetime


class Wrong(Exception):
    """A row is wrong; the message says how."""


def read_csv(path: Path, rules: Rules) -> Iterator[Item | BadRow]:
    """The events of an order history, in the order of the file; a bad row does not stop the rest.

    Holds one row at a time, and eight bytes or so for each order id, to notice the second row of an order.

    Raises:
        UserError: the file cannot be read as CSV, or a required column is missing.
    """
    try:
        # Bytes that are no UTF-8 spoil their row, not the file.
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            yield from _read(file, path, rules)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _read(file: TextIO, path: Path, rules: Rules) -> Iterator[Item | BadRow]:
    first = file.readline()
    delimiter = max(",;\t", key=first.count)
    try:
        header = [name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter, strict=True), [])]
    except csv.Error as error:
        raise UserError(f"The header of {path} cannot be read as CSV: {error}.") from error
    _check_header(header, path)
    seen: set[int] = set()
    for line, fields in rows(csv.reader(file, delimiter=delimiter, strict=True)):
        try:
            if isinstance(fields, csv.Error):
                raise Wrong(f"it cannot be read as CSV: {fields}")
            events = _row_events(_row(header, fields), rules)
            _check_first(events[0]["properties"]["order_id"], seen)
        except (Wrong, MoneyError) as error:
            yield BadRow(line, str(error).rstrip("."))
            continue
        yield from (Item(line, event) for event in events)


def rows(reader: Any) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """Rows that hold anything, with the line each begins on (the header is line 1); a broken one as its error."""
    begins = 2
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fields = error
        if fields:
            yield begins, fields
        begins = int(reader.line_num) + 2


def _check_header(names: list[str], path: Path) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if not {"customer_id", "anonymous_id"} & set(names):
        missing.append("customer_id")
    if missing:
        raise UserError(f"{path} has no column {', '.join(missing)}; see `tam import orders --help`.")
    if doubled := sorted({name for name in names if name in COLUMNS and names.count(name) > 1}):
        raise UserError(f"{path} has the column {', '.join(doubled)} twice.")


def _row(header: list[str], fields: list[str]) -> dict[str, str]:
    if len(fields) != len(header):
        raise Wrong(f"it has {len(fields)} fields, the header {len(header)}")
    row = {name: value.strip() for name, value in zip(header, fields, strict=True) if name in COLUMNS}
    for name, value in row.items():
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise Wrong(f"{name} is not UTF-8")
        if "\x00" in value:
            raise Wrong(f"{name} holds a NUL character")
    return row


def _check_first(order_id: str, seen: set[int]) -> None:
    if (known := hash(order_id)) in seen:
        raise Wrong(f"order_id {order_id!r} stands on an earlier line already")
    seen.add(known)


def _row_events(row: dict[str, str], rules: Rules) -> list[dict[str, Any]]:
    order_id = _id(row, "order_id")
    who = {"userId": _id(row, "customer_id")} if row.get("customer_id") else {"anonymousId": _id(row, "anonymous_id")}
    currency = _currency(row, rules)
    ordered_at = moment(row, "ordered_at", rules)
    about = {"order_id": order_id, "currency": currency}
    total = {**about, "total": _amount(row, "total", currency)}
    coupon = {"coupon": row["coupon"][:MAX_ID]} if row.get("coupon") else {}
    events = [_event("Order Completed", who, ordered_at, {**total, **coupon})]
    if row.get("updated_at"):
        events.append(_event("Order Updated", who, moment(row, "updated_at", rules), total))
    if row.get("refunded_total"):
        when = moment(row, "refunded_at", rules) if row.get("refunded_at") else ordered_at
        refund_id = "import-" + hashlib.sha256(order_id.encode()).hexdigest()[:40]
        back = {**about, "refund_amount": _amount(row, "refunded_total", currency), "refund_id": refund_id}
        events.append(_event("Order Refunded", who, when, back))
    if row.get("cancelled_at"):
        events.append(_event("Order Cancelled", who, moment(row, "cancelled_at", rules), about))
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
        raise Wrong(f"{column} is empty")
    if len(value) > MAX_ID:
        raise Wrong(f"{column} is longer than {MAX_ID} characters")
    return value


def _currency(row: dict[str, str], rules: Rules) -> str:
    stated = row.get("currency") or rules.currency
    if not stated:
        raise Wrong("currency is empty, and TAM_CURRENCY is not set")
    return currency_code(stated)


def _amount(row: dict[str, str], column: str, currency: str) -> str:
    value = row[column]
    if not value:
        raise Wrong(f"{column} is empty")
    if EXPONENTS[currency] != _DIGITS_PER_GROUP and _MAY_BE_THOUSANDS.fullmatch(value):
        raise Wrong(f"{column} {value!r} may mean thousands; write it without separators")
    try:
        return to_decimal_string(parse(value, currency, exact=True), currency)
    except MoneyError as error:
        raise Wrong(f"{column} {value[:24]!r}: {error}") from None


def moment(row: dict[str, str], column: str, rules: Rules) -> datetime:
    """The time in a column, in the firm's time zone where it has no offset of its own."""
    value = row[column]
    if not value:
        raise Wrong(f"{column} is empty")
    try:
        if len(value) == len("2026-11-21"):
            found = datetime.combine(date.fromisoformat(value), time(), rules.zone)
        else:
            found = datetime.fromisoformat(value)
    except ValueError:
        raise Wrong(f"{column} {value[:40]!r} is no date or time") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=rules.zone)
    try:
        if found.astimezone(UTC) > rules.now + TOMORROW:
            raise Wrong(f"{column} {value[:40]!r} is in the future")
    except OverflowError:
        raise Wrong(f"{column} {value[:40]!r} is no date of a purchase") from None
    return found
