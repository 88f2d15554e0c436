"""Who is whom: identify, alias, shared devices, late evidence."""

from itertools import permutations

from profiles_world import World, names, touchpoint

from shared.ids import anonymous_key, user_key

A, B = anonymous_key("a"), anonymous_key("b")
U, W = user_key("u"), user_key("w")


async def test_identify_makes_the_visitor_the_user(world: World) -> None:
    await world.play(touchpoint("1", anonymous="a"), touchpoint("2", user="u", anonymous="a", call="identify"))

    assert names(await world.merges()) == [("Merged", A, U, 1, "identify")]
    assert await world.root(A) == U


async def test_the_same_evidence_again_announces_nothing(world: World) -> None:
    await world.play(touchpoint("1", user="u", anonymous="a"))
    await world.play(touchpoint("1", user="u", anonymous="a"), touchpoint("2", user="u", anonymous="a", minute=5))

    assert len(await world.merges()) == 1


async def test_a_shared_device_merges_nobody_but_the_first(world: World) -> None:
    await world.play(touchpoint("1", user="u", anonymous="a", minute=1))
    await world.play(touchpoint("2", user="w", anonymous="a", minute=2))

    assert await world.root(A) == U
    assert await world.root(W) == W
    refused = await world.rows("SELECT from_id, into_id FROM links WHERE status = 'shared_device'")
    assert [tuple(row) for row in refused] == [(A, W)]


async def test_late_earlier_evidence_takes_the_visitor_over(world: World) -> None:
    await world.play(touchpoint("2", user="w", anonymous="a", minute=2))
    await world.play(touchpoint("1", user="u", anonymous="a", minute=1))

    assert names(await world.merges()) == [
        ("Merged", A, W, 1, "identify"),
        ("Unmerged", A, W, 2, "earlier_link"),
        ("Merged", A, U, 3, "identify"),
    ]
    assert await world.root(A) == U


async def test_alias_links_a_visitor_and_a_user_of_that_name(world: World) -> None:
    await world.play(touchpoint("1", user="new", call="alias", previous_id="old"))
    await world.play(touchpoint("2", user="old"), touchpoint("3", anonymous="old"))

    new = user_key("new")
    assert await world.root(user_key("old")) == new
    assert await world.root(anonymous_key("old")) == new


async def test_cyclic_aliases_keep_the_earlier_one_in_any_order(world: World) -> None:
    def story(tag: str) -> list:
        return [
            touchpoint(f"{tag}1", user=f"{tag}y", call="alias", previous_id=f"{tag}x", minute=1),
            touchpoint(f"{tag}2", user=f"{tag}z", call="alias", previous_id=f"{tag}y", minute=2),
            touchpoint(f"{tag}3", user=f"{tag}x", call="alias", previous_id=f"{tag}z", minute=3),
        ]

    for number in range(6):
        tag = f"t{number}"
        order = list(permutations(story(tag)))[number]
        for event in order:
            await world.play(event)

        roots = {await world.root(user_key(tag + name)) for name in "xyz"}
        assert roots == {user_key(tag + "z")}
        status = await world.rows("SELECT status FROM links WHERE from_id = :key", key=user_key(tag + "z"))
        assert [row.status for row in status] == ["cycle"]


async def test_a_chain_of_aliases_has_one_root(world: World) -> None:
    await world.play(touchpoint("1", user="b", call="alias", previous_id="a", minute=3))
    await world.play(touchpoint("2", user="c", call="alias", previous_id="b", minute=1))
    await world.play(touchpoint("3", user="a", anonymous="v", minute=2))

    assert {await world.root(key) for key in (user_key("a"), user_key("b"), anonymous_key("v"))} == {user_key("c")}


async def test_placeholders_identify_nobody(world: World) -> None:
    for number, value in enumerate(("null", "0", "-1", "Anonymous", "00000000-0000-0000-0000-000000000000", " none ")):
        await world.play(
            touchpoint(f"{number}", user=value, anonymous="a", call="identify", traits={"name": "Stranger"}),
            touchpoint(f"u{number}", user="u", anonymous=value, call="identify"),
            touchpoint(f"p{number}", user="u", call="alias", previous_id=value),
        )

    assert await world.merges() == []
    assert {row.id for row in await world.rows("SELECT id FROM customers")} == {A, U}
    assert {row.customer_id for row in await world.rows("SELECT customer_id FROM traits")} == {A}


async def test_a_kiosk_with_thousands_of_users_stays_quick(world: World) -> None:
    """Each login on a shared device reads the accepted link and its own, not those of all who came before."""
    await world.play(
        *(touchpoint(f"{number}", user=f"u{number}", anonymous="a", minute=number) for number in range(3000))
    )
    assert await world.root(A) == user_key("u0")

    async with world.db.write() as tx:
        await world.consume(tx, [touchpoint("late", user="late", anonymous="a", minute=5000)])
        reads = await tx.execute("SELECT count(*) FROM links WHERE from_id = :key AND status = 'accepted'", {"key": A})
        assert reads.scalar_one() == 1
    assert await world.root(A) == user_key("u0")

    await world.play(touchpoint("early", user="early", anonymous="a", minute=-1))
    assert await world.root(A) == user_key("early")
    refused = await world.rows("SELECT count(*) AS number FROM links WHERE status = 'shared_device'")
    assert refused[0].number == 3001


async def test_evidence_that_grew_older_is_judged_again(world: World) -> None:
    """The refused pair gets earlier evidence than the accepted one has."""
    await world.play(
        touchpoint("1", user="u", anonymous="a", minute=5), touchpoint("2", user="w", anonymous="a", minute=9)
    )
    assert await world.root(A) == U

    await world.play(touchpoint("3", user="w", anonymous="a", minute=1))

    assert await world.root(A) == W
