"""Pages and the widget on one process and PostgreSQL, client included. About 40 seconds.

* First bytes: the page by a link that means a score (which notes the click), by a plain link, and by a forged one, at a
  steady rate; beside them `/healthz`, which touches nothing, at the same rate on the same server.
* Bytes: of each page, as it is and packed, and of the widget's script.
* Answers: whole forms, each of another invitation, on many connections; stored, synced, and announced.
"""

import asyncio
import gzip
import os
import re
import sys
from base64 import b64encode
from collections.abc import Callable
from hashlib import md5
from time import monotonic
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
from bench_answers import SURVEY
from load import Wire
from stand import Platform, durable_postgres, percentile, platform, store

from services.surveys.links.service import Links
from shared.clock import SystemClock

RATE = 80.0
SECONDS = 5.0
FORM_SECONDS = 8.0
CONNECTIONS = 48
INVITATIONS = 40_000
INVITE = """
    INSERT INTO surveys.invitations (id, survey_id, version, person, channel, locale, weight, wave, created_at,
        expires_at, is_anonymous)
    SELECT md5('i' || n)::uuid, $1, 1, md5('p' || n)::uuid, 'email', 'vi', 1, 1, now(), now() + interval '9 days', false
    FROM generate_series(0, $2 - 1) AS n
"""


def invitation(number: int) -> UUID:
    return UUID(md5(f"i{number}".encode(), usedforsecurity=False).hexdigest())


async def first_bytes(url: str, path: Callable[[int], str]) -> dict[str, float]:
    """Milliseconds to the first byte at a steady rate, whatever answers are still outstanding."""
    host, _, port = url.removeprefix("http://").partition(":")
    spans: list[float] = []

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        sent = monotonic()
        writer.write(f"GET {path(number)} HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n".encode())
        assert await reader.readexactly(1)
        spans.append((monotonic() - sent) * 1e3)
        await reader.read()
        writer.close()

    started = monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(int(RATE * SECONDS)):
            await asyncio.sleep(max(0.0, started + number / RATE - monotonic()))
            group.create_task(one(number))
    return {name: round(percentile(spans, share), 1) for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99))}


async def answers(url: str, links: Links) -> dict[str, float]:
    """Whole forms, as a page sends them."""
    clock, spans, numbers = SystemClock(), [], iter(range(INVITATIONS // 2, INVITATIONS))
    started = monotonic()

    async def lane() -> None:
        wire = Wire(url, "x\r\nContent-Type: application/x-www-form-urlencoded")
        for number in numbers:
            if monotonic() - started > FORM_SECONDS:
                return
            key = invitation(number)
            fields = [("nonce", links.keys.nonce(key, clock.now())), ("lang", "vi"), ("a:nps", "9")]
            fields += [("shown", each) for each in ("nps", "why", "comment")]
            fields += [("a:why", "quality"), ("t:comment", "Giao hàng nhanh, sẽ ủng hộ tiếp")]
            sent = monotonic()
            status, _ = await wire.request("POST", f"/s/{links.sign(key)}", urlencode(fields).encode())
            assert status == 303, status
            spans.append((monotonic() - sent) * 1e3)

    await asyncio.gather(*(lane() for _ in range(CONNECTIONS)))
    took = monotonic() - started
    return {
        "forms": len(spans),
        "per_second": round(len(spans) / took),
        "p50_ms": round(percentile(spans, 0.5), 1),
        "p99_ms": round(percentile(spans, 0.99), 1),
    }


async def sizes(running: Platform, links: Links) -> dict[str, int]:
    """Bytes, as they are and packed."""
    found: dict[str, int] = {}
    async with running.client() as client:
        for name, path in (
            ("page", f"/s/{links.sign(invitation(0), score=9, question_id='nps')}"),
            ("widget", "/s/widget.js"),
        ):
            body = (await client.get(path, headers={"accept-encoding": "identity"})).content
            found |= {f"{name}_bytes": len(body), f"{name}_gzip_bytes": len(gzip.compress(body))}
    return found


async def measured(running: Platform, links: Links, url: str) -> dict[str, Any]:
    async with running.client() as client:
        made = await client.post("/v1/surveys", json=SURVEY)
        survey = made.json()["id"]
        published = await client.post(f"/v1/surveys/{survey}/publish", json={"note": "bench"})
        assert published.is_success, published.text
    connection = await asyncpg.connect(re.sub(r"\+asyncpg", "", url))
    await connection.execute(INVITE, UUID(survey), INVITATIONS)
    await connection.close()
    figures: dict[str, Any] = {"sizes": await sizes(running, links)}
    figures["healthz"] = await first_bytes(running.base_url, lambda _: "/healthz")
    figures["page_of_a_score"] = await first_bytes(
        running.base_url, lambda n: f"/s/{links.sign(invitation(n), score=n % 11, question_id='nps')}"
    )
    figures["plain_page"] = await first_bytes(running.base_url, lambda n: f"/s/{links.sign(invitation(n))}")
    figures["forged"] = await first_bytes(running.base_url, lambda n: f"/s/{'A' * 50}{n}")
    before = running.spent()
    figures["answers"] = await answers(running.base_url, links)
    spent, forms = running.spent().since(before), figures["answers"]["forms"]
    figures["answers"] |= {
        "our_cpu_us_each": round(spent.ours * 1e6 / forms),
        "backend_cpu_us_each": round(spent.backend * 1e6 / forms),
    }
    return figures


async def main() -> None:
    secret = os.urandom(32)
    environ = {
        "TAM_SURVEYS_LINK_KEYS": b64encode(secret).decode(),
        "TAM_SURVEYS_VISITS_PER_MINUTE": "100000",
        "TAM_SURVEYS_ADDRESS_VISITS_PER_MINUTE": "1000000",
    }
    async with durable_postgres() as (url, postgres), platform(url, postgres, **environ) as running:
        figures = await measured(running, Links([secret]), url)
    for name, found in figures.items():
        print(name, found)
    if "--dry" not in sys.argv:
        store("pages", figures)


if __name__ == "__main__":
    asyncio.run(main())
