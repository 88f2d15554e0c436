"""Customers as rows of a CSV file: read into identify events, and written so that they can be read again.

A cell that a spreadsheet would take for a formula gets an apostrophe before it, which reading takes off again.
"""

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import orjson

from services.cli.door import Item
from services.cli.purchases import MAX_ID, BadRow, Rules, Wrong, moment, rows
from shared.errors import UserError
from shared.sheets import escaped, unescaped

COLUMNS = {
    "user_id": "the shop's user id; this or anonymous_id is needed",
    "anonymous_id": "a visitor's id; with user_id, it says that the visitor is the user",
    "email": "a trait that also names the customer",
    "phone": "the same; with country code, or a Vietnamese number without",
    "id.<system>": "the id another system has for the customer, as in id.crm",
    "updated_at": "as of when the row is so: 2026-11-21 14:05 or RFC 3339; the file's own time, if left out",
    "trait.<name>": "a trait; any other column is a trait of its name as well",
    "trait.<name>:json": "the same with JSON in the cells: 37, true, {…}",
}
# What an export says beside.
PASSED_OVER = ("id", "identified", "source", "first_seen", "last_seen", "created_at", "merged_user_ids")
MEND = "save it as CSV UTF-8 (in Excel: Save As, CSV UTF-8) and send it again"

_ID, _TRAIT, _JSON = "id.", "trait.", ":json"
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PHONE = re.compile(r"\+?[0-9]{5,17}", re.ASCII)
_SYSTEM = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,63}", re.ASCII)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_MAX_TRAIT_NAME = 100


@dataclass(frozen=True, slots=True)
class Layout:
    """What each column of a file is."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, header: list[str], path: Path) -> "Layout":
        """The columns of a header.

        Raises:
            UserError: it cannot be used.
        """
        if any("\ud800" <= character <= "\udfff" for name in header for character in name):
            raise UserError(f"The header of {path} is not UTF-8: {MEND}.")
        names = tuple(_column(unescaped(name.strip())) for name in header)
        if not {"user_id", "anonymous_id"} & set(names):
            raise UserError(f"{path} has no column user_id or anonymous_id; see `tam import customers --help`.")
        whole = [_trait(name) for name in names]
        if doubled := sorted({name for name in whole if name and whole.count(name) > 1}):
            raise UserError(f"{path} has the column {', '.join(doubled)} twice.")
        for name in names:
            if name.startswith(_ID) and not _SYSTEM.fullmatch(name.removeprefix(_ID)):
                raise UserError(f"{path}: {name!r} is no column; a system has a name of small letters, as in id.crm.")
            if len(_trait(name)) > _MAX_TRAIT_NAME:
                raise UserError(f"{path}: the name of a trait has at most {_MAX_TRAIT_NAME} characters.")
        return cls(names)


def _column(name: str) -> str:
    """The name of a column; capitals are nothing in those that are not traits."""
    return name.lower() if name.lower() in {*COLUMNS, *PASSED_OVER} or name.lower().startswith(_ID) else name


def read_customers(path: Path, rules: Rules) -> Iterator[Item | BadRow]:
    """The identify events of a file, one a row; a bad row does not stop the rest.

    Raises:
        UserError: the file cannot be read as CSV in UTF-8, or its header is wrong.
    """
    try:
        with path.open("rb") as start:
            if start.read(2) in _UTF_16:
                raise UserError(f"{path} is UTF-16: {MEND}.")
        as_of = min(datetime.fromtimestamp(path.stat().st_mtime, rules.zone), rules.now)
        # Bytes that are no UTF-8 spoil their row, not the file.
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            yield from _read(file, path, rules, as_of)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _read(file: TextIO, path: Path, rules: Rules, as_of: datetime) -> Iterator[Item | BadRow]:
    first = file.readline()
    delimiter = max(",;\t", key=first.count)
    try:
        layout = Layout.of(next(csv.reader([first], delimiter=delimiter, strict=True), []), path)
    except csv.Error as error:
        raise UserError(f"The header of {path} cannot be read as CSV: {error}.") from error
    for line, fields in rows(csv.reader(file, delimiter=delimiter, strict=True)):
        try:
            if isinstance(fields, csv.Error):
                raise Wrong(f"it cannot be read as CSV: {fields}")
            yield Item(line, _event(_cells(layout, fields), rules, as_of))
        except Wrong as error:
            yield BadRow(line, str(error).rstrip("."))


def _cells(layout: Layout, fields: list[str]) -> dict[str, str]:
    """The cells that say something."""
    if len(fields) != len(layout.names):
        raise Wrong(f"it has {len(fields)} fields, the header {len(layout.names)}")
    found = {}
    for name, cell in zip(layout.names, fields, strict=True):
        value = unescaped(cell.strip())
        if not value or not name or name in PASSED_OVER:
            continue
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise Wrong(f"{name} is not UTF-8: {MEND}")
        if "\x00" in value:
            raise Wrong(f"{name} holds a NUL character")
        found[name] = value
    return found


def _event(cells: Mapping[str, str], rules: Rules, as_of: datetime) -> dict[str, Any]:
    who = {
        field: _id(cells, column)
        for column, field in (("user_id", "userId"), ("anonymous_id", "anonymousId"))
        if column in cells
    }
    if not who:
        raise Wrong("user_id and anonymous_id are both empty")
    when = moment(dict(cells), "updated_at", rules) if "updated_at" in cells else as_of
    others = [
        {"type": name.removeprefix(_ID), "id": _id(cells, name), "collection": "users", "encoding": "none"}
        for name in cells
        if name.startswith(_ID)
    ]
    traits = {_trait(name): _value(name, cell) for name, cell in cells.items() if _is_trait(name)}
    content = f"{sorted(who.items())}|{when.isoformat()}|{sorted(map(repr, others))}|{sorted(traits.items())}"
    return {
        "type": "identify",
        **who,
        "timestamp": when.isoformat(),
        "messageId": "import-" + hashlib.sha256(content.encode()).hexdigest()[:40],
        "traits": traits,
        **({"context": {"externalIds": others}} if others else {}),
    }


def _is_trait(name: str) -> bool:
    return name not in ("user_id", "anonymous_id", "updated_at") and not name.startswith(_ID)


def _trait(name: str) -> str:
    return name.removeprefix(_TRAIT).removesuffix(_JSON) if name.startswith(_TRAIT) else name


def _value(name: str, cell: str) -> Any:
    if name.startswith(_TRAIT) and name.endswith(_JSON):
        try:
            return orjson.loads(cell)
        except orjson.JSONDecodeError:
            raise Wrong(
                f"{name} is no JSON; write texts in quotes, or leave {_JSON} out of the column's name"
            ) from None
    trait = _trait(name)
    if trait == "email" and not _EMAIL.fullmatch(cell):
        raise Wrong("email is no e-mail address; write it as name@example.com, or leave it empty")
    if trait == "phone" and not _PHONE.fullmatch(re.sub(r"[\s.()/\-]", "", cell)):
        raise Wrong("phone is no phone number; write it with its country code as +84912345678, or leave it empty")
    return cell


def _id(cells: Mapping[str, str], column: str) -> str:
    if len(cells[column]) > MAX_ID:
        raise Wrong(f"{column} is longer than {MAX_ID} characters")
    return cells[column]


@dataclass(slots=True)
class Columns:
    """The columns of an export, as they are met: systems that have ids, and traits, each with whether all are texts."""

    systems: set[str]
    traits: dict[str, bool]

    def meet(self, customer: Mapping[str, Any]) -> None:
        """Note what a customer has."""
        self.systems |= {each["type"] for each in _ids(customer)} - _OWN
        for name, trait in customer["traits"].items():
            value = trait["value"]
            is_plain = isinstance(value, str) and value == value.strip() != "" and not name.endswith(_JSON)
            self.traits[name] = self.traits.get(name, True) and is_plain

    def header(self) -> list[str]:
        """The names of the columns."""
        ids = [f"{_ID}{system}" for system in sorted(self.systems)]
        traits = [f"{_TRAIT}{name}{'' if is_plain else _JSON}" for name, is_plain in sorted(self.traits.items())]
        return [escaped(name) for name in (*_FIXED, *ids, *traits)]

    def row(self, customer: Mapping[str, Any]) -> list[str]:
        """The cells of a customer; of several ids of one type the first seen stands."""
        ids: dict[str, list[str]] = {}
        for each in _ids(customer):
            if each["value"] not in ids.setdefault(each["type"], []):
                ids[each["type"]].append(each["value"])
        users = ids.get("user_id", [])
        # The moment of the latest word is that of the whole row: read again, no later word is replaced.
        moments = [trait["time"] for trait in customer["traits"].values()]
        fixed = {
            "id": customer["id"],
            "user_id": users[0] if users else "",
            "anonymous_id": "" if users else next(iter(ids.get("anonymous_id", [])), ""),
            "merged_user_ids": " ".join(users[1:]),
            "updated_at": max(moments, default=""),
            **{name: str(customer[name] or "") for name in ("identified", "source", "first_seen", "last_seen")},
        }
        traits = customer["traits"]
        cells = [
            *(fixed[name] for name in _FIXED),
            *(next(iter(ids.get(system, [])), "") for system in sorted(self.systems)),
            *(_cell(traits[name]["value"], is_plain) if name in traits else "" for name, is_plain in self._sorted()),
        ]
        return [escaped(cell) for cell in cells]

    def _sorted(self) -> list[tuple[str, bool]]:
        return sorted(self.traits.items())


_OWN = {"user_id", "anonymous_id", "previous_id", "email", "phone"}
_FIXED = (
    "id",
    "user_id",
    "anonymous_id",
    "merged_user_ids",
    "identified",
    "source",
    "first_seen",
    "last_seen",
    "updated_at",
)


def _ids(customer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in customer["identifiers"] if each["refused_because"] is None]


def _cell(value: Any, is_plain: bool) -> str:
    return str(value) if is_plain else orjson.dumps(value).decode()
