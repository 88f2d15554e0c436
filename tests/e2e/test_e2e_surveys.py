"""From a delivery to a customer who was lost and came back: through all services, over HTTP, with the clock of a test.

An order is delivered, the customer is asked three days later, answers on the hosted page without a script, is unhappy,
gets a case with an owner who calls and closes it, buys again, is asked again, and is happy. Then they ask what is kept
of them, and are erased.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio

from services.registry import SERVICES
from shared.testing.platform import Running, running_platform
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

LAN = "user_id:chi-lan-4471"
WORDS = "Shipper quát mẹ tôi <script>alert('Lan')</script>, tôi ở 17 Ngõ Tạm Thương"
SURVEY: dict[str, Any] = {
    "name": "Sau giao hàng",
    "purpose": "customers",
    "default_locale": "vi",
    "locales": ["vi", "en"],
    "title": {"vi": "Đơn hàng của bạn", "en": "Your order"},
    "thanks": {"vi": "Cảm ơn bạn", "en": "Thank you"},
    "metric": "nps",
    "touchpoint": "delivery",
    "stage": "receive",
    "edit_window_seconds": 3_600,
    "questions": [
        {
            "id": "nps",
            "kind": "nps",
            "text": {"vi": "Bạn có giới thiệu chúng tôi không?", "en": "Would you recommend us?"},
            "is_required": True,
        },
        {"id": "comment", "kind": "text", "text": {"vi": "Vì sao?", "en": "Why?"}, "max_length": 2_000},
    ],
}
ASKING: dict[str, Any] = {
    "version": 0,
    "channel": "link",
    "consent": None,
    "triggers": [{"id": "delivered", "call": "track", "name": "Order Delivered", "delay": {"days": 3, "at": "10:00"}}],
}


class HandClock:
    """Stands where it is put."""

    def __init__(self) -> None:
        # A Monday morning in Vietnam.
        self.at = datetime(2026, 11, 30, 2, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


class Journey:
    """A shop, its CRM, and a customer with a browser that runs no script."""

    def __init__(self, running: Running, clock: HandClock) -> None:
        self.running = running
        self.clock = clock
        transport = httpx.ASGITransport(app=running.platform.app, client=("203.0.113.7", 4711))
        self.browser = httpx.AsyncClient(transport=transport, base_url="http://tam.test", follow_redirects=True)

    async def say(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask as a CRM does, which must succeed."""
        answer = await self.running.crm.request(method, f"/v1/{path}", json=body, headers=headers)
        assert answer.is_success, (path, answer.text)
        return answer.json()

    async def get(self, path: str, **params: Any) -> Any:
        """Read, which must succeed."""
        answer = await self.running.crm.get(f"/v1/{path}", params=params)
        assert answer.is_success, (path, answer.text)
        return answer.json()

    async def happened(self, event: str, **properties: Any) -> None:
        """The shop says so, and everything that follows has followed."""
        call = {
            "type": "track",
            "event": event,
            "userId": LAN.removeprefix("user_id:"),
            "timestamp": self.clock.at.isoformat(),
            "properties": properties,
        }
        answer = await self.running.shop.post("/v1/batch", json={"batch": [call]})
        assert answer.json()["accepted"] == 1, answer.text
        await self.running.settled()

    async def later(self, **by: float) -> None:
        """Time passes, and whoever has become due is asked."""
        self.clock.at += timedelta(**by)
        await self.running.platform.value("surveys").deciding.run()
        await self.running.settled()

    async def asked(self) -> list[dict[str, Any]]:
        """What was decided about her, the latest first."""
        return list((await self.get("decisions", customer=LAN))["items"])

    async def answers(self, invitation: str, score: int, words: str | None = None) -> str:
        """She follows her link and fills in what she sees; the last page."""
        links = await self.get(f"invitations/{invitation}/links")
        page = await self.browser.get(links["page"])
        assert page.status_code == 200, page.text
        said = {"nps": ("a:nps", str(score)), "comment": ("t:comment", words or "")}
        while shown := re.findall(r'name="shown" value="([^"]+)"', page.text):
            page = await self.sent(page.text, dict(said.pop(question) for question in shown))
        await self.running.settled()
        return page.text

    async def sent(self, html: str, filled: dict[str, str]) -> httpx.Response:
        """Press the button of a form as a browser does."""
        form = re.search(r'<form id="f" method="post" action="([^"]+)"(.*?)</form>', html, re.S)
        assert form is not None, html
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[2])
        fields = [(unescape(name), unescape(value)) for name, value in hidden] + list(filled.items())
        answer = await self.browser.post(
            f"/s/{unescape(form[1])}",
            content=urlencode(fields),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code == 200, answer.text
        return answer

    async def nps(self) -> tuple[float | None, int]:
        """The figure of deliveries, and from how many answers."""
        total = (await self.get("metrics/nps", touchpoint="delivery"))["total"]
        return total["value"], total["n"]

    async def suggested(self) -> list[str]:
        """What a person of the firm should do for her next."""
        return [each["code"] for each in (await self.get(f"customers/{LAN}/next-best-actions"))["actions"]]

    async def points(self) -> int:
        """What she can spend."""
        wallets = (await self.get(f"loyalty/members/{LAN}"))["wallets"]
        return sum(each["available"] for each in wallets)

    async def right(self, kind: str) -> dict[str, Any]:
        """She asks something of her data, and gets it."""
        body = {"kind": kind, "verified_by": "account_login"}
        case = await self.say("POST", f"customers/{LAN}/rights", body)
        deadline = monotonic() + 30
        while case["state"] != "done":
            assert monotonic() < deadline, case
            await asyncio.sleep(0.1)
            case = await self.get(f"rights/{case['id']}")
        return dict(case)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def journey(pg_url: str) -> AsyncIterator[Journey]:
    clock = HandClock()
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("TAM_SURVEYS_PUBLIC_URL", "http://tam.test")
        async with (
            fresh_database(pg_url) as url,
            running_platform(url, SERVICES, clock=clock) as running,
        ):
            yield Journey(running, clock)


async def a_firm(journey: Journey) -> str:
    """A firm that asks after each delivery, answers for the unhappy, and thanks with points; its survey."""
    rules = {"version": 0, "budget": [{"limit": 2, "window_days": 30}], "quiet": None}
    await journey.say("PUT", "contact-rules", rules)
    survey = (await journey.say("POST", "surveys", SURVEY))["id"]
    await journey.say("POST", f"surveys/{survey}/publish", {"note": ""})
    await journey.say("PUT", f"surveys/{survey}/asking", ASKING)
    await journey.say("PUT", "case-agents/linh", {"unit": None})
    await journey.say("PUT", "case-teams/hotline", {"members": ["linh"], "lead": "linh"})
    await journey.say("PUT", "case-root-causes/late_delivery", {"labels": {"vi": "Giao trễ", "en": "Late delivery"}})
    thanks = {"trigger": {"on": "survey", "survey": survey}, "effect": {"kind": "fixed", "points": 50}}
    await journey.say("POST", "loyalty/earning/rules", {"name": "Cảm ơn", "state": "active", "rule": thanks})
    return str(survey)


async def test_a_lost_customer_comes_back(journey: Journey):
    survey = await a_firm(journey)

    # Asked three days after the delivery, at ten in the morning where she is, and not before.
    await journey.happened("Order Delivered", order_id="o-1")
    await journey.later(days=2)
    assert [each["reason"] for each in await journey.asked()] == [None]
    await journey.later(days=1, hours=2)
    (decision,) = await journey.asked()
    assert (decision["reason"], decision["survey_id"]) == ("asked", survey)

    # She answers on the page; what she wrote is text wherever it is shown.
    thanks = await journey.answers(decision["invitation_id"], 2, WORDS)
    assert "Cảm ơn bạn" in thanks
    assert "<script>alert" not in thanks
    (response,) = (await journey.get("responses", customer=LAN))["items"]
    assert (response["state"], response["score"], response["verification"]) == ("complete", 2, "confirmed")
    assert response["answers"]["comment"]["text"] == WORDS

    # Somebody answers for her, and whoever talks to her knows.
    (case,) = (await journey.get("cases", customer=LAN))["items"]
    assert case["status"] == "open"
    assert await journey.nps() == (-100.0, 1)
    assert (await journey.suggested())[0] == "complaint_open"
    assert await journey.points() == 50
    computed = await journey.get(f"customers/{LAN}/computed")
    assert (computed["nps"]["score"], computed["nps"]["band"]) == (2, "detractor")
    assert [each["case_id"] for each in computed["open_cases"]] == [case["id"]]

    # While it is open nobody bothers her with another survey.
    await journey.happened("Order Delivered", order_id="o-2")
    await journey.later(days=3)
    assert (await journey.asked())[0]["reason"] == "open_case"

    await journey.say("POST", f"cases/{case['id']}/assignment", {"owner": "linh", "reason": "Quen khách"})
    await journey.say("POST", f"cases/{case['id']}/contacts", {"channel": "phone", "note": f"Chị Lan: {WORDS}"})
    await journey.say("POST", f"cases/{case['id']}/status", {"status": "resolved"})
    closing = {"outcome": "solved", "root_cause": "late_delivery", "action": "Hoàn tiền, xin lỗi"}
    closed = await journey.say("POST", f"cases/{case['id']}/close", closing)
    await journey.running.settled()
    assert (closed["status"], closed["owner"]) == ("closed", "linh")
    assert "complaint_open" not in await journey.suggested()
    assert "detractor_without_contact" not in await journey.suggested()

    # She buys again, is asked again, and is happy now.
    await journey.happened("Order Delivered", order_id="o-3")
    await journey.later(days=3)
    again = (await journey.asked())[0]
    assert again["reason"] == "asked"
    await journey.answers(again["invitation_id"], 10)
    assert await journey.nps() == (100.0, 1)
    assert "promoter_referral" in await journey.suggested()
    assert await journey.points() == 100
    recovery = (await journey.get("case-figures"))["recovery"]
    assert (recovery["count"], recovery["n"]) == (1, 1)


async def test_she_is_told_all_that_is_kept_of_her_and_then_nothing_is_but_her_scores(journey: Journey):
    access = await journey.right("access")
    bundle = (await journey.get(f"rights/{access['id']}/bundle"))["services"]
    assert sorted(each["score"] for each in bundle["surveys"]["responses"]) == [2, 10]
    assert WORDS in str(bundle["surveys"])
    assert len(bundle["surveys"]["cases"]) == 1

    before = await journey.nps()
    erasure = await journey.right("erasure")

    receipt = (await journey.get(f"rights/{erasure['id']}/receipt"))["receipt"]
    assert "surveys: scores, choices and cases" in receipt
    async with journey.running.platform.units["surveys"].db.read() as tx:
        tables = await tx.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'surveys'")
        for (table,) in list(tables):
            found = await tx.execute(
                f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%quát%' OR t::text LIKE '%Tạm Thương%'"
            )
            assert found.scalar_one() == 0, table
    assert await journey.nps() == before
    assert (await journey.running.crm.get(f"/v1/customers/{LAN}")).status_code == 404
