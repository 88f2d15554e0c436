"""`kill -9` while answers come in: each invitation has one response, each anonymous one was counted once, and the file
that is taken out in the end has them all.
"""

import asyncio
import base64
import csv
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from installation import Installation, installed, until

from shared.testing.platform import PlatformProcess
from shared.testing.zygote import Zygote

pytestmark = pytest.mark.long

KILLS, CLIENTS, PEOPLE = 2, 8, 80
KEY = base64.b64encode(bytes(range(32))).decode()
INVITE = """
    INSERT INTO invitations (id, survey_id, version, person, channel, locale, weight, wave, created_at, expires_at,
        is_anonymous)
    SELECT md5(:survey || n)::uuid, CAST(:survey AS uuid), 1, md5('p' || n)::uuid, 'email', 'vi', 1, 1, now(),
        now() + interval '9 days', :is_anonymous FROM generate_series(1, :people) AS n RETURNING id
"""


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, seed: int, zygote: Zygote) -> AsyncIterator[Installation]:
    async with installed(database_url, tmp_path, seed, zygote, TAM_SURVEYS_LINK_KEYS=KEY) as made:
        yield made


@dataclass
class People:
    """Clients that insist: each sends its answer again until it knows."""

    shop: Installation
    process: PlatformProcess
    answered: int = 0
    broken: int = 0
    said: dict[UUID, int] = field(default_factory=dict)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers={"Authorization": f"Bearer {self.shop.secret_key}"}, timeout=10)

    async def post(self, http: httpx.AsyncClient, path: str, body: Any) -> httpx.Response:
        while True:
            try:
                answer = await http.post(f"{self.process.base_url}{path}", json=body)
            except httpx.TransportError:
                self.broken += 1
                await asyncio.sleep(0.05)
                continue
            if answer.status_code != 503:
                return answer
            await asyncio.sleep(0.05)

    async def publish(self, *, is_anonymous: bool) -> tuple[str, list[UUID]]:
        """A survey, and whom it asks."""
        async with self.client() as http:
            made = await self.post(http, "/v1/surveys", {"library": "relationship_nps"})
            survey = f"/v1/surveys/{made.json()['id']}"
            if is_anonymous:
                document = {**made.json()["draft"], "is_anonymous": True, "edit_window_seconds": 0}
                answer = await http.put(f"{self.process.base_url}{survey}", json=document)
                assert answer.status_code == 200, answer.text
            done = await self.post(http, f"{survey}/publish", {"note": ""})
            assert done.status_code == 200, done.text
        values = {"survey": made.json()["id"], "people": PEOPLE, "is_anonymous": is_anonymous}
        async with self.shop.database("surveys").write() as tx:
            return made.json()["id"], [row.id for row in await tx.execute(INVITE, values)]

    async def run(self, invitations: list[UUID], chance: random.Random) -> None:
        """Answer for one after the other; somebody else may answer for the same at the same time."""
        async with self.client() as http:
            for invitation in invitations:
                score = self.said.setdefault(invitation, chance.randrange(11))
                body = {"invitation_id": str(invitation), "answers": {"nps": {"score": score}}}
                answer = await self.post(http, "/v1/responses", body)
                assert answer.status_code in (200, 201), answer.text
                self.answered += 1


async def test_killed_while_people_answer(shop: Installation, seed: int, tmp_path: Path):
    process = shop.process(role="api")
    await process.start()
    people = People(shop, process)
    named, asked = await people.publish(is_anonymous=False)
    anonymous, secretly = await people.publish(is_anonymous=True)
    everybody = [*asked, *secretly]
    random.Random(seed).shuffle(everybody)
    async with asyncio.TaskGroup() as group:
        for client in range(CLIENTS):
            # Everybody is answered for twice, by two clients at nearly the same time.
            share = everybody[client // 2 :: CLIENTS // 2]
            group.create_task(people.run(share, random.Random(seed + client)))
        for _ in range(KILLS):
            answered = people.answered
            await until(lambda answered=answered: _more(people, answered + PEOPLE // 2), "people go on")
            process.kill()
            await process.start()

    print(f"{KILLS} kills, {people.broken} requests without an answer, {people.answered} answered")
    assert people.broken > 0, "no kill hit anything"
    rows = await shop.rows("surveys", "SELECT invitation_id, score, revision FROM responses WHERE NOT is_anonymous")
    assert {row.invitation_id: (row.score, row.revision) for row in rows} == {
        each: (people.said[each], 1) for each in asked
    }
    counted = "SELECT (SELECT count(*) FROM ballots) + (SELECT count(*) FROM responses WHERE is_anonymous) AS n"
    assert (await shop.rows("surveys", counted))[0].n == PEOPLE
    assert (await shop.rows("surveys", "SELECT count(*) AS n FROM ballot_stubs"))[0].n == PEOPLE
    totals = await shop.rows("surveys", "SELECT survey_id, sum(answers) AS n FROM survey_completes GROUP BY 1")
    assert {str(row.survey_id): row.n for row in totals} == {named: PEOPLE, anonymous: PEOPLE}

    file = tmp_path / "responses.csv"
    here = ("--url", process.base_url, "--key", shop.secret_key)
    said = await shop.command("export", "responses", named, str(file), "--ids", *here)
    assert f"{PEOPLE} responses" in said
    with file.open(encoding="utf-8-sig", newline="") as lines:
        taken = {UUID(row["invitation_id"]): int(row["nps"]) for row in csv.DictReader(lines)}
    assert taken == {each: people.said[each] for each in asked}


async def _more(people: People, number: int) -> bool:
    return people.answered >= number
