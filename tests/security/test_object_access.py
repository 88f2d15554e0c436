"""Broken object level authorisation: what is somebody's is theirs alone, whoever names it."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from security_world import EMAIL, NAME, PHONE, House, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(pg_url: str, template: str) -> AsyncIterator[House]:
    async with open_house(pg_url, template) as opened:
        yield opened


async def answers(house: House) -> list[Any]:
    """Whose invitations have been answered."""
    found = (await house.crm.get("/v1/responses")).json()["items"]
    return [each["invitation_id"] for each in found]


def fields(page: str) -> dict[str, str]:
    """The hidden fields of a page's form."""
    hidden = [each for each in re.findall(r"<input ([^>]*)>", page) if 'type="hidden"' in each]
    return {_of(each, "name"): _of(each, "value") for each in hidden}


def _of(tag: str, attribute: str) -> str:
    found = re.search(rf'\b{attribute}="([^"]*)"', tag)
    return found[1] if found else ""


async def test_a_link_opens_the_invitation_it_was_signed_for_and_no_other(house: House):
    """The form of one link, sent to another's: the page key of the first does not hold for the second."""
    async with house.client() as browser:
        page = (await browser.get(f"/s/{house.link(0)}")).text
        form = {**fields(page), "a:nps": "3"}
        assert form["nonce"]
        stolen = await browser.post(f"/s/{house.link(1)}", data=form, headers=FORM)
        assert stolen.status_code in (403, 404, 422)
        assert await answers(house) == []
        own = await browser.post(f"/s/{house.link(0)}", data=form, headers=FORM)
        assert own.status_code == 303

    assert await answers(house) == [str(house.invitations[0])]


async def test_a_link_with_any_letter_changed_opens_nothing(house: House):
    """The id of another invitation cannot be put into a link, nor anything else."""
    link = house.link(0)
    async with house.client() as browser:
        for place in range(len(link)):
            other = "A" if link[place] != "A" else "B"
            assert (await browser.get(f"/s/{link[:place]}{other}{link[place + 1 :]}")).status_code == 404, place


async def test_a_link_is_no_key_and_a_key_no_link(house: House):
    async with house.client(house.link(0)) as browser:
        for path in ("/v1/customers", f"/v1/invitations/{house.invitations[0]}", "/v1/responses"):
            assert (await browser.get(path)).status_code == 401
        assert (await browser.get(f"/s/{house.running.write_key}")).status_code == 404
        assert (await browser.get(f"/s/{house.invitations[1]}")).status_code == 404


async def test_a_page_says_nothing_of_who_was_asked(house: House):
    """A link that was passed on tells its new owner nothing of the old one."""
    async with house.client() as browser:
        page = await browser.get(f"/s/{house.link(0)}")

    for secret in (NAME, EMAIL, PHONE, PHONE[3:], str(house.invitations[0]), "user_id", "Lan"):
        assert secret not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "frame-ancestors" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] in ("no-referrer", "same-origin", "strict-origin")


async def test_a_write_key_speaks_for_its_source_alone(house: House):
    """Whatever the body says, the event is its key's source's; another source's event of the same id stays."""
    mine, theirs = await house.write_key("mine"), await house.write_key("theirs")
    event = {"type": "track", "messageId": "same", "userId": "lan", "event": "Product Viewed"}
    async with house.client(theirs) as victim, house.client(mine) as attacker:
        assert (await victim.post("/v1/batch", json={"batch": [event]})).json()["accepted"] == 1
        forged = {**event, "source": "theirs", "properties": {"name": "forged"}}
        said = await attacker.post("/v1/batch", json={"batch": [forged], "source": "theirs"})
        assert (said.status_code, said.json()["accepted"]) == (200, 1)
    await house.running.settled()

    found = (await house.crm.get("/v1/customers/user_id:lan/touchpoints")).json()["items"]
    seen = {each["source"]: each for each in found if each["source"] in ("mine", "theirs")}
    assert sorted(seen) == ["mine", "theirs"]
    assert "forged" not in str(seen["theirs"])


async def test_the_key_in_the_header_is_the_caller_and_none_in_the_body_changes_it(house: House):
    """A write key in the body does not speak for the secret key in the header, nor lend it what it may not do."""
    theirs = await house.write_key("lender")
    event = {"type": "track", "messageId": "lent", "userId": "lan", "event": "Product Viewed"}
    async with house.client(await house.key("profiles:read")) as reader:
        said = await reader.post("/v1/batch", json={"batch": [event], "writeKey": theirs})
    assert (said.status_code, said.json()["code"]) == (403, "missing_scope")


async def test_a_write_key_is_not_shown_what_it_wrote(house: House):
    """It reads nothing back: neither its own events, nor whether a customer is known."""
    async with house.client(await house.write_key("curious")) as shop:
        for path in (
            "/v1/customers/user_id:lan/touchpoints",
            "/v1/customers/user_id:lan",
            "/v1/touchpoints/quarantine",
        ):
            assert (await shop.get(path)).status_code == 403
        known, unknown = [
            (await shop.post("/v1/identify", json={"userId": who, "messageId": f"q-{who}"})).content
            for who in ("lan", "nobody-ever")
        ]
    assert known == unknown


async def test_another_keys_idempotency_key_answers_nothing(house: House):
    """Who repeats somebody else's Idempotency-Key gets no answer of theirs."""
    headers = {"Idempotency-Key": "shared-word"}
    keys = [await house.key("profiles:write", f"{extra}:read") for extra in ("profiles", "consent")]
    said = []
    for number, key in enumerate(keys):
        async with house.client(key) as crm:
            made = await crm.post("/v1/customers", json={"user_id": f"idem-{number}"}, headers=headers)
            said.append(made.json())
    assert said[0] != said[1]


async def test_a_sensitive_trait_needs_the_scope_for_it(house: House):
    """With `profiles:read` alone the customer is shown without what was declared sensitive."""
    declared = await house.crm.put("/v1/trait-schema/salary", json={"type": "number", "sensitive": True})
    assert declared.status_code < 300, declared.text
    written = await house.crm.patch("/v1/customers/user_id:lan/traits", json={"traits": {"salary": 123_456_789}})
    assert written.status_code < 300, written.text

    async with house.client(await house.key("profiles:read")) as reader:
        seen = (await reader.get("/v1/customers/user_id:lan")).text
        assert "123456789" not in seen
        assert NAME in seen
    async with house.client(await house.key("profiles:read", "profiles:sensitive")) as trusted:
        assert "123456789" in (await trusted.get("/v1/customers/user_id:lan/traits")).text
