"""Codes in bulk: exactly as many as were asked for, whoever dies in between, and none of them stands in clear."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from loyalty_world import LoyaltyWorld
from vouchers_stand import campaign, codes, downloaded, everything_stored, imported, job, shared, violations

from services.loyalty.vouchers.domain import codes as rules
from services.loyalty.vouchers.domain.keys import Peppers
from services.loyalty.vouchers.errors import (
    AlreadyOver,
    CodesGone,
    CodeTaken,
    JobNotDone,
    PepperMissing,
    TooManyCodes,
    ValueNeeded,
    WrongKindOfCodes,
    WrongState,
)
from services.loyalty.vouchers.schemas.assignments import AssignIn
from services.loyalty.vouchers.schemas.codes import CodeStateIn, TopUpIn
from services.loyalty.vouchers.service import Assign, Vault, Vouchers, generation
from services.loyalty.vouchers.service.vault import pepper_file
from shared.config import PlatformSettings
from shared.delivery.idempotency import Idempotent
from shared.ids import user_key


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(generation, "BATCH", 40)
    return 40


async def test_a_job_makes_as_many_codes_as_were_asked_for_and_tells_how_far_it_is(
    world: LoyaltyWorld, small_batches: int
):
    jobs, campaign_id = world.service.code_jobs, await campaign(world.service, coding={"prefix": "TET26"})
    job_id = await job(world.service, campaign_id, 100, expires_on="2026-12-31")
    seen: list[int] = []

    await jobs.make(job_id, moved=seen.append)

    assert seen == [40, 40, 20]
    said = await jobs.get(job_id)
    assert (said.state, said.made, said.wanted) == ("done", 100, 100)
    made = await downloaded(world.service, job_id)
    assert len(set(made)) == 100
    assert all(each.startswith("TET26-") and rules.is_checked(rules.canonical(each)[5:]) for each in made)
    async with world.db.read() as tx:
        found = await world.service.vouchers.find(tx, made)
    assert found.unknown == ()
    assert {voucher.campaign.id for voucher in found.vouchers.values()} == {campaign_id}
    assert {voucher.expires_at.isoformat() for voucher in found.vouchers.values() if voucher.expires_at} == {
        "2026-12-31T17:00:00+00:00"
    }


async def test_two_processes_at_one_job_make_it_once(world: LoyaltyWorld, small_batches: int):
    campaign_id = await campaign(world.service)
    job_id = await job(world.service, campaign_id, 400)
    seen: list[list[int]] = [[], [], []]

    await asyncio.gather(*(world.service.code_jobs.make(job_id, moved=each.append) for each in seen))

    assert sum(map(sum, seen)) == 400
    assert sum(map(bool, seen)) > 1, "nobody worked beside the first"
    assert len(set(await downloaded(world.service, job_id))) == 400
    assert await world.value("SELECT count(*) FROM codes") == 400


async def test_killed_in_the_middle_it_goes_on_where_it_was(world: LoyaltyWorld, tmp_path: Path):
    """A real process is killed in the middle of a job; another one ends it: no code is lost, none is there twice."""
    campaign_id = await campaign(world.service)
    job_id = await job(world.service, campaign_id, 5_000)
    (secret,) = world.service.vault._configured
    worker = subprocess.Popen(
        [
            sys.executable,
            "-c",
            WORKER,
            world.db.engine.url.render_as_string(hide_password=False),
            secret.hex(),
            str(job_id),
        ],
        stdout=subprocess.PIPE,
    )
    assert worker.stdout is not None
    try:
        for _ in range(3):
            assert await asyncio.to_thread(worker.stdout.readline)
    finally:
        worker.kill()
    assert await asyncio.to_thread(worker.wait) == -signal.SIGKILL
    worker.stdout.close()

    said = await world.service.code_jobs.get(job_id)
    assert 0 < said.made < 5_000, "the process was not killed in the middle"
    with pytest.raises(JobNotDone):
        await downloaded(world.service, job_id)

    await world.service.code_jobs.run()

    made = await downloaded(world.service, job_id)
    assert len(made) == len(set(made)) == 5_000
    assert await world.value("SELECT count(*) FROM codes") == 5_000
    async with world.db.read() as tx:
        assert (await world.service.vouchers.find(tx, made)).unknown == ()


WORKER = """
import asyncio, sys
from datetime import datetime, UTC
from uuid import UUID
from services.loyalty.vouchers.service import Generation, Vault, generation
from shared.clock import SystemClock
from shared.db.engine import Database, make_engine
from shared.delivery.outbox import OutboxWriter

generation.BATCH = 100

async def main(url, secret, job):
    db = Database(make_engine(url, schema="loyalty"), schema="loyalty", outbox=OutboxWriter())
    jobs = Generation(db, SystemClock(), Vault([bytes.fromhex(secret)]))
    await jobs.make(UUID(job), moved=lambda count: print(count, flush=True))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_code_that_is_there_already_is_drawn_again(
    world: LoyaltyWorld, small_batches: int, monkeypatch: pytest.MonkeyPatch
):
    campaign_id = await campaign(world.service)
    await codes(world.service, campaign_id, 40)
    drawn, draws = rules.make(40, 12, os.urandom), [0]
    honest = rules.make

    def unlucky(count: int, length: int, random: object) -> list[str]:
        draws[0] += 1
        return drawn[:count] if draws[0] < 3 else honest(count, length, os.urandom)

    monkeypatch.setattr(rules, "make", unlucky)
    made = await codes(world.service, campaign_id, 80)

    assert draws[0] == 3
    assert len(set(made)) == 80
    assert await world.value("SELECT count(*) FROM codes") == 120


async def test_no_secret_code_stands_anywhere_in_clear(world: LoyaltyWorld, caplog: pytest.LogCaptureFixture):

    caplog.set_level(logging.DEBUG)
    service = world.service
    one, other = await campaign(service, coding={"prefix": "TET26"}), await campaign(service, codes="shared")
    secrets = await codes(service, one, 50)
    secrets += ["MINT-2025-XQ7J", "old_9fK2"]
    await imported(service, one, *({"code": each} for each in secrets[-2:]))
    idem = Idempotent("crm:assign", b"x" * 32)
    said = await service.assignments.request(
        one, user_key("lan"), AssignIn(customer="user_id:lan"), by="crm", idem=idem
    )
    secrets.append(said.body.split(b'"code":"')[1].split(b'"')[0].decode())
    await shared(service, other, "SUMMER20")
    for each in secrets[::10]:
        assert await service.codes.look_up(each) is not None

    stored = await everything_stored(world)

    assert "SUMMER20" in stored, "the copy does not show what is stored"
    assert "tam.loyalty.voucher_issued.v1" in stored, "the copy has no events in it"
    for text in (stored, caplog.text):
        for secret in secrets:
            assert secret not in text
            assert rules.canonical(secret) not in rules.canonical(text)


async def test_codes_are_had_for_a_day_and_gone_when_they_were_taken(world: LoyaltyWorld):
    service, campaign_id = world.service, await campaign(world.service)
    taken, forgotten = await job(service, campaign_id, 10), await job(service, campaign_id, 10)
    await service.code_jobs.run()

    first = await downloaded(service, taken)
    assert await downloaded(service, taken) == first
    assert (await service.code_jobs.get(taken)).downloads == 2
    assert await violations(world) == {}
    await service.code_jobs.forget(taken)
    world.clock.forward(hours=24)
    await service.code_jobs.forget_old()

    for each in (taken, forgotten):
        with pytest.raises(CodesGone):
            await downloaded(service, each)
        assert not (await service.code_jobs.get(each)).are_codes_kept
    assert await world.value("SELECT count(*) FROM code_batches") == 0
    assert await world.value("SELECT count(*) FROM code_jobs WHERE sealed_key IS NOT NULL") == 0
    async with world.db.read() as tx:
        assert (await service.vouchers.find(tx, first)).unknown == ()


async def test_what_is_kept_of_a_job_is_worth_nothing_without_the_pepper(world: LoyaltyWorld):
    service, campaign_id = world.service, await campaign(world.service)
    job_id = await job(service, campaign_id, 10)
    await service.code_jobs.run()
    thief = Vault()
    # Not even whoever leaves the look at the database's own list of peppers out.
    thief._peppers = Peppers([os.urandom(32)])

    with pytest.raises(CodesGone):
        await generation.Generation(world.db, world.clock, thief).download(job_id)
    async with world.db.read() as tx:
        made = await downloaded(service, job_id)
        assert (await Vouchers(thief).find(tx, made)).vouchers == {}


async def test_after_a_rotation_old_codes_are_found_and_new_ones_are_under_the_new_pepper(world: LoyaltyWorld):

    service, campaign_id = world.service, await campaign(world.service)
    old = await codes(service, campaign_id, 5)
    rotated = replace(service, vault=Vault([os.urandom(32), *service.vault._configured]))
    new = await codes(rotated, campaign_id, 5)

    async with world.db.read() as tx:
        assert (await rotated.vouchers.find(tx, old + new)).unknown == ()
    assert await world.value("SELECT count(DISTINCT kid) FROM codes") == 2
    with pytest.raises(CodeTaken):
        await shared(rotated, await campaign(rotated, codes="shared"), old[0])


async def test_a_job_whose_pepper_was_taken_away_holds_up_no_other(world: LoyaltyWorld):
    service, campaign_id = world.service, await campaign(world.service)
    lost = await job(service, campaign_id, 10)
    # As an operator would who gives an old pepper up for good.
    async with world.db.write() as tx:
        await tx.execute("DELETE FROM peppers")
    others = replace(service, vault=Vault([os.urandom(32)]))
    good = await job(others, campaign_id, 10)

    await others.code_jobs.run()

    assert (await others.code_jobs.get(lost)).state == "cancelled"
    assert len(await downloaded(others, good)) == 10


async def test_a_process_with_another_pepper_says_so_instead_of_finding_nothing(world: LoyaltyWorld):

    made = await codes(world.service, await campaign(world.service), 1)
    stranger = replace(world.service, vault=Vault([os.urandom(32)]))

    with pytest.raises(PepperMissing) as refused:
        async with world.db.read() as tx:
            await stranger.vouchers.find(tx, made)

    assert refused.value.data["kids"] == [await world.value("SELECT kid FROM peppers")]


async def test_a_pepper_is_made_once_for_all_processes_of_a_folder(world: LoyaltyWorld, tmp_path: Path):
    file = tmp_path / "data" / "pepper"
    async with world.db.read() as tx:
        first, *others = [(await vault.peppers(tx)).current for vault in (Vault((), file) for _ in range(3))]

    assert others == [first, first]
    assert file.stat().st_mode & 0o077 == 0
    assert [each.name for each in file.parent.iterdir()] == ["pepper"]


async def test_on_several_machines_no_process_makes_a_pepper_of_its_own(world: LoyaltyWorld):
    scaled = PlatformSettings(kafka_bootstrap_servers="127.0.0.1:9092")
    service = replace(world.service, vault=Vault((), pepper_file(scaled)))
    campaign_id = await campaign(service)

    with pytest.raises(PepperMissing, match="TAM_LOYALTY_CODE_PEPPERS"):
        await job(service, campaign_id, 1)
    assert await world.value("SELECT count(*) FROM code_jobs") == 0


async def test_what_cannot_be_made_is_refused_at_once(world: LoyaltyWorld):
    service = world.service
    plain = await campaign(service, coding={"length": 8})
    cards = await campaign(service, terms={"benefit": {"type": "stored_value"}})
    for campaign_id, said, refusal in (
        (plain, {"wanted": 1_100_000}, TooManyCodes),
        (plain, {"wanted": 1, "value_minor": 5}, ValueNeeded),
        (cards, {"wanted": 1}, ValueNeeded),
        (plain, {"wanted": 1, "expires_on": "2026-11-21"}, AlreadyOver),
        (await campaign(service, codes="shared"), {"wanted": 1}, WrongKindOfCodes),
        (await campaign(service, state="ended"), {"wanted": 1}, WrongState),
    ):
        with pytest.raises(refusal):
            await job(service, campaign_id, **said)
    assert await world.value("SELECT count(*) FROM code_jobs") == 0


async def test_jobs_together_leave_room_among_all_possible_codes(world: LoyaltyWorld):
    campaign_id = await campaign(world.service, coding={"length": 8})
    await job(world.service, campaign_id, 1_000_000)

    with pytest.raises(TooManyCodes):
        await job(world.service, campaign_id, 100_000)


async def test_a_job_can_be_stopped_and_what_it_made_stays(world: LoyaltyWorld, small_batches: int):
    service, campaign_id = world.service, await campaign(world.service)
    job_id = await job(service, campaign_id, 100)
    await service.code_jobs._batch(job_id, generation._Ahead())

    said = await service.code_jobs.cancel(job_id)
    await service.code_jobs.run()

    assert (said.state, said.made) == ("cancelled", 40)
    assert len(await downloaded(service, job_id)) == 40
    with pytest.raises(WrongState):
        done = await job(service, campaign_id, 1)
        await service.code_jobs.make(done)
        await service.code_jobs.cancel(done)


async def test_gift_cards_have_longer_codes_and_their_value(world: LoyaltyWorld):
    service = world.service
    campaign_id = await campaign(service, terms={"benefit": {"type": "stored_value"}})
    made = await codes(service, campaign_id, 3, value_minor=500_000)

    async with world.db.read() as tx:
        found = (await service.vouchers.find(tx, made)).vouchers
    assert {len(rules.canonical(each)) for each in made} == {17}
    assert {(each.balance_minor, each.max_uses) for each in found.values()} == {(500_000, None)}


async def test_codes_of_another_system_are_taken_over_once(world: LoyaltyWorld):
    service = world.service
    campaign_id = await campaign(service)
    await shared(service, await campaign(service, codes="shared"), "HELLO")

    said = await imported(
        service, campaign_id,
        {"code": "MINT-2025-XQ7J", "expires_on": "2027-01-31", "max_uses": 3}, {"code": "mint2025xq7j"}, {"code": "x"},
        {"code": "he110"}, {"code": "ABCDEF", "value_minor": 5}, {"code": "ABCDEG", "max_uses": 0},
        {"code": "ABCDEH", "expires_on": "2026-11-21"}, {"code": "Tết-Nguyên-Đán"},
    )  # fmt: skip

    assert said == {
        "is_dry_run": False,
        "imported": 2,
        "refused": [
            {"position": 1, "reason": "duplicate"},
            {"position": 2, "reason": "bad_code"},
            {"position": 3, "reason": "taken"},
            {"position": 4, "reason": "no_value"},
            {"position": 5, "reason": "bad_limit"},
            {"position": 6, "reason": "expired"},
        ],
    }
    assert (await imported(service, campaign_id, {"code": "mint 2025 xq7j"}))["refused"] == [
        {"position": 0, "reason": "taken"}
    ]
    first, tet = await service.codes.look_up("Mint 2025 XQ7J"), await service.codes.look_up("tết nguyên đán")
    assert first is not None
    assert tet is not None
    assert (first.max_uses, first.expires_at) == (3, world.clock.now() + timedelta(days=70, hours=8))


async def test_a_frozen_voucher_thaws_and_a_void_one_does_not(world: LoyaltyWorld):

    service = world.service
    (code,) = await codes(service, await campaign(service), 1)
    found = await service.codes.look_up(code)
    assert found is not None
    for state, trouble in (("frozen", "code_frozen"), ("active", None), ("voided", "code_voided")):
        await service.codes.set_state(found.id, CodeStateIn.model_validate({"state": state}), idem=None)
        assert (await service.codes.get(found.id)).trouble == trouble
    with pytest.raises(WrongState):
        await service.codes.set_state(found.id, CodeStateIn(state="active"), idem=None)


async def test_money_is_put_on_gift_cards_alone(world: LoyaltyWorld):

    service = world.service
    (card,) = await codes(
        service, await campaign(service, terms={"benefit": {"type": "stored_value"}}), 1, value_minor=5
    )
    (plain,) = await codes(service, await campaign(service), 1)
    ids: list[UUID] = []
    for each in (card, plain):
        found = await service.codes.look_up(each)
        assert found is not None
        ids.append(found.id)

    await asyncio.gather(
        *(service.codes.top_up(ids[0], TopUpIn(amount_minor=7), by="test", idem=None) for _ in range(8))
    )

    assert (await service.codes.get(ids[0])).value_minor == 61
    with pytest.raises(ValueNeeded):
        await service.codes.top_up(ids[1], TopUpIn(amount_minor=7), by="test", idem=None)


@pytest.mark.parametrize(
    ("broken", "names"),
    [
        ("UPDATE codes SET holder = gen_random_uuid() WHERE holder IS NOT NULL", ["voucher_assignment_is_its_code"]),
        ("UPDATE code_jobs SET made = 1", ["voucher_job_is_done_or_waits"]),
        ("UPDATE code_jobs SET sealed_key = NULL", ["voucher_job_is_done_or_waits"]),
        ("UPDATE campaigns SET max_uses = 5", ["voucher_campaign_has_its_version"]),
    ],
)
async def test_the_invariants_of_codes_hold_and_are_seen_when_they_do_not(
    world: LoyaltyWorld, broken: str, names: list[str]
):
    campaign_id = await campaign(world.service)
    await codes(world.service, campaign_id, 3)
    async with world.db.write() as tx:
        await world.service.assignments.assign(tx, Assign(campaign_id, user_key("lan"), "k"))
    assert await violations(world) == {}

    async with world.db.write() as tx:
        await tx.execute(broken)

    assert list(await violations(world)) == names
