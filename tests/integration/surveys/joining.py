"""An attacker with the whole database: every row of every table, with its place and its transaction.

Two ways are tried to say who gave which answer. *Following*: from a person, over every value that only rows of this
person have, on and on; and the same from an answer: do they meet? *Matching*: of every column of a person's rows and
every column of an answer's rows: do equal values, or the same rank in the order, name the right answer more often than
chance would?
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.db.engine import Database

# Shorter values, numbers and words of a list stand in many rows by chance.
_TELLING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|.{12,}", re.DOTALL)


@dataclass
class Row:
    """A row: by column its values as text, JSON and bytes taken apart; what places it is `@ctid`, `@xmin`, `@xmax`."""

    table: str
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def telling(self) -> set[str]:
        """Values that stand nowhere by chance."""
        found = {text for name, text in self.columns.items() if name[0] != "@" and _TELLING.fullmatch(text)}
        return found | {f"xid {text}" for name, text in self.columns.items() if name in ("@xmin", "@xmax")}


async def everything(db: Database) -> list[Row]:
    """Every row of every table in the database."""
    rows = []
    async with db.read() as tx:
        tables = await tx.execute(
            "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2"
        )
        for schema, table in tables.all():
            found = await tx.execute(
                f"SELECT to_jsonb(t) AS row, CAST(t.ctid AS text) AS ctid, CAST(t.xmin AS text) AS xmin, "
                f'CAST(t.xmax AS text) AS xmax FROM "{schema}"."{table}" AS t'
            )
            for each in found:
                block, place = each.ctid.strip("()").split(",")
                row = Row(f"{schema}.{table}", {"@ctid": f"{int(block):06}{int(place):06}", "@xmin": each.xmin})
                if each.xmax != "0":
                    row.columns["@xmax"] = each.xmax
                row.columns |= dict(_leaves("", each.row))
                rows.append(row)
    return rows


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(f"{name}.{key}", each)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _leaves(f"{name}[{place}]", each)
    elif isinstance(value, str):
        yield name, value
        yield from _inside(name, value)
    elif value is not None:
        yield name, str(value)


def _inside(name: str, text: str) -> Iterator[tuple[str, str]]:
    """What stands in bytes: documents, and ids."""
    if not text.startswith("\\x"):
        return
    raw = bytes.fromhex(text[2:])
    if len(raw) == 16:
        h = raw.hex()
        yield f"{name}.id", f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return
    yield from _leaves(f"{name}.json", document)


def followed(rows: Sequence[Row], seeds: Mapping[str, Iterable[str]]) -> dict[str, set[int]]:
    """The rows that belong to each of those whom the seeds name, over every value that only one of them has."""
    by_value: dict[str, set[int]] = defaultdict(set)
    for place, row in enumerate(rows):
        for value in row.telling:
            by_value[value].add(place)
        for text in row.columns.values():
            by_value[text].add(place)
    known = {who: set(values) for who, values in seeds.items()}
    reached: dict[str, set[int]] = {who: set() for who in seeds}
    while True:
        grown = {who: set().union(*(by_value[value] for value in values)) for who, values in known.items()}
        owners: dict[str, set[str]] = defaultdict(set)
        for who, places in grown.items():
            for place in places:
                for value in rows[place].telling:
                    owners[value].add(who)
        more = {who: known[who] | {value for value, of in owners.items() if of == {who}} for who in known}
        # What stands in a row that nobody is reached by belongs to all.
        if grown == reached and more == known:
            return reached
        reached, known = grown, more


def matches(
    rows: Sequence[Row], persons: Mapping[str, set[int]], answers: Mapping[str, set[int]], **beside: Mapping[str, str]
) -> dict[tuple[str, str, str], int]:
    """How many answers each pair of columns gives to the right person; `persons` and `answers` have the same names.

    `beside` are columns that an attacker knows of persons from elsewhere, such as when they answered.
    """
    left = {**_columns(rows, persons), **beside}
    right = _columns(rows, answers)
    found: dict[tuple[str, str, str], int] = {}
    for a, of_person in left.items():
        for b, of_answer in right.items():
            found[a, b, "equal"] = _equal(of_person, of_answer)
            found[a, b, "rank"] = _ranked(of_person, of_answer, is_reversed=False)
            found[a, b, "reversed"] = _ranked(of_person, of_answer, is_reversed=True)
    return found


def _columns(rows: Sequence[Row], reached: Mapping[str, set[int]]) -> dict[str, dict[str, str]]:
    """By table and column, the value that each has, where it is one."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for who, places in reached.items():
        of_table: dict[str, list[int]] = defaultdict(list)
        for place in places:
            of_table[rows[place].table].append(place)
        for table, own in of_table.items():
            if len(own) == 1:
                for name, text in rows[own[0]].columns.items():
                    found[f"{table}{name}"][who] = text
    return found


def _equal(of_person: Mapping[str, str], of_answer: Mapping[str, str]) -> int:
    holders: dict[str, list[str]] = defaultdict(list)
    for who, value in of_answer.items():
        holders[value].append(who)
    asked: dict[str, list[str]] = defaultdict(list)
    for who, value in of_person.items():
        asked[value].append(who)
    return sum(1 for value, whose in asked.items() if len(whose) == 1 and holders.get(value) == whose)


def _ranked(of_person: Mapping[str, str], of_answer: Mapping[str, str], *, is_reversed: bool) -> int:
    if len(set(of_person.values())) < len(of_person) or len(set(of_answer.values())) < len(of_answer):
        return 0
    # Whose answer is not there yet is told to the attacker: others would only be off by one.
    there = of_person.keys() & of_answer.keys()
    one = sorted(there, key=lambda who: _sortable(of_person[who]))
    other = sorted(there, key=lambda who: _sortable(of_answer[who]), reverse=is_reversed)
    return sum(a == b for a, b in zip(one, other, strict=True))


def _sortable(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), ""
    except ValueError:
        return 1, 0.0, text
