"""Guessing codes: what it costs, what it finds out, and that honest customers never notice."""

import asyncio
import os
import re
from collections.abc import Sequence
from time import monotonic

import httpx
import pytest
from loyalty_world import LoyaltyWorld
from vouchers_stand import campaign, codes

from services.loyalty.app import service as manifest
from services.loyalty.throttle.domain import Who
from services.loyalty.throttle.errors import Throttled
from services.loyalty.throttle.service import PACE_SECONDS, Guard
from services.loyalty.vouchers.domain import codes as rules
from services.loyalty.vouchers.service import Assign
from shared.ids import user_key
from shared.networks import network
from shared.testing.platform import running_platform

LAN = user_key("lan")


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (" 203.0.113.77 ", "203.0.113.0/24"),
        ("unknown", "unknown"),
    ],
)
def test_an_address_counts_with_its_neighbours(address: str, counts_as: str):
    assert network(address) == counts_as


async def fails(guard: Guard, who: Who, times: int) -> int:
    """How many of so many failures are let through."""
    through = 0
    for _ in range(times):
        try:
            async with guard.watch(who) as watch:
                watch.failures = 1
        except Throttled:
            continue
        through += 1
    return through


@pytest.mark.parametrize(
    ("whose", "allowed"),
    [
        ([Who("key", customer=LAN)] * 12, 5),
        # Another address and another key of the shop are still the same customer.
        ([Who(f"key{n}", LAN, f"198.51.{n}.1") for n in range(12)], 5),
        # A new customer each time, from one street.
        ([Who("key", user_key(f"u{n}"), f"203.0.113.{n}") for n in range(25)], 10),
        ([Who("key", user_key(f"u{n}"), f"198.51.{n}.1") for n in range(45)], 40),
    ],
)
async def test_failures_are_few_per_customer_address_and_key(world: LoyaltyWorld, whose: Sequence[Who], allowed: int):
    guard = Guard(world.db, world.service.vault, per_key=40)

    assert sum([await fails(guard, who, 1) for who in whose]) == allowed


async def test_all_processes_count_together(world: LoyaltyWorld):
    guards = [Guard(world.db, world.service.vault, per_key=300) for _ in range(3)]

    assert sum([await fails(guards[number % 3], Who("key", LAN), 1) for number in range(12)]) == 5


async def test_who_succeeds_is_never_turned_away(world: LoyaltyWorld):
    guard = world.service.guard
    for _ in range(30):
        async with guard.watch(Who("key", LAN, "203.0.113.7")):
            pass

    assert await world.value("SELECT count(*) FROM throttle_buckets") == 0


async def test_many_at_once_are_held_to_it_afterwards(world: LoyaltyWorld):
    """A volley passes before anything is counted; it is owed, and nothing more comes through until it is paid back."""
    guard, who = world.service.guard, Who("key", LAN)

    async def one() -> int:
        return await fails(guard, who, 1)

    volley = sum(await asyncio.gather(*(one() for _ in range(40))))
    with pytest.raises(Throttled) as refused:
        await guard.check(who)

    assert volley >= 5
    owed = min(volley, 10) - 5
    assert refused.value.data["retry_after_seconds"] > owed * 12
    assert refused.value.headers["Retry-After"] == str(refused.value.data["retry_after_seconds"])


async def test_after_a_while_there_are_tries_again(world: LoyaltyWorld):
    guard, who = world.service.guard, Who("key", LAN)
    assert await fails(guard, who, 9) == 5

    await pass_time(world, seconds=25)

    assert await fails(guard, who, 9) == 2
    await pass_time(world, seconds=7_200)
    await guard.forget_old()
    assert await world.value("SELECT count(*) FROM throttle_buckets") > 0
    await pass_time(world, seconds=86_400)
    await guard.forget_old()
    assert await world.value("SELECT count(*) FROM throttle_buckets") == 0


async def pass_time(world: LoyaltyWorld, *, seconds: float) -> None:
    async with world.db.write() as tx:
        await tx.execute(
            "UPDATE throttle_buckets SET filled_at = filled_at - make_interval(secs => :seconds)", {"seconds": seconds}
        )


async def test_a_refusal_that_rolls_back_is_counted_all_the_same(world: LoyaltyWorld):
    guard, who = world.service.guard, Who("key", LAN)

    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            async with guard.watch(who) as watch, world.db.write():
                watch.failures = 1
                raise ZeroDivisionError

    with pytest.raises(Throttled):
        await guard.check(who)


async def test_nothing_tells_whose_failures_they_were(world: LoyaltyWorld):
    await fails(world.service.guard, Who("key-7", LAN, "203.0.113.7"), 3)

    stored = "".join(str(tuple(row)) for row in await world.rows("SELECT * FROM throttle_buckets"))

    assert "203.0.113" not in stored
    assert str(LAN) not in stored
    assert "customer/60/" in stored


async def test_a_mistyped_code_is_not_looked_for(world: LoyaltyWorld):
    """The table of codes is locked for good: whoever asks it waits, and who mistypes has an answer."""
    (code,) = await codes(world.service, await campaign(world.service), 1)
    wrong = code[:-1] + rules.ALPHABET[rules.ALPHABET.index(code[-1]) - 1]
    async with world.db.write() as tx:
        await tx.execute("LOCK TABLE codes IN ACCESS EXCLUSIVE MODE")
        async with world.db.read() as reader:
            found = await world.service.vouchers.find(reader, [wrong, "HELLO WORLD", "x", "7K3M-Q9XA-2VBC-5"])
        assert len(found.unknown) == 4
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), world.db.read() as reader:
                await world.service.vouchers.find(reader, [code])


async def test_an_attacker_with_many_addresses_finds_next_to_nothing(world: LoyaltyWorld):
    """10,000 codes so short that guessing would pay, and 20 addresses that guess as fast as they are let."""
    service = world.service
    live = await codes(service, await campaign(service, coding={"length": 8}), 10_000)
    guard, tried = Guard(world.db, service.vault, per_key=1_000_000), 0
    for number in range(20):
        who = Who("key", None, f"10.{number}.0.1")
        guesses = rules.make(15, 8, os.urandom)
        for guess in guesses:
            try:
                async with guard.watch(who) as watch:
                    tried += 1
                    async with world.db.read() as tx:
                        watch.failures = len((await service.vouchers.find(tx, [guess])).unknown)
                    assert watch.failures == 1, "a one in a hundred million chance"
            except Throttled:
                break
    assert tried == 200, "each address has ten tries a minute"
    # In a year of an address: 60 an hour. Of a million tries one in a hundred finds one of ten thousand.
    assert 60 * 24 * 365 * len(live) / 32**8 < 0.01


@pytest.mark.long
async def test_ten_thousand_addresses_through_one_key_find_no_more_than_the_key_may_fail(world: LoyaltyWorld):
    """Each address tries once, so none is too fast by itself; the key that asks for all of them is."""
    service, may_fail, at_once = world.service, 300, 50
    live = await codes(service, await campaign(service, coding={"length": 8}), 1_000)
    guard, looked_up, found = Guard(world.db, service.vault, per_key=may_fail), 0, 0

    async def one(number: int, guess: str) -> None:
        nonlocal looked_up, found
        try:
            async with guard.watch(Who("key", None, f"10.{number // 250}.{number % 250}.1")) as watch:
                looked_up += 1
                async with world.db.read() as tx:
                    watch.failures = len((await service.vouchers.find(tx, [guess])).unknown)
                found += watch.failures == 0
        except Throttled:
            pass

    guesses = rules.make(10_000, 8, os.urandom)
    began = monotonic()
    for start in range(0, len(guesses), at_once):
        await asyncio.gather(*(one(start + n, guess) for n, guess in enumerate(guesses[start : start + at_once])))
    minutes = (monotonic() - began) / 60

    assert looked_up <= may_fail * (1 + minutes) + 2 * at_once
    assert looked_up >= may_fail, "the attack was one"
    # A day of it: so many tries, each of which finds one of the live codes once in a billion times.
    assert found == 0
    assert may_fail * 60 * 24 * len(live) / 32**8 < 0.001


async def test_no_answer_takes_longer_because_there_is_something(world: LoyaltyWorld):
    """Unknown, somebody else's and expired codes: the times of their answers cannot be told apart."""
    service, guard = world.service, Guard(world.db, world.service.vault, per_key=1_000_000)
    mine = await campaign(service)
    async with world.db.write() as tx:
        foreign = (await service.assignments.assign(tx, Assign(mine, user_key("minh"), "k"))).code
    (expired,) = await codes(service, mine, 1, expires_on="2026-11-23")
    (unknown,) = rules.make(1, 12, os.urandom)
    world.clock.forward(days=3)
    kinds = {"unknown": unknown, "foreign": str(foreign), "expired": expired}

    async def took(code: str, *, is_paced: bool) -> float:
        started = monotonic()
        async with guard.watch(Who("key"), is_paced=is_paced) as watch, world.db.read() as tx:
            found = await service.vouchers.find(tx, [code])
            if found.vouchers:
                # What judging a code that is there costs besides.
                await asyncio.sleep(0.008)
            watch.failures = 1
        return monotonic() - started

    def low(times: list[float]) -> float:
        """The lower quartile: what a busy machine adds to some of them is not in it."""
        return sorted(times)[len(times) // 4]

    async def quartiles(*, is_paced: bool) -> dict[str, float]:
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(12):
            for kind, code in kinds.items():
                times[kind].append(await took(code, is_paced=is_paced))
        return {kind: low(each) for kind, each in times.items()}

    naive, paced = await quartiles(is_paced=False), await quartiles(is_paced=True)

    assert naive["foreign"] - naive["unknown"] > 0.005, "the leak that is to be closed was not there"
    # Whole beats of the pace, however long the look-up took; on a busy machine one of them may need a beat more.
    beats = {kind: int(each / PACE_SECONDS) for kind, each in paced.items()}
    behind = {kind: each % PACE_SECONDS for kind, each in paced.items()}
    assert min(beats.values()) >= 1
    assert max(beats.values()) - min(beats.values()) <= 1
    assert max(behind.values()) - min(behind.values()) < 0.005


async def test_staff_that_looks_up_codes_is_held_to_it_too(database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TAM_LOYALTY_CODE_FAILURES_PER_MINUTE", "3")
    async with running_platform(database_url, [manifest]) as running:
        # A code that is written twice is refused whether there is one or not: it would else tell, and cost nothing.
        basket = {"currency": "VND", "lines": [{"id": "1", "product_id": "p", "quantity": 1, "unit_minor": 5}]}
        twice = {"basket": basket, "vouchers": ["GUESS-1", "guess 1"]}
        repeated = await running.shop.post("/v1/loyalty/validations/anonymous", json=twice)
        answers = [
            await running.crm.post("/v1/loyalty/vouchers/lookup", json={"code": f"GUESS{number}"})
            for number in range(5)
        ]

    assert repeated.json()["code"] == "loyalty.repeated_voucher"
    assert [(each.status_code, each.json()["code"]) for each in answers] == [
        *[(404, "loyalty.voucher_unknown")] * 3,
        *[(429, "loyalty.throttled")] * 2,
    ]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20


async def test_over_http_an_address_for_each_guess_helps_nobody(database_url: str, monkeypatch: pytest.MonkeyPatch):
    """Each guess comes from a network of its own and as another visitor: the shop's key is held to its failures."""
    monkeypatch.setenv("TAM_LOYALTY_CODE_FAILURES_PER_MINUTE", "8")
    basket = {"currency": "VND", "lines": [{"id": "1", "product_id": "p", "quantity": 1, "unit_minor": 5}]}
    answers: list[httpx.Response] = []
    async with running_platform(database_url, [manifest], role="api") as running:
        for number in range(24):
            transport = httpx.ASGITransport(app=running.platform.app, client=(f"10.{number}.0.1", 5_000))
            async with httpx.AsyncClient(
                transport=transport, base_url="http://tam.test", auth=(running.write_key, "")
            ) as browser:
                body = {"basket": basket, "vouchers": [f"GUESS-{number}"], "customer": f"anonymous_id:v{number}"}
                answers.append(await browser.post("/v1/loyalty/validations/anonymous", json=body))

    looked = [each for each in answers if each.status_code == 200]
    # Of a minute some seconds pass: a token may come back.
    assert 8 <= len(looked) <= 11
    assert {each.json()["code"] for each in answers if each not in looked} == {"loyalty.throttled"}
    said = {re.sub("[0-9]", "", str(each.json()["vouchers"])) for each in looked}
    assert len(said) == 1, "one and the same answer for every code"
