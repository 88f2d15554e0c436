"""Out of how many: known persons are counted as memberships count them, whoever was merged, met late or not at all."""

from profiles_world import World, touchpoint

from services.profiles.personas import repository

EVERYBODY = """
    SELECT count(DISTINCT coalesce(i.root_id, c.id)) AS number
    FROM customers AS c LEFT JOIN identity AS i ON i.raw_id = c.id
"""


async def known(world: World) -> int:
    async with world.db.read() as tx:
        number = await repository.people(tx)
    (row,) = await world.rows(EVERYBODY)
    assert row.number == number
    return number


async def test_persons_are_counted_once_whatever_was_merged(world: World) -> None:
    assert await known(world) == 0

    await world.play(*(touchpoint(f"v{n}", anonymous=f"v{n}") for n in range(4)))
    assert await known(world) == 4

    await world.play(touchpoint("i1", user="lan", anonymous="v0", call="identify"))
    await world.play(touchpoint("i2", user="lan", anonymous="v1", call="identify"))
    assert await known(world) == 3

    await world.play(touchpoint("u2", user="hoa"))
    assert await known(world) == 4


async def test_a_person_whose_root_was_never_seen_counts(world: World) -> None:
    await world.play(touchpoint("v", anonymous="v"), touchpoint("i", user="lan", anonymous="v", call="identify"))
    async with world.db.write() as tx:
        gone = await tx.execute(
            "DELETE FROM customers WHERE id IN (SELECT root_id FROM identity WHERE raw_id <> root_id)"
        )

    assert gone.rowcount == 1
    assert await known(world) == 1
