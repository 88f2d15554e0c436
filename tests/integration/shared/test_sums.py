"""Sums of several tables are added in one statement; what comes to nothing has no row, less than that is refused."""

import random
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from shared.db.engine import Database
from shared.db.sums import Sums, add_sums
from shared.ids import derived_id

KEYS = {"item": "uuid", "name": "text", "is_month": "boolean"}
PLACES = Sums("places", KEYS, {"n": "bigint"}, ("name", "item", "is_month"))
MONEY = Sums("money", {"day": "int"}, {"n": "bigint", "minor": "numeric"}, short="n < 0 OR n = 0 AND minor <> 0")
NAMES = ("", "Đồng Tháp", 'a"b', "{x,y}", "NULL", "\\", "'")


async def make_tables(db: Database) -> None:
    async with db.write() as tx:
        await tx.execute(
            "CREATE TABLE places (item uuid, name text, is_month boolean, n bigint NOT NULL, "
            "PRIMARY KEY (name, item, is_month))"
        )
        await tx.execute("CREATE TABLE money (day int PRIMARY KEY, n bigint NOT NULL, minor numeric NOT NULL)")


def item(number: int) -> UUID:
    return derived_id("item", str(number))


async def rows(db: Database, table: str) -> list[tuple[Any, ...]]:
    async with db.read() as tx:
        return sorted(map(tuple, await tx.execute(f"SELECT * FROM {table}")))


async def test_whatever_is_added_the_rows_are_the_sums_that_are_not_nothing(db: Database):
    await make_tables(db)
    dice = random.Random(1)
    places, money = Counter[tuple[Any, ...]](), dict[int, tuple[int, int]]()
    removed = 0
    for _ in range(40):
        before = len(places)
        here: Counter[tuple[Any, ...]] = Counter()
        for _ in range(dice.randrange(12)):
            key = (item(dice.randrange(2)), dice.choice(NAMES), dice.random() < 0.5)
            here[key] += 1 if dice.random() < 0.5 else -places[key]
        changes = {key: max(n, -places[key]) for key, n in here.items() if max(n, -places[key])}
        there = {
            day: (1, 10**20) if day not in money else (-money[day][0], -money[day][1])
            for day in dice.sample(range(6), dice.randrange(4))
        }
        async with db.write() as tx:
            await add_sums(
                tx,
                (PLACES, [(*key, n) for key, n in changes.items()]),
                (MONEY, [(day, *sums) for day, sums in there.items()]),
            )
        places.update(changes)
        places = +places
        for day, sums in there.items():
            total = tuple(map(sum, zip(money.get(day, (0, 0)), sums, strict=True)))
            money[day] = (total[0], total[1])
        money = {day: sums for day, sums in money.items() if any(sums)}
        removed += len(places) < before
        assert await rows(db, "places") == sorted((*key, n) for key, n in places.items())
        assert await rows(db, "money") == sorted((day, *sums) for day, sums in money.items())
    assert removed > 3


@pytest.mark.parametrize(
    ("added", "table"), [((PLACES, [(item(1), "x", True, -1)]), "places"), ((MONEY, [(1, 0, 5)]), "money")]
)
async def test_more_than_there_is_cannot_be_taken_out(db: Database, added: Any, table: str):
    await make_tables(db)
    fine = (MONEY, [(7, 1, 1)])

    with pytest.raises(RuntimeError, match=f"out of {table} than"):
        async with db.write() as tx:
            await add_sums(tx, added, *([fine] if table == "places" else []))

    assert await rows(db, "money") == await rows(db, "places") == []


async def test_nothing_to_add_is_no_statement(db: Database):
    async with db.write() as tx:
        await add_sums(tx, (Sums("no_such_table", {"a": "int"}, {"b": "int"}), []))
