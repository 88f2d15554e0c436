"""Churn risk and value of single customers are told when their band has changed, and then once."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from metrics_world import NOW, World, merged, placed, unmerged
from test_value import PEOPLE, a_shop, sell

from shared.events.catalogue.metrics import PUBLISHES
from shared.events.envelope import Catalogue
from shared.ids import user_key

CATALOGUE = Catalogue(PUBLISHES)


async def told(world: World) -> list[tuple[UUID, str, Any]]:
    """Subject, event and data of everything told since it was asked last."""
    async with world.db.write() as tx:
        rows = (await tx.execute("DELETE FROM outbox RETURNING *")).fetchall()
    values = [value for row in sorted(rows, key=lambda row: row.id) for value in row.values]
    events = [CATALOGUE.decode(value) for value in values]
    return [(each.subject, type(each.data).__name__, each.data) for each in events if each is not None]


def about(found: Sequence[tuple[UUID, str, Any]], person: UUID) -> dict[str, Any]:
    return {name: data for subject, name, data in found if subject == person}


async def test_bands_follow_purchases_silence_and_who_is_whom(world: World):
    await sell(world, a_shop(7))
    outlooks = world.metrics.outlooks
    assert await outlooks.look() == 0, "nothing is said before there is a model"
    await world.metrics.refitting.refit()

    await outlooks.look()
    first = await told(world)
    assert len(first) == 2 * PEOPLE
    assert {data.version for _, _, data in first} == {1}
    bands = [data.band for _, name, data in first if name == "ChurnRiskChanged"]
    assert set(bands) == {"low", "medium", "high"}, "the shop has customers of each kind"
    await outlooks.look()
    assert await told(world) == []

    # Somebody who was nearly lost buys again and again.
    lost = next(subject for subject, name, data in first if name == "ChurnRiskChanged" and data.percent > 95)
    await world.consume(*(placed(f"again-{n}", lost, NOW - timedelta(days=3 * n), 900_000, "VND") for n in range(6)))
    await outlooks.look()
    found = about(await told(world), lost)
    assert found["ChurnRiskChanged"].previous == "high"
    assert found["ChurnRiskChanged"].band == "low"
    assert found["ClvBandChanged"].band == "high"
    assert found["ClvBandChanged"].value_minor > 0

    # Two are one: of the key that is nobody any more nothing is said, and it comes back with a later version.
    other = user_key("VND-1")
    assert lost != other
    await world.consume(merged(other, lost, 1))
    await outlooks.look()
    gone = about(await told(world), other)
    assert {data.band for data in gone.values()} == {None}
    await world.consume(unmerged(other, lost, 2))
    await outlooks.look()
    back = about(await told(world), other)
    assert all(data.version > gone[name].version for name, data in back.items())
    assert len(back) == 2

    # Of whoever may not be foretold, nothing is; and all of it again once they may.
    for is_forbidden, bands in ((True, {None}), (False, {"low", "high"})):
        async with world.db.write() as tx:
            await outlooks.forbid(tx, [lost], is_forbidden=is_forbidden)
        await outlooks.look()
        assert {data.band for data in about(await told(world), lost).values()} == bands

    # A year of silence leaves nobody without a risk, each within the week that they are looked at in.
    world.clock.time = NOW + timedelta(days=365)
    for _ in range(3):
        await outlooks.look()
    late = about(await told(world), lost)
    assert late["ChurnRiskChanged"].band == "high"
    async with world.db.read() as tx:
        left = (await tx.execute("SELECT count(*) FROM outlooks WHERE risk = 'low'")).scalar_one()
    assert left == 0
    assert b"VND-" not in orjson.dumps([str(data) for data in late.values()])
