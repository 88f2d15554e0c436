"""Files of codes, our own and other programs': which column says what, and what a row says.

Columns go by many names (`Gift Balance`, `Redemption Limit`, `usage_limit`, `Ngày hết hạn`); upper and lower case,
spaces, hyphens and underscores make no difference. Of several that would fit, the first of `NAMES` counts.
"""

import csv
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from shared.money import MoneyError, parse

NAMES: Mapping[str, tuple[str, ...]] = {
    "code": (
        "code", "coupon_code", "voucher_code", "gift_card_code", "discount_code", "promo_code", "coupon", "voucher",
        "post_title", "mã", "mã giảm giá", "mã voucher", "mã code",
    ),
    "value_minor": ("value_minor",),
    "value": (
        "gift_balance", "current_balance", "remaining_balance", "balance", "value", "gift_amount", "initial_value",
        "số dư", "giá trị",
    ),
    "expires_on": (
        "expires_on", "expiration_date", "expiry_date", "expires_at", "expire_date", "date_expires", "valid_until",
        "end_date", "ends_at", "ngày hết hạn", "hết hạn",
    ),
    "max_uses": (
        "max_uses", "redemption_limit", "redemption_quantity", "usage_limit", "max_redemptions", "limit",
        "số lần sử dụng", "giới hạn",
    ),
    "used": (
        "used", "redeemed_quantity", "redeemed", "times_used", "usage_count", "times_redeemed", "đã dùng",
    ),
    "active": ("active", "enabled", "is_active", "kích hoạt"),
}  # fmt: skip
_YES, _NO = frozenset({"true", "yes", "y", "1", "active", "enabled"}), frozenset({"false", "no", "n", "0", "inactive"})
_SNIFFED = ",;\t|"
_MARK = "\ufeff"
_MAX_CODE = 200

Trouble = Literal["unreadable", "wrong_width", "no_code", "bad_value", "bad_date", "bad_number", "used_up", "inactive"]


class Row(NamedTuple):
    """What a file says of a code: money in minor units, and how often it may still be used."""

    code: str
    value_minor: int | None
    max_uses: int | None
    expires_on: date | None


class NoSuchColumn(Exception):
    """The file has no column that was named, or a field that was named is none."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Bad(Exception):
    def __init__(self, reason: Trouble) -> None:
        super().__init__(reason)
        self.reason = reason


def folded(name: str) -> str:
    """A column's name, without what makes no difference."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(each for each in text if each.isalnum())


_FOLDED = {field: [folded(name) for name in names] for field, names in NAMES.items()}


def places(header: Sequence[str], named: Mapping[str, str]) -> dict[str, int]:
    """Which column says what: those that were `named` (field → column), the others by what columns are called.

    Raises:
        NoSuchColumn: one of those named is not there.
    """
    columns = {folded(name): place for place, name in reversed(list(enumerate(header)))}
    found: dict[str, int] = {}
    for field, column in named.items():
        if field not in NAMES:
            raise NoSuchColumn(field)
        if folded(column) not in columns:
            raise NoSuchColumn(column)
        found[field] = columns[folded(column)]
    taken = set(found.values())
    for field, names in _FOLDED.items():
        place = next((columns[name] for name in names if name in columns), None)
        if field not in found and place is not None and place not in taken:
            found[field] = place
    return found


class Reading(NamedTuple):
    """How a campaign's files are read."""

    currency: str
    zone: ZoneInfo
    max_uses: int | None
    named: Mapping[str, str] = {}


class CsvReader:
    """Reads the rows of a CSV file; the first record is its heading.

    Raises:
        NoSuchColumn: of the heading, when it is made.
    """

    def __init__(self, heading: bytes, reading: Reading) -> None:
        text = heading.decode("utf-8-sig", errors="replace")
        self._delimiter = max(_SNIFFED, key=text.count)
        header = [name.strip() for name in self._cells(text) or [""]]
        self._width, self._reading = len(header), reading
        self._places = places(header, reading.named)
        if "code" not in self._places:
            raise NoSuchColumn("code")

    def row(self, raw: bytes) -> Row | Trouble:
        """What a row says, or why it cannot be read."""
        try:
            cells = self._cells(raw.decode())
        except UnicodeDecodeError:
            return "unreadable"
        if cells is None:
            return "unreadable"
        if len(cells) != self._width:
            return "wrong_width"
        return _row({field: cells[place].strip() for field, place in self._places.items()}, self._reading)

    def _cells(self, text: str) -> list[str] | None:
        # Most rows have no quotes, and need no parser.
        if '"' not in text:
            return text.split(self._delimiter)
        try:
            return next(csv.reader(text.splitlines(keepends=True), delimiter=self._delimiter, strict=True), None)
        except csv.Error:
            return None


class JsonReader:
    """Reads the lines of a file of JSON objects; their members are called as columns are."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        # The same members come again and again.
        self._places: dict[tuple[str, ...], dict[str, int]] = {}

    def row(self, raw: bytes) -> Row | Trouble:
        """What a line says, or why it cannot be read."""
        try:
            said = orjson.loads(raw.removeprefix(_MARK.encode()))
        except orjson.JSONDecodeError:
            return "unreadable"
        if not isinstance(said, dict):
            return "unreadable"
        names = tuple(said)
        if names not in self._places:
            self._places = self._places if len(self._places) < 100 else {}
            try:
                self._places[names] = places(names, self._reading.named)
            except NoSuchColumn:
                # What one line leaves out another may have.
                self._places[names] = places(names, {})
        values = list(said.values())
        cells = {field: _text(values[place]) for field, place in self._places[names].items()}
        return _row(cells, self._reading)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _row(cells: Mapping[str, str], reading: Reading) -> Row | Trouble:
    code = cells.get("code", "")
    if not code:
        return "no_code"
    try:
        if not _of(cells, "active", _switch, default=True):
            return "inactive"
        value = _of(cells, "value_minor", _whole)
        if value is None:
            value = _of(cells, "value", lambda text: _money(text, reading.currency))
        used, most = _of(cells, "used", _whole) or 0, _of(cells, "max_uses", _whole)
        most = reading.max_uses if most is None and used else most
        if most is not None and used:
            most -= used
            if most <= 0:
                return "used_up"
        expires_on = _of(cells, "expires_on", lambda text: _day(text, reading.zone))
    except _Bad as bad:
        return bad.reason
    return Row(code[: _MAX_CODE + 1], value, most, expires_on)


def _of(cells: Mapping[str, str], field: str, read: Callable[[str], Any], *, default: Any = None) -> Any:
    text = cells.get(field)
    return read(text) if text else default


def _switch(text: str) -> bool:
    said = text.casefold()
    if said not in _YES and said not in _NO:
        raise _Bad("unreadable")
    return said in _YES


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise _Bad("bad_number")
    return int(text)


def _money(text: str, currency: str) -> int:
    try:
        return parse(text, currency, exact=True)
    except MoneyError:
        raise _Bad("bad_value") from None


def _day(text: str, zone: ZoneInfo) -> date:
    """The last day: of a moment the local one."""
    try:
        if len(text) == len("2026-12-31"):
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _Bad("bad_date") from None
    return moment.date() if moment.tzinfo is None else moment.astimezone(zone).date()
