"""Previews of many: a random sample, and how far off it may be."""

from profiles_world import NOW, World, touchpoint
from segments_oracle import ZONE

from services.profiles.segments.domain.definition import Preview
from services.profiles.segments.repository.compiler import Asked, compiled
from services.profiles.segments.repository.previews import preview
from shared.ids import user_key

RULE = compiled((Asked(user_key("rule"), '{"trait": "city", "eq": "Huế"}'),))
PEOPLE, FROM_HUE = 2_000, 500


async def asked(world: World, most: int) -> Preview:
    async with world.db.read() as tx:
        return await preview(tx, RULE, now=NOW, today=NOW.date(), zone=ZONE, most=most)


async def test_a_sample_says_how_many_and_how_far_off_it_may_be(world: World) -> None:
    await world.play(
        *(
            touchpoint(f"m{n}", user=f"c{n}", call="identify", traits={"city": "Huế" if n < FROM_HUE else "Hà Nội"})
            for n in range(PEOPLE)
        )
    )

    whole = await asked(world, PEOPLE)
    sampled = [await asked(world, 400) for _ in range(20)]

    assert (whole.people, whole.margin, whole.looked_at, len(whole.sample)) == (FROM_HUE, 0, PEOPLE, 10)
    assert all(100 < each.looked_at < 900 for each in sampled)
    assert all(0 < each.margin < FROM_HUE for each in sampled)
    # Each is right in 19 of 20 cases: that a third of them are wrong happens once in a million runs.
    assert sum(abs(each.people - FROM_HUE) <= each.margin for each in sampled) >= 13
    assert set(sampled[0].sample) <= {user_key(f"c{n}") for n in range(FROM_HUE)}


def test_nobody_in_a_sample_is_not_nobody_at_all() -> None:
    none, many = Preview(1_000, 0, 100.0, ()), Preview(1_000, 900, 100.0, ())

    assert (none.people, none.margin) == (0, 300)
    assert (many.people, many.margin) == (90_000, 5_851)
