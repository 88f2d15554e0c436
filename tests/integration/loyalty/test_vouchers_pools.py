"""Codes kept ready to be assigned: as many as were said, never more, each for one customer; forms and dry runs."""

import asyncio
from typing import Any
from uuid import UUID

import orjson
import pytest
from loyalty_world import LoyaltyWorld
from vouchers_stand import campaign, codes, everything_stored, imported, violations

from services.loyalty.vouchers.errors import BadTerms, PoolEmpty, TooManyCodes
from services.loyalty.vouchers.schemas.codes import ImportIn
from services.loyalty.vouchers.service import Assign, pools
from shared.errors import AppError
from shared.ids import user_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def world(module_world: LoyaltyWorld) -> LoyaltyWorld:
    return module_world


async def assign(world: LoyaltyWorld, campaign_id: UUID, who: str, key: str | None = None) -> str:
    """The code, or the code of the refusal."""
    try:
        async with world.db.write() as tx:
            done = await world.service.assignments.assign(tx, Assign(campaign_id, user_key(who), key or who))
    except AppError as refusal:
        return refusal.code
    assert done.code is not None
    return done.code


async def pool(world: LoyaltyWorld, campaign_id: UUID) -> tuple[int, int, int]:
    said = await world.service.code_pools.shown(campaign_id)
    return said.free, said.assigned, said.made


async def test_what_is_missing_is_made_once_by_however_many_workers(
    world: LoyaltyWorld, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pools, "BATCH", 7)
    mine = await campaign(world.service, coding={"pool": {"min_free": 40, "max_codes": 100}})

    await asyncio.gather(*(world.service.code_pools.replenish() for _ in range(5)))

    assert await pool(world, mine) == (40, 0, 40)
    given = await asyncio.gather(*(assign(world, mine, f"a{n}") for n in range(30)))
    assert len(set(given)) == 30
    assert await pool(world, mine) == (10, 30, 40), "those that were ready were given"
    await asyncio.gather(*(world.service.code_pools.replenish() for _ in range(3)))
    assert await pool(world, mine) == (40, 30, 70)
    stored = await everything_stored(world)
    assert not [each for each in given if each in stored or each.replace("-", "") in stored]
    assert await violations(world) == {}


async def test_there_are_never_more_than_were_allowed_however_many_ask(world: LoyaltyWorld):
    mine = await campaign(world.service, coding={"pool": {"min_free": 5, "max_codes": 12}})

    async def worker() -> None:
        for _ in range(3):
            await world.service.code_pools.replenish()

    answers = await asyncio.gather(*(assign(world, mine, f"m{n}") for n in range(20)), worker(), worker())

    given = [each for each in answers[:20] if each != PoolEmpty.code]
    assert len(given) == len(set(given)) == 12
    assert await pool(world, mine) == (0, 12, 12)
    assert await assign(world, mine, "m0") in (answers[0], PoolEmpty.code)
    assert await violations(world) == {}


async def test_a_key_gives_one_code_and_joining_once_is_once(world: LoyaltyWorld):
    mine = await campaign(world.service, coding={"pool": {"min_free": 9, "max_codes": 9}, "once_per_customer": True})
    await world.service.code_pools.replenish()

    again = await asyncio.gather(*(assign(world, mine, "lan", "welcome") for _ in range(10)))

    assert len(set(again)) == 1
    assert await assign(world, mine, "lan", "other") == "loyalty.already_assigned"
    assert await assign(world, mine, "minh", "welcome") == "loyalty.assignment_key_taken"
    assert await pool(world, mine) == (8, 1, 9)


async def test_codes_of_a_partner_are_given_out_and_none_of_ours_after_them(world: LoyaltyWorld):
    mine = await campaign(world.service, coding={"days": 5})
    said = await give(world, mine, ["PARTNER-77-A", "PARTNER-77-B"])
    assert (said["imported"], said["refused"]) == (2, [])

    got = [await assign(world, mine, each) for each in ("p0", "p1", "p2")]

    assert sorted(got[:2]) == ["PARTNER-77-A", "PARTNER-77-B"]
    assert got[2] == PoolEmpty.code
    found = await world.service.codes.look_up("partner 77 a")
    assert found is not None
    assert (found.holder in (user_key("p0"), user_key("p1")), found.expires_at is not None) == (True, True)
    assert "PARTNER-77" not in await everything_stored(world)


async def give(world: LoyaltyWorld, campaign_id: UUID, texts: list[str], **rest: Any) -> dict[str, Any]:
    body = ImportIn.model_validate({"codes": [{"code": each} for each in texts], "to_assign": True, **rest})
    found: dict[str, Any] = orjson.loads((await world.service.codes.import_(campaign_id, body, idem=None)).body)
    return found


async def test_a_dry_run_says_what_would_come_of_it_and_keeps_nothing(world: LoyaltyWorld):
    mine = await campaign(world.service)
    await imported(world.service, mine, {"code": "THERE-ALREADY"})
    before = await world.value("SELECT count(*) FROM codes")
    texts = ["NEW-CODE-1", "there already", "new code 1", "x"]

    tried = await give(world, mine, texts, dry_run=True)
    done = await give(world, mine, texts)

    assert (tried["imported"], tried["is_dry_run"]) == (1, True)
    assert tried["refused"] == done["refused"]
    assert [each["reason"] for each in tried["refused"]] == ["taken", "duplicate", "bad_code"]
    assert await world.value("SELECT count(*) FROM codes") == before + 1


async def test_codes_are_written_as_the_firm_says_and_found(world: LoyaltyWorld):
    coding = {"pattern": "TET26-####-####-VN", "charset": "23456789BCDFGHJKMNPQRSTVWXYZ", "has_check": False}
    mine = await campaign(world.service, coding=coding)
    made = [*await codes(world.service, mine, 50), await assign(world, mine, "form")]

    assert all(each.startswith("TET26-") and each.endswith("-VN") and len(each) == 18 for each in made)
    for each in (made[0], made[-1]):
        found = await world.service.codes.look_up(each.lower().replace("-", " "))
        assert found is not None
        assert found.campaign == mine
    with pytest.raises(TooManyCodes) as refused:
        await codes(world.service, mine, 500_000)
    assert refused.value.data["enough"] == 9
    assert refused.value.code == "loyalty.too_many_codes"


@pytest.mark.parametrize(
    ("coding", "benefit", "reason"),
    [
        ({"pattern": "SALE-##"}, None, "too_easy_to_guess"),
        ({"pattern": "########", "pool": {"min_free": 1, "max_codes": 10**8}}, None, "too_easy_to_guess"),
        ({"pattern": "############"}, {"type": "stored_value"}, "too_easy_to_guess"),
        ({"pattern": "SALE"}, None, "no_random_symbol"),
        ({"pattern": "########", "charset": "O0"}, None, "ambiguous_charset"),
        ({"charset": "AB"}, None, "pattern_needed"),
        ({"pattern": "########", "prefix": "X"}, None, "contradiction"),
        ({"pool": {"min_free": 9, "max_codes": 8}}, None, "contradiction"),
    ],
)
async def test_forms_and_pools_that_make_no_sense_are_refused(
    world: LoyaltyWorld, coding: dict[str, Any], benefit: dict[str, Any] | None, reason: str
):
    rest = {} if benefit is None else {"terms": {"benefit": benefit}}
    with pytest.raises(BadTerms) as refused:
        await campaign(world.service, coding=coding, **rest)

    assert [each["code"] for each in refused.value.data["problems"]] == [reason]


async def test_a_pool_of_a_campaign_that_is_over_is_left_alone(world: LoyaltyWorld):
    ended = await campaign(world.service, coding={"pool": {"min_free": 3, "max_codes": 9}}, state="paused")
    await world.service.code_pools.replenish()
    assert await pool(world, ended) == (0, 0, 0)
