"""Customers, identifiers and traits as touchpoints make them, on a real database."""

import asyncio
import contextlib
import unicodedata
from datetime import timedelta
from itertools import permutations
from random import Random
from typing import Any
from uuid import UUID

import pytest
from profiles_world import NOW, World, touchpoint

from services.profiles.people import service as people
from services.profiles.people.domain import Person
from services.profiles.schemas import CustomerIn, CustomerOut, MergeIn, TraitsIn, UnmergeIn
from shared.errors import Conflict, NotFound, Retry
from shared.events.catalogue.profiles import CustomerCreated, CustomerMerged, TraitsChanged
from shared.ids import anonymous_key, user_key

U, A = user_key("u"), anonymous_key("a")
HUONG = "Nguyễn Thị Hương"


async def person_of(world: World, reference: str) -> Person:
    async with world.db.read() as tx:
        return await people.known(tx, reference, country="VN")


async def traits_of(world: World, reference: str) -> dict[str, Any]:
    return {row.name: row.value for row in (await person_of(world, reference)).traits}


async def test_the_first_touchpoint_makes_the_customer(world: World) -> None:
    announced = await world.play(touchpoint("1", user="u"), touchpoint("2", anonymous="a", source="app"))

    created = {event.subject: event.data for event in announced}
    assert created == {
        U: CustomerCreated(identified=True, source="web"),
        A: CustomerCreated(identified=False, source="app"),
    }
    assert await world.play(touchpoint("3", user="u", minute=1)) == []


async def test_first_and_last_seen_hold_in_any_order(world: World) -> None:
    for number, order in enumerate(permutations([(1, "web"), (5, "app"), (1, "app"), (9, "web")])):
        for place, (minute, source) in enumerate(order):
            await world.play(touchpoint(f"{number}-{place}", user=f"u{number}", minute=minute, source=source))

    rows = await world.rows("SELECT DISTINCT first_seen, last_seen, source FROM customers")
    day_before = NOW - timedelta(days=1)
    assert [tuple(row) for row in rows] == [
        (day_before + timedelta(minutes=1), day_before + timedelta(minutes=9), "app")
    ]


async def test_what_changes_nothing_writes_nothing(world: World) -> None:
    """A steady stream about a known customer writes one row when it was seen later, and none otherwise."""
    tables = ("customers", "identifiers", "traits", "links", "identity", "merge_log")

    async def versions() -> dict[str, set[Any]]:
        return {table: {tuple(row) for row in await world.rows(f"SELECT xmin, ctid FROM {table}")} for table in tables}

    first = touchpoint("1", user="u", anonymous="a", minute=1, call="identify", traits={"email": "a@b.vn"})
    await world.play(first, touchpoint("last", user="u", minute=9))
    before = await versions()

    await world.play(touchpoint("2", user="u", anonymous="a", minute=5), touchpoint("3", user="u", minute=9))
    assert await versions() == before

    await world.play(touchpoint("4", user="u", anonymous="a", minute=10), touchpoint("5", user="u", minute=11))
    after = await versions()
    assert [table for table in tables if after[table] != before[table]] == ["customers"]


async def test_an_older_event_never_overwrites_a_newer_one(world: World) -> None:
    await world.play(touchpoint("2", user="u", call="identify", minute=5, traits={"city": "Huế", "name": HUONG}))
    await world.play(touchpoint("1", user="u", call="identify", minute=1, traits={"city": "Hà Nội", "size": 37}))

    person = await person_of(world, "user_id:u")
    assert {row.name: (row.value, row.source) for row in person.traits} == {
        "city": ("Huế", "web"),
        "name": (HUONG, "web"),
        "size": (37, "web"),
    }
    assert person.traits[0].event_time == NOW - timedelta(days=1) + timedelta(minutes=5)
    assert person.traits[0].recorded_at == NOW


async def test_a_removed_trait_stays_removed_for_older_words(world: World) -> None:
    await world.play(touchpoint("2", user="u", call="identify", minute=5, traits={"city": None}))
    await world.play(touchpoint("1", user="u", call="identify", minute=1, traits={"city": "Huế"}))
    assert await traits_of(world, "user_id:u") == {}

    await world.play(touchpoint("3", user="u", call="identify", minute=6, traits={"city": "Huế"}))
    assert await traits_of(world, "user_id:u") == {"city": "Huế"}


async def test_traits_are_announced_by_name_when_their_value_changes(world: World) -> None:
    async def names_of(*events: Any) -> list[tuple[UUID, tuple[str, ...], str]]:
        announced = await world.play(*events)
        return [
            (event.subject, event.data.names, event.data.source)
            for event in announced
            if isinstance(event.data, TraitsChanged)
        ]

    def said(message: str, minute: float, **traits: Any) -> Any:
        return touchpoint(message, user="u", call="identify", minute=minute, traits=traits)

    assert await names_of(said("1", 1, name=HUONG, city="Huế", gone=None)) == [(U, ("city", "name"), "web")]
    assert await names_of(said("2", 2, name=unicodedata.normalize("NFD", HUONG), city="Huế")) == []
    assert await names_of(said("3", 0, name="older")) == []
    assert await names_of(said("4", 3, name=None)) == [(U, ("name",), "web")]
    assert await names_of(said("5", 4, city="Huế", note={"a": [1]})) == [(U, ("note",), "web")]
    assert await names_of(said("6", 5, **{"a@b.vn": 1})) == [(U, (), "web")]


async def test_saying_the_same_again_counts_as_later_word(world: World) -> None:
    """Otherwise a late event between the two would win in one order and lose in the other."""
    for minute in (1, 5, 3):
        city = "Huế" if minute != 3 else "Hà Nội"
        await world.play(touchpoint(f"{minute}", user="u", call="identify", minute=minute, traits={"city": city}))
    assert await traits_of(world, "user_id:u") == {"city": "Huế"}


async def test_a_person_has_the_latest_word_among_all_keys(world: World) -> None:
    await world.play(
        touchpoint("1", anonymous="a", call="identify", minute=5, traits={"city": "Huế", "size": 37}),
        touchpoint("2", user="u", anonymous="b", call="identify", minute=3, traits={"city": "Hà Nội", "name": HUONG}),
    )
    await world.play(touchpoint("3", user="u", anonymous="a", minute=6))

    assert await traits_of(world, "anonymous_id:b") == {"city": "Huế", "size": 37, "name": HUONG}
    person = await person_of(world, "user_id:u")
    assert {row.name: row.customer_id for row in person.traits} == {"city": A, "size": A, "name": U}


async def test_the_traits_written_last_are_kept_whatever_the_order(world: World) -> None:
    object.__setattr__(world.service, "settings", world.service.settings.model_copy(update={"max_traits": 5}))
    events = [(minute, {f"t{minute % 8}": minute}) for minute in range(20)]
    for run in range(4):
        Random(run).shuffle(events)
        for minute, traits in events:
            await world.play(
                touchpoint(f"{run}-{minute}", user=f"u{run}", call="identify", minute=minute, traits=traits)
            )

    for run in range(4):
        assert await traits_of(world, f"user_id:u{run}") == {"t7": 15, "t0": 16, "t1": 17, "t2": 18, "t3": 19}


async def test_no_personal_data_leaves_in_events_or_logs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything personal is marked, and the mark is looked for in every byte that leaves."""
    mark = "Zxqj"
    traits = {
        "name": f"{mark} Hương",
        "email": f"{mark}@x.vn",
        "phone": "+84912345678",
        "address": {"street": f"{mark} 1", "city": mark},
        f"{mark}@as.name": 1,
        "0912345678": True,
        "n" * 200: mark,
        "big": mark * 5_000,
    }
    await world.play(
        touchpoint("1", anonymous="a", call="identify", traits=traits),
        touchpoint(
            "2",
            user="u",
            anonymous="a",
            call="identify",
            traits={**traits, "city": mark},
            context={"traits": {"nick": mark}, "externalIds": [{"type": "crm", "id": f"{mark}7"}], "ip": mark},
        ),
        touchpoint("3", user="u", call="alias", previous_id=f"{mark}p"),
        touchpoint("4", user="w", anonymous="a", properties={"note": mark}),
    )

    values = [bytes(row.value).decode() for row in await world.rows("SELECT value FROM outbox_records")]
    assert len(values) > 5
    text = "\n".join(values) + "".join(capsys.readouterr())
    assert '"names":["' in text
    for secret in (mark, mark.lower(), "912345678"):
        assert secret not in text


async def test_two_partitions_at_once_end_as_one_after_the_other(world: World) -> None:
    """A visitor's events and those of three users come from different partitions at the same time.

    Breaks if a link is judged without the lock: each would see its own evidence only. Every other round the visitors
    are known before, for new ones would already wait for each other at the unique index of identifiers.
    """
    for round_ in range(15):
        tag = f"r{round_}-"
        events = [
            touchpoint(f"{tag}{user}{visitor}", user=tag + user, anonymous=f"{tag}{visitor}", minute=minute)
            for minute, user in enumerate(("u", "w", "x"))
            for visitor in range(20)
        ]
        visits = [touchpoint(f"{tag}v{number}", anonymous=f"{tag}{number}", minute=-1) for number in range(20)]
        if round_ % 2:
            await world.play(*visits)

        async with asyncio.TaskGroup() as group:
            for batch in (visits, events[:20], events[20:40], events[40:]):
                group.create_task(world.play(*batch))

        roots = {await world.root(anonymous_key(f"{tag}{number}")) for number in range(20)}
        assert roots == {user_key(tag + "u")}
    latest: dict[UUID, Any] = {}
    versions: list[tuple[UUID, int]] = []
    for event in await world.merges():
        versions.append((event.data.from_id, event.data.version))
        latest[event.data.from_id] = event.data
    assert len(versions) == len(set(versions)), "a version was given twice"
    assert all(isinstance(data, CustomerMerged) for data in latest.values())


async def test_a_repeated_batch_is_nothing(world: World) -> None:
    batch = [
        touchpoint("1", user="u", anonymous="a", call="identify", traits={"name": HUONG}),
        touchpoint("2", user="w", call="alias", previous_id="u"),
    ]
    assert await world.play(*batch)
    before = CustomerOut.of(await person_of(world, "user_id:u"))

    assert await world.play(*batch, *batch) == []
    assert CustomerOut.of(await person_of(world, "user_id:u")) == before


async def test_a_failed_batch_leaves_nothing(world: World) -> None:
    with pytest.raises(Retry):
        async with world.db.write() as tx:
            await world.consume(tx, [touchpoint("1", user="u", anonymous="a", call="identify", traits={"a": 1})])
            raise Retry
    for table in ("customers", "identifiers", "traits", "links", "identity", "merge_log", "outbox", "inbox"):
        assert await world.rows(f"SELECT 1 FROM {table}") == []


async def test_touchpoints_and_requests_at_once_never_lock_each_other_out(world: World) -> None:
    """Rows are locked in one order everywhere, the graph last: 0 deadlocks by PostgreSQL's own count."""
    random = Random(7)
    keys = [f"{number}" for number in range(12)]

    def batch(worker: int, round_: int) -> list[Any]:
        return [
            touchpoint(
                f"{worker}-{round_}-{number}",
                user=f"u{random.choice(keys)}",
                anonymous=f"a{random.choice(keys)}",
                call=random.choice(["identify", "alias", "track"]),
                previous_id=f"u{random.choice(keys)}",
                minute=random.randrange(1_000),
                traits={random.choice("abc"): random.randrange(9), "email": f"{random.choice(keys)}@x.vn"},
            )
            for number in range(25)
        ]

    async def consume(worker: int) -> None:
        for round_ in range(4):
            await world.play(*batch(worker, round_))

    async def ask(worker: int) -> None:
        for round_ in range(6):
            key = f"u{random.choice(keys)}"
            body = CustomerIn(user_id=key, anonymous_id=f"a{random.choice(keys)}", traits={"a": round_})
            await world.service.create(body, by=f"k{worker}", idem=None)
            said = TraitsIn(traits={"b": round_, "c": None})
            await world.service.describe(f"user_id:{key}", said, by="k", if_match=None, idem=None)
            with contextlib.suppress(Conflict, NotFound):
                merge = MergeIn(into=f"user_id:u{random.choice(keys)}", reason="test")
                await world.service.merge(f"user_id:{key}", merge, by="k", idem=None)
            with contextlib.suppress(Conflict, NotFound):
                await world.service.unmerge(f"user_id:{key}", UnmergeIn(reason="test"), by="k", idem=None)

    async with asyncio.TaskGroup() as group:
        for worker in range(4):
            group.create_task(consume(worker))
            group.create_task(ask(worker))

    found = await world.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    assert found[0].deadlocks == 0
    rings = await world.rows(
        "SELECT count(*) AS number FROM identity a JOIN identity b ON b.raw_id = a.root_id "
        "WHERE b.parent_id IS NOT NULL"
    )
    assert rings[0].number == 0
