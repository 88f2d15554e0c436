"""Referrals on a real database: from a code to the points, and back where what they were for falls."""

import asyncio
import os
from uuid import UUID, uuid4

import pytest
from loyalty_world import LoyaltyWorld
from referrals_world import FIRST_ORDER, Friends, programme
from vouchers_stand import campaign

from services.loyalty.referrals.errors import ReferralCodeUnknown
from services.loyalty.referrals.schemas import CodeIn, ReferralIn, ReferralOut
from services.loyalty.vouchers.schemas.campaigns import StateIn
from shared.events.catalogue.touchpoints import TouchpointRecorded
from shared.events.envelope import Event
from shared.ids import uuid7

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE = {"device": ["d41d8cd98f00b204"]}


@pytest.fixture
def world(module_world: LoyaltyWorld) -> LoyaltyWorld:
    return module_world


async def test_a_code_is_made_once_and_its_link_with_it(world: LoyaltyWorld):
    friends = await programme(world, link="https://shop.example/?ref={code}")
    codes = await asyncio.gather(*(friends.code("an") for _ in range(5)))

    assert len(set(codes)) == 1
    assert len(codes[0]) == 8
    assert await friends.code("bình") != codes[0]


async def test_the_first_order_rewards_both_after_the_time_of_returns(world: LoyaltyWorld):
    friends = await programme(world)
    came = await friends.made("an", "bình")
    assert (came.state, came.reasons, came.milestones) == ("active", [], [])

    await friends.order("bình", "small", 199_999)
    assert await friends.states(came.id) == {}
    await friends.order("bình", "o1")
    assert await friends.states(came.id) == {"first_order": "held"}
    await friends.wait(days=6.9)
    assert await friends.points("an", "bình") == [0, 0]
    await friends.wait(days=0.2)

    assert await friends.points("an", "bình") == [100, 50]
    (told,) = await friends.told()
    assert (told.subject, told.data.advocate_id) == (friends.key("bình"), friends.key("an"))
    assert told.data.milestone == "first_order"
    await friends.order("bình", "o2")
    await friends.wait(days=30)
    assert await friends.points("an", "bình") == [100, 50]
    assert len(await friends.told()) == 1
    assert await friends.faults() == {}


async def test_a_refund_takes_back_and_a_corrected_order_gives_again(world: LoyaltyWorld):
    friends = await programme(world)
    came = await friends.made("an", "bình")
    await friends.order("bình", "o1")
    await friends.refund("bình", "o1", 40_000)
    await friends.wait(days=8)
    assert await friends.points("an", "bình") == [100, 50], "what is left of the order is enough"

    await friends.refund("bình", "o1", 40_000, refund="r2")

    assert await friends.points("an", "bình") == [0, 0]
    assert await friends.states(came.id) == {"first_order": "taken_back"}
    await friends.order("bình", "o2")
    await friends.wait(days=8)
    assert await friends.points("an", "bình") == [100, 50]
    assert len(await friends.told()) == 1, "told of once"
    await friends.cancel("bình", "o2")
    assert await friends.points("an", "bình") == [0, 0]
    assert await friends.faults() == {}


async def test_an_order_that_falls_within_the_time_of_returns_pays_nothing(world: LoyaltyWorld):
    friends = await programme(world)
    came = await friends.made("an", "bình")
    await friends.order("bình", "o1")
    await friends.cancel("bình", "o1")
    await friends.wait(days=30)

    assert await friends.points("an", "bình") == [0, 0]
    assert await friends.states(came.id) == {"first_order": "lost"}
    assert await friends.told() == []


async def test_signing_up_and_the_third_order_are_milestones_too(world: LoyaltyWorld):
    milestones = [
        {"name": "came", "event": "signup", "friend": {"points": 10}},
        {"name": "third", "event": "order", "nth": 3, "advocate": {"points": 1_000}},
    ]
    friends = await programme(world, milestones=milestones, hold_days=0)
    came = await friends.made("an", "bình")
    assert await friends.points("an", "bình") == [0, 10]

    for number in range(3):
        await friends.order("bình", f"o{number}", 1_000, minutes=number)
    await friends.wait(minutes=5)

    assert await friends.points("an", "bình") == [1_000, 10]
    assert sorted(event.data.milestone for event in await friends.told()) == ["came", "third"]
    assert await friends.states(came.id) == {"came": "paid", "third": "paid"}


async def test_nobody_brings_themselves_and_no_ring_closes(world: LoyaltyWorld):
    friends = await programme(world)
    own = await friends.made("an", "an")
    assert (own.state, own.reasons) == ("blocked", ["self"])
    assert (await friends.made("an", "bình")).state == "active"
    assert (await friends.made("bình", "cúc")).state == "active"

    back, ring = await friends.made("bình", "an"), await friends.made("cúc", "an")

    assert (back.state, back.reasons) == ("blocked", ["cycle"])
    assert (ring.state, ring.reasons) == ("blocked", ["cycle"])
    await friends.order("an", "o1")
    await friends.wait(days=9)
    assert await friends.points("an", "bình", "cúc") == [0, 0, 0]


async def test_who_bought_before_is_no_friend(world: LoyaltyWorld):
    friends = await programme(world)
    await friends.order("bình", "o1", days=-300)

    came = await friends.made("an", "bình")

    assert (came.state, came.reasons) == ("blocked", ["existing_customer"])


async def test_the_same_device_waits_for_a_person_who_approves(world: LoyaltyWorld):
    friends = await programme(world)
    came = await friends.made("an", "bình", advocate_has=PHONE, **PHONE)
    assert (came.state, came.reasons) == ("review", ["same_device"])
    await friends.order("bình", "o1")
    await friends.wait(days=20)
    assert await friends.states(came.id) == {"first_order": "review"}
    queue = await world.service.referrals.listed(state="review", advocate=None, friend=None, after=None, limit=500)
    assert came.id in [each.id for each in queue]

    decided = await friends.decide(came.id, "approve")

    assert isinstance(decided, ReferralOut)
    assert (decided.state, decided.decided_by, decided.decision) == ("active", "linh", "đã gọi điện")
    assert await friends.points("an", "bình") == [100, 50]
    assert await friends.decide(came.id, "approve") == "loyalty.referral_not_in_review"
    assert len(await friends.told()) == 1


async def test_what_is_rejected_pays_nothing_and_later_takes_back(world: LoyaltyWorld):
    friends = await programme(world)
    waits = await friends.made("an", "bình", advocate_has=PHONE, **PHONE)
    stands = await friends.made("an", "cúc")
    for name in ("bình", "cúc"):
        await friends.order(name, f"o {name}")
    await friends.wait(days=8)
    assert await friends.points("an", "bình", "cúc") == [100, 0, 50]

    for referral in (waits, stands):
        await friends.decide(referral.id, "reject", "một nhà")

    assert await friends.points("an", "bình", "cúc") == [0, 0, 0]
    assert await friends.decide(stands.id, "reject") == "loyalty.referral_not_in_review"
    assert await friends.faults() == {}


async def test_many_friends_at_once_or_from_one_place_are_looked_at(world: LoyaltyWorld):
    friends = await programme(world, fraud={"advocate_max": 4, "address_max": 2})
    fast = [await friends.made("an", f"f{number}") for number in range(5)]
    assert [each.reasons for each in fast] == [[]] * 4 + [["advocate_velocity"]]

    one_place = [await friends.made(f"a{n}", f"g{n}", address=["12 Lê Lợi hashed"]) for n in range(3)]
    assert [each.reasons for each in one_place] == [[], [], ["address_velocity"]]
    world.clock.forward(days=8)
    assert (await friends.made("an", "later")).reasons == []


async def test_of_mail_and_of_hashes_nothing_is_kept(world: LoyaltyWorld):
    friends = await programme(world)
    came = await friends.made("an", "bình", mail="box.mailinator.com", device=["a-very-telling-hash"])

    assert came.reasons == ["disposable_mail"]
    tables = await world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'loyalty'")
    for (table,) in tables:
        told = await world.rows(
            f'SELECT 1 FROM "{table}" AS t WHERE t::text ~ :words', words="mailinator|a-very-telling"
        )
        assert told == [], table


async def test_a_friend_has_one_referrer(world: LoyaltyWorld):
    friends = await programme(world)
    first = await friends.made("an", "bình")
    other = await programme(world)

    assert await friends.brings("cúc", "bình") == "loyalty.referral_already_referred"
    assert (await friends.made("an", "bình")).id == first.id
    other.mark = friends.mark
    assert await other.brings("an", "bình") == "loyalty.referral_already_referred"


async def test_of_many_who_claim_a_friend_at_once_one_is_right(world: LoyaltyWorld):
    friends = await programme(world)
    for number in range(8):
        await friends.code(f"a{number}")

    answers = await asyncio.gather(*(friends.brings(f"a{number % 8}", "bình") for number in range(16)))

    stand = {answer.id for answer in answers if isinstance(answer, ReferralOut)}
    assert len(stand) == 1
    assert {answer for answer in answers if isinstance(answer, str)} == {"loyalty.referral_already_referred"}


async def test_of_a_ring_that_closes_all_at_once_one_is_left_out(world: LoyaltyWorld):
    friends = await programme(world)
    names = ["an", "bình", "cúc", "dung", "em", "giang"]
    for name in names:
        await friends.code(name)

    made = await asyncio.gather(
        *(friends.made(one, other) for one, other in zip(names, [*names[1:], names[0]], strict=True))
    )

    assert sorted(each.state for each in made) == ["active"] * 5 + ["blocked"]


async def test_an_advocate_brings_no_more_than_allowed_however_many_come_at_once(world: LoyaltyWorld):
    friends = await programme(world, max_friends=3)
    await friends.code("an")

    answers = await asyncio.gather(*(friends.brings("an", f"f{number}") for number in range(9)))

    assert sum(isinstance(answer, ReferralOut) for answer in answers) == 3
    assert {answer for answer in answers if isinstance(answer, str)} == {"loyalty.referral_too_many_friends"}


async def test_a_paused_programme_takes_nobody_and_keeps_its_word(world: LoyaltyWorld):
    friends = await programme(world)
    came = await friends.made("an", "bình")
    await world.service.referral_programs.pause(friends.program, is_paused=True, by="test", idem=None)
    assert await friends.brings("an", "cúc") == "loyalty.referral_program_closed"
    await friends.order("bình", "o1")
    await friends.wait(days=8)
    assert await friends.states(came.id) == {"first_order": "paid"}
    await world.service.referral_programs.pause(friends.program, is_paused=False, by="test", idem=None)
    assert isinstance(await friends.brings("an", "cúc"), ReferralOut)


async def paid(world: LoyaltyWorld, **pairs: str) -> Friends:
    """Friends with their advocates, all paid."""
    friends = await programme(world)
    for friend, advocate in pairs.items():
        await friends.made(advocate, friend)
        await friends.order(friend, f"o {friend}")
        world.clock.forward(minutes=1)
    await friends.wait(days=8)
    return friends


async def test_who_turns_out_to_be_their_own_friend_gives_back_and_an_unmerge_gives_again(world: LoyaltyWorld):
    friends = await paid(world, binh="an")
    before = await friends.points("an", "binh")
    assert before == [100, 50]

    await friends.merge("binh", "an")
    assert await friends.points("an") == [0]
    assert await friends.faults() == {}

    await friends.unmerge("binh", "an")
    assert await friends.points("an", "binh") == before
    assert len(await friends.told()) == 1


async def test_two_friends_who_are_one_count_once(world: LoyaltyWorld):
    friends = await paid(world, binh="an", be="cuc")
    assert await friends.points("an", "cuc", "binh", "be") == [100, 100, 50, 50]

    await friends.merge("be", "binh")
    assert await friends.points("an", "cuc", "binh") == [100, 0, 50]
    assert await friends.brings("dung", "be") == "loyalty.referral_already_referred"

    await friends.unmerge("be", "binh")
    assert await friends.points("an", "cuc", "binh", "be") == [100, 100, 50, 50]
    assert await friends.faults() == {}


async def test_a_ring_that_a_merge_closes_takes_the_last_one_back(world: LoyaltyWorld):
    friends = await paid(world, binh="an", cuc="binh", dung="cuc")
    assert await friends.points("an", "binh", "cuc", "dung") == [100, 150, 150, 50]

    await friends.merge("dung", "an")

    assert await friends.points("an", "binh", "cuc") == [100, 150, 50], "cúc brought dung, who is an, last of all"
    await friends.unmerge("dung", "an")
    assert await friends.points("an", "binh", "cuc", "dung") == [100, 150, 150, 50]
    assert await friends.faults() == {}


async def test_orders_of_all_keys_of_a_friend_count(world: LoyaltyWorld):
    friends = await programme(world)
    came = await friends.made("an", "bình")
    await friends.order("bình on the phone", "o1")
    await friends.wait(days=8)
    assert await friends.points("an") == [0]

    await friends.merge("bình on the phone", "bình")

    assert await friends.points("an") == [100]
    assert await friends.states(came.id) == {"first_order": "paid"}


async def test_a_voucher_is_assigned_once_frozen_with_a_refund_and_thawed_again(world: LoyaltyWorld):
    voucher = await campaign(world.service)
    milestone = {**FIRST_ORDER, "friend": {"campaign": str(voucher)}}
    friends = await programme(world, milestones=[milestone])
    await friends.made("an", "bình")
    await friends.order("bình", "o1")
    await friends.wait(days=8)

    async def states() -> list[str]:
        found = await world.service.assignments.of(friends.key("bình"), before=None, limit=10)
        return [each.state for each in found]

    assert (await states(), await friends.points("an")) == (["active"], [100])
    await friends.refund("bình", "o1")
    assert (await states(), await friends.points("an")) == (["frozen"], [0])
    await friends.order("bình", "o2")
    await friends.wait(days=8)
    assert (await states(), await friends.points("an")) == (["active"], [100])


async def test_what_cannot_be_paid_is_paid_to_nobody_until_it_can(world: LoyaltyWorld):
    voucher = await campaign(world.service, state=None)
    milestone = {**FIRST_ORDER, "friend": {"campaign": str(voucher)}}
    friends = await programme(world, milestones=[milestone], hold_days=0)
    came = await friends.made("an", "bình")
    await friends.order("bình", "o1")

    (reached,) = (await friends.get(came.id)).milestones
    assert (reached.state, reached.problem, await friends.points("an")) == ("held", "loyalty.wrong_state", [0])
    assert await friends.told() == []
    await activate(world, voucher)
    await friends.wait(hours=1)
    assert await friends.points("an") == [100]
    assert len(await friends.told()) == 1


async def activate(world: LoyaltyWorld, voucher: UUID) -> None:
    await world.service.campaigns.set_state(voucher, StateIn(state="active"), idem=None)


async def test_a_code_that_nobody_has(world: LoyaltyWorld):
    friends = await programme(world)
    code = await friends.code("an")
    spaced = f"{code[:4].lower()}-{code[4:]}"

    body = ReferralIn(code=spaced, customer=f"user_id:{os.urandom(4).hex()}")
    assert (await world.service.referrals.register(body))[1]
    with pytest.raises(ReferralCodeUnknown):
        await world.service.referrals.register(ReferralIn(code="NOBODY22", customer=f"user_id:{uuid4()}"))


async def test_the_same_name_or_mailbox_under_two_accounts_is_seen(world: LoyaltyWorld):
    friends = await programme(world)
    await friends.code("an")
    body = {"customer": f"user_id:{friends.user('an')}", "name": "Nguyễn Văn Đức", "email": "duc.nguyen@gmail.com"}
    made = await world.service.referral_programs.code(friends.program, CodeIn.model_validate(body))

    async def come(who: str, **rest: str) -> ReferralOut:
        said = {"code": made[0].code, "customer": f"user_id:{friends.user(who)}", **rest}
        return (await world.service.referrals.register(ReferralIn.model_validate(said)))[0]

    assert (await come("b", name="Duc NGUYEN van")).reasons == ["same_name"]
    assert (await come("c", email="DucNguyen+2@googlemail.com")).state == "blocked"
    clean = await come("d", name="Trần Thị Mai", email="mai@firm.vn")
    assert (clean.state, clean.reasons) == ("active", [])
    stored = str([tuple(row) for row in await world.rows("SELECT * FROM referral_signals")])
    assert "duc" not in stored.lower()


async def test_many_friends_from_one_network_address_are_looked_at(world: LoyaltyWorld):
    friends = await programme(world, fraud={"advocate_max": 100, "ip_max": 10})
    place = {"ip": [f"10.0.0.{friends.mark}-hash"]}

    found = [await friends.made(f"advocate{n}", f"friend{n}", **place) for n in range(11)]

    assert [each.reasons for each in found[:10]] == [[]] * 10
    assert (found[10].state, found[10].reasons) == ("review", ["ip_velocity"])
    world.clock.forward(days=8)
    assert (await friends.made("later", "free", **place)).reasons == []


async def test_who_was_refused_under_another_account_is_known_by_the_merge(world: LoyaltyWorld):
    friends = await programme(world)
    first = await friends.made("an", "bình", mail="mailinator.com")
    await friends.decide(first.id, "reject")
    await friends.merge("bình", "bình2")

    again = await friends.made("chi", "bình2")

    assert (again.state, again.reasons) == ("review", ["merged_account"])


async def test_what_is_suspect_waits_longer(world: LoyaltyWorld):
    friends = await programme(world, fraud={"actions": {"same_device": "delay"}, "delay_days": 20})
    came = await friends.made("an", "bình", advocate_has=PHONE, **PHONE)
    assert (came.state, came.reasons, came.delay_days) == ("active", ["same_device"], 20)
    await friends.order("bình", "o1")
    await friends.wait(days=26)
    assert await friends.points("an", "bình") == [0, 0]
    await friends.wait(days=2)
    assert await friends.points("an", "bình") == [100, 50]
    assert await friends.faults() == {}


async def test_a_touchpoint_can_be_what_counts(world: LoyaltyWorld):
    asked = {"name": "app", "event": "touchpoint", "touchpoint": "App Installed", "advocate": {"points": 7}}
    friends = await programme(world, milestones=[asked], hold_days=0)
    came = await friends.made("an", "bình")
    data = TouchpointRecorded.model_construct(name="App Installed")
    event = Event(uuid7(), friends.key("bình"), friends.at(hours=1), friends.at(hours=1), data)
    other = Event(uuid7(), friends.key("bình"), friends.at(), friends.at(), data.model_copy(update={"name": "Other"}))
    for _ in range(2):
        async with world.db.write() as tx:
            await world.service.referral_settling.note_touchpoints(tx, [event, other])
        await friends.wait(hours=2)

    assert await friends.states(came.id) == {"app": "paid"}
    assert await friends.points("an") == [7]
    assert await world.value("SELECT count(*) FROM referral_touchpoints WHERE name = 'Other'") == 0
    assert await friends.faults() == {}
