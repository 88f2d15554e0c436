"""How many answers a second are durable over HTTP, on two processes and on one, client included. About 50 seconds.

Each answer is another invitation's, with a score, a choice and a text that rules of themes read; then the same load
with answers that no invitation names, and the same answers sent again, which changes nothing. Beside them, on the same
server, the floor: one INSERT of such a row in a transaction of its own, straight on connections.
"""

import asyncio
import sys
from hashlib import md5
from itertools import count
from time import monotonic
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
from load import Wire
from stand import Platform, durable_postgres, platform, store

SECONDS = 5.0
# To each process.
CONNECTIONS = 64
# Two processes take answers to surveys; one core is one process's.
ROLES = ("api/surveys", "api")
INVITATIONS = 60_000
SQL_CONNECTIONS = 12
SURVEY = {
    "name": "Sau khi giao",
    "default_locale": "vi",
    "locales": ["vi"],
    "title": {"vi": "Ý kiến"},
    "thanks": {"vi": "Cảm ơn"},
    "metric": "nps",
    "questions": [
        {"id": "nps", "kind": "nps", "text": {"vi": "Bạn có giới thiệu không?"}, "is_required": True},
        {
            "id": "why",
            "kind": "single",
            "text": {"vi": "Vì sao?"},
            "options": [{"id": key, "label": {"vi": key}} for key in ("late", "price", "quality")],
        },
        {"id": "comment", "kind": "text", "text": {"vi": "Kể thêm"}},
    ],
}
RULES = {f"theme_{place}": {"any": [f"giao chậm {place}", f"đắt quá {place}", f"late {place}"]} for place in range(40)}
INVITE = """
    INSERT INTO surveys.invitations (id, survey_id, version, person, channel, locale, weight, wave, created_at,
        expires_at, is_anonymous)
    SELECT md5('i' || n)::uuid, $1, 1, md5('p' || n)::uuid, 'email', 'vi', 1, 1, now(), now() + interval '9 days', false
    FROM generate_series(0, $2 - 1) AS n
"""


def answers(number: int) -> dict[str, Any]:
    """What somebody says, mostly content."""
    return {
        "nps": {"score": 10 - number % 4},
        "why": {"chosen": ["quality"]},
        "comment": {"text": f"Giao hàng nhanh, nhân viên nhiệt tình, sẽ ủng hộ tiếp lần {number}"},
    }


async def client(urls: str, key: str, kind: str, survey: str, first: str) -> dict[str, float]:
    """Answers for `SECONDS`, each connection one after the other; how many, and how long each took."""
    # The same again: those of the first thousand, over and over.
    numbers = (each % 1_000 for each in count()) if kind == "again" else count(int(first))
    spans: list[float] = []
    started = monotonic()

    async def one(url: str) -> None:
        wire = Wire(url, f"Bearer {key}\r\nContent-Type: application/json")
        while monotonic() - started < SECONDS and (number := next(numbers)) < INVITATIONS:
            whose = {"survey_id": survey} if kind == "named by nobody" else {"invitation_id": _id(number)}
            sent = monotonic()
            status, answer = await wire.request(
                "POST", "/v1/responses", orjson.dumps({**whose, "answers": answers(number)})
            )
            spans.append((monotonic() - sent) * 1e3)
            assert status == (200 if kind == "again" else 201), answer

    await asyncio.gather(*(one(url) for url in urls.split() for _ in range(CONNECTIONS)))
    took = monotonic() - started
    spans.sort()
    return {
        "sent": len(spans),
        "per_second": round(len(spans) / took),
        "p50_ms": round(spans[len(spans) // 2], 1),
        "p99_ms": round(spans[int(len(spans) * 0.99)], 1),
    }


def _id(number: int) -> str:
    found = md5(f"i{number}".encode(), usedforsecurity=False).hexdigest()
    return f"{found[:8]}-{found[8:12]}-{found[12:16]}-{found[16:20]}-{found[20:]}"


async def measured(under_test: Platform, kind: str, survey: str, *, processes: int, first: int = 0) -> dict[str, Any]:
    """Run a client process that answers invitations from the `first` on; what it saw, and what it cost."""
    before = under_test.spent()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        " ".join([*under_test.urls.values()][:processes]),
        under_test.secret_key,
        kind,
        survey,
        str(first),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, "the client failed"
    found: dict[str, Any] = orjson.loads(out)
    spent = under_test.spent().since(before)
    return found | {
        "our_cpu_us": round(spent.ours / found["sent"] * 1e6),
        "backend_cpu_us": round(spent.backend / found["sent"] * 1e6),
    }


async def floor(url: str) -> dict[str, float]:
    """One row a transaction, nothing else."""
    async with asyncpg.create_pool(url, min_size=SQL_CONNECTIONS, max_size=SQL_CONNECTIONS) as pool:
        await pool.execute("CREATE SCHEMA naive; CREATE TABLE naive.answers (id uuid PRIMARY KEY, answers jsonb)")
        started, done = monotonic(), 0

        async def one() -> None:
            nonlocal done
            while monotonic() - started < SECONDS:
                await pool.execute(
                    "INSERT INTO naive.answers VALUES ($1, $2)", uuid4(), orjson.dumps(answers(done)).decode()
                )
                done += 1

        await asyncio.gather(*(one() for _ in range(SQL_CONNECTIONS)))
        return {"per_second": round(done / (monotonic() - started))}


async def publish(under_test: Platform, url: str) -> str:
    """A survey that everybody was invited to, and rules that read what they say; its id."""
    async with under_test.client() as http:
        made = (await http.post("/v1/surveys", json=SURVEY)).raise_for_status().json()["id"]
        (await http.post(f"/v1/surveys/{made}/publish", json={"note": ""})).raise_for_status()
        (await http.put("/v1/response-themes", json={"version": 0, "rules": RULES})).raise_for_status()
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        await pool.execute(INVITE, made, INVITATIONS)
        await pool.execute("ANALYZE surveys.invitations")
    return str(made)


async def main() -> None:
    """Measure answers to invitations, answers of nobody, and the same again."""
    figures: dict[str, Any] = {}
    async with durable_postgres() as (url, pid), platform(url, pid, ROLES) as under_test:
        survey = await publish(under_test, url)
        figures["invited, one process"] = await measured(under_test, "invited", survey, processes=1)
        answered = figures["invited, one process"]["sent"]
        figures["invited"] = await measured(under_test, "invited", survey, processes=2, first=answered)
        for kind in ("again", "named by nobody"):
            figures[kind] = await measured(under_test, kind, survey, processes=2)
        for each in figures.items():
            print(*each, file=sys.stderr)
        figures["one INSERT each, SQL alone"] = await floor(url)
        async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
            kept = await pool.fetchval("SELECT count(*) FROM surveys.responses")
        told = sum(figures[kind]["sent"] for kind in ("invited, one process", "invited", "named by nobody"))
        assert kept == told, (kept, told)
    store("answers", figures)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(orjson.dumps(asyncio.run(client(*sys.argv[1:]))).decode())
    else:
        asyncio.run(main())
