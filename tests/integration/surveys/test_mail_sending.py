"""Mail: what it says, whom it never reaches, and that whatever fails, nobody gets the same invitation twice."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio
from answers_world import RELATIONSHIP
from mail_world import MailWorld, mail_world

from services.surveys.mail.domain.outcomes import MOST_ATTEMPTS, Outcome
from services.surveys.mail.service.courier import Courier
from services.surveys.pages.service.clicks import TRAP
from services.surveys.settings import SurveysSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(pg_url: str) -> AsyncIterator[MailWorld]:
    async with mail_world(pg_url) as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_address_is_logged(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    said = capfd.readouterr()
    assert "@mail.vn" not in said.out + said.err


async def no_address_is_stored(world: MailWorld) -> None:
    """No table of surveys holds an address, nor does anything that it announced."""
    tables = [
        row.name
        for row in await world.surveys.rows(
            "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()"
        )
    ]
    for table in tables:
        found = await world.surveys.value(f"SELECT count(*) FROM {table} AS t WHERE CAST(t AS text) LIKE '%@mail.vn%'")
        assert found == 0, table


async def test_an_invitation_arrives_with_a_link_for_each_score(world: MailWorld):
    await world.customer("lan", "lan@mail.vn")
    invitation = await world.asked("lan")

    await world.sending.run(10)
    await world.sending.run(10)

    assert await world.fate(invitation) == ("accepted", None)
    assert await world.is_delivered(invitation)
    (mail,) = world.server.mails_to("lan@mail.vn")
    assert (mail["Subject"], mail["From"], mail["To"]) == (
        "Ý kiến của bạn",
        "Tâm <khao-sat@shop.example.vn>",
        "lan@mail.vn",
    )
    assert mail["Auto-Submitted"] == "auto-generated"
    assert str(invitation) in mail["Message-ID"]
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    for part in (plain.get_content(), html.get_content()):
        links = [world.surveys.service.links.read(each) for each in re.findall(r"vn/s/([\w-]+)", part)]
        assert {each.invitation_id for each in links} == {invitation}
        assert [each.score for each in links if each.question_id == "nps"] == list(range(11))
        assert any(each.score is None and each.question_id is None for each in links)
        assert "Bạn có giới thiệu chúng tôi không?" in part
    page = html.get_content()
    assert [each.question_id for each in map(world.surveys.service.links.read, re.findall(r"/s/([\w-]+)", page))].count(
        TRAP
    ) == 1
    assert not re.search(r"<img|<script|background=|url\(", page)
    assert "prefers-color-scheme:dark" in page
    await no_address_is_stored(world)


async def test_english_reminders_and_text_that_looks_like_html(world: MailWorld):
    evil = 'Ý kiến\r\nBcc: x@evil.vn <script>alert(1)</script> "'
    document = {**RELATIONSHIP, "name": "HTML", "title": {"vi": evil, "en": evil}}
    await world.customer("john", "john@mail.vn")
    invitation = await world.asked("john", document, number=1, locale="en")

    await world.sending.run(10)

    assert (await world.fate(invitation))[0] == "accepted"
    (mail,) = world.server.mails_to("john@mail.vn")
    assert mail["Subject"].startswith("Reminder: Ý kiến Bcc: x@evil.vn")
    assert mail["Bcc"] is None
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "Would you recommend us?" in html.get_content()


async def test_an_anonymous_survey_is_one_link_that_means_no_score(world: MailWorld):
    await world.customer("ẩn", "an.danh@mail.vn")
    await world.asked("ẩn", {**RELATIONSHIP, "is_anonymous": True})

    await world.sending.run(10)

    (mail,) = world.server.mails_to("an.danh@mail.vn")
    html = mail.get_body(("html",))
    assert html is not None
    found = {world.surveys.service.links.read(each) for each in re.findall(r"/s/([\w-]+)", html.get_content())}
    assert [(each.score, each.question_id) for each in found] == [(None, None)]


@pytest.mark.parametrize(
    ("name", "address", "agrees", "fate"),
    [
        ("withdrew", "w@mail.vn", False, ("suppressed", "no_consent")),
        ("homeless", None, True, ("suppressed", "no_address")),
        ("odd", "hai dấu cách@mail.vn", True, ("suppressed", "no_address")),
    ],
)
async def test_who_may_not_be_written_to_is_not(
    world: MailWorld, name: str, address: str | None, agrees: bool, fate: tuple[str, str]
):
    await world.customer(name, address, agrees=agrees)
    invitation = await world.asked(name)

    await world.sending.run(10)

    assert await world.fate(invitation) == fate
    assert not await world.is_delivered(invitation)
    assert world.server.mails_to(address or "") == []


async def test_consent_counts_as_it_is_at_the_moment_of_sending(world: MailWorld):
    await world.customer("changed", "changed@mail.vn")
    world.server.says["rcpt", "changed@mail.vn"] = "451 later"
    invitation = await world.asked("changed")
    await world.sending.run(10)
    assert await world.fate(invitation) == ("waiting", "refused_for_now")

    await world.consent("changed", "withdrawn")
    del world.server.says["rcpt", "changed@mail.vn"]
    await world.later()

    assert await world.fate(invitation) == ("suppressed", "no_consent")
    assert world.server.mails_to("changed@mail.vn") == []


async def test_what_is_answered_closed_or_over_is_not_sent(world: MailWorld):
    for name in ("a1", "a2", "a3"):
        await world.customer(name, f"{name}@mail.vn")
    answered = await world.asked("a1")
    submission = world.surveys.service.pages.advance
    async with world.surveys.db.write() as tx:
        seat = await world.surveys.service.pages.seats.by_token(tx, world.surveys.service.links.sign(answered))
    await submission.take(seat, {"nps": {"score": 9}}, ("nps", "comment"), "vi")
    closed = await world.asked("a2", {**RELATIONSHIP, "name": "Đóng"})
    await world.surveys.close(world.definitions["ĐóngNone"].survey_id)
    over = await world.asked("a3", expires_at=world.clock.now().replace(microsecond=1))
    world.clock.forward(seconds=2)

    for _ in range(2):
        await world.sending.run(10)

    assert [await world.fate(each) for each in (answered, closed, over)] == [
        ("suppressed", "answered"),
        ("suppressed", "survey_closed"),
        ("expired", "too_late"),
    ]


async def test_a_mailbox_that_is_gone_is_not_tried_again_until_the_address_changes(world: MailWorld):
    await world.customer("gone", "gone@mail.vn")
    world.server.says["rcpt", "gone@mail.vn"] = "550 no such user"
    first, second = await world.asked("gone"), await world.asked("gone")
    await world.sending.run(10)
    assert [await world.fate(each) for each in (first, second)] == [
        ("rejected", "address_refused"),
        ("suppressed", "address_refused_before"),
    ]

    await world.running.crm.patch("/v1/customers/user_id:gone/traits", json={"traits": {"email": "new@mail.vn"}})
    third = await world.asked("gone")
    await world.sending.run(10)

    assert await world.fate(third) == ("accepted", None)
    await no_address_is_stored(world)


async def test_what_is_refused_for_now_is_tried_again_and_not_for_ever(world: MailWorld):
    await world.customer("busy", "busy@mail.vn")
    world.server.says["data", "busy@mail.vn"] = "421 come back"
    invitation = await world.asked("busy")
    await world.sending.run(10)
    assert await world.fate(invitation) == ("waiting", "refused_for_now")

    del world.server.says["data", "busy@mail.vn"]
    await world.later()
    assert await world.fate(invitation) == ("accepted", None)
    assert len(world.server.mails_to("busy@mail.vn")) == 1

    world.server.says["rcpt", "busy@mail.vn"] = "450 never"
    stubborn = await world.asked("busy")
    for _ in range(MOST_ATTEMPTS + 2):
        await world.later(hours=10)
    assert await world.fate(stubborn) == ("rejected", "gave_up")
    del world.server.says["rcpt", "busy@mail.vn"]


@pytest.mark.parametrize("fault", ["drops", "stalls"])
async def test_a_server_that_takes_it_and_says_nothing_is_not_sent_it_again(world: MailWorld, fault: str):
    address = f"{fault}@mail.vn"
    await world.customer(fault, address)
    getattr(world.server, fault).add(address)
    invitation = await world.asked(fault)

    await world.sending.run(10)
    getattr(world.server, fault).clear()
    for _ in range(3):
        await world.later()

    assert await world.fate(invitation) == ("unknown", "no_answer")
    assert not await world.is_delivered(invitation)
    assert len(world.server.mails_to(address)) == 1, "it did arrive, once"


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


class Doomed(Courier):
    """A connection of a process that is killed at a step."""

    step = ""

    async def address(self, sender: str, to: str) -> None:
        self._die("before the envelope")
        await super().address(sender, to)
        self._die("after the envelope")

    async def transmit(self, content: bytes) -> Outcome:
        self._die("before the message")
        outcome = await super().transmit(content)
        self._die("after the message")
        return outcome

    def _die(self, step: str) -> None:
        if step == self.step:
            raise Killed


@pytest.mark.parametrize(
    ("step", "mails", "fate"),
    [
        ("before the envelope", 1, "accepted"),
        ("after the envelope", 1, "accepted"),
        ("before the message", 0, "unknown"),
        ("after the message", 1, "unknown"),
    ],
)
async def test_whenever_it_is_killed_nobody_gets_it_twice(world: MailWorld, step: str, mails: int, fate: str):
    name = step.replace(" ", ".")
    await world.customer(name, f"{name}@mail.vn")
    invitation = await world.asked(name)

    def doomed(url: str) -> Courier:
        courier = Doomed(url)
        courier.step = step
        return courier

    with pytest.raises(Killed):
        await replace(world.sending, courier=doomed).run(10)
    # Whoever comes at once finds it taken; later it is either free again, or nobody knows.
    await world.sending.run(10)
    assert (await world.fate(invitation))[0] in ("claimed", "transmitting")
    for _ in range(3):
        await world.later()

    assert (await world.fate(invitation))[0] == fate
    assert len(world.server.mails_to(f"{name}@mail.vn")) == mails


async def test_a_sender_that_was_frozen_finds_its_mail_taken_and_leaves_it(world: MailWorld):
    await world.customer("frozen", "frozen@mail.vn")
    invitation = await world.asked("frozen")

    class Frozen(Courier):
        async def address(self, sender: str, to: str) -> None:
            await super().address(sender, to)
            await world.later()

    await replace(world.sending, courier=Frozen).run(1)

    assert await world.fate(invitation) == ("accepted", None)
    assert len(world.server.mails_to("frozen@mail.vn")) == 1


async def test_two_senders_at_once_send_each_mail_once(world: MailWorld):

    names = [f"crowd{number}" for number in range(12)]
    for name in names:
        await world.customer(name, f"{name}@mail.vn")
    asked = [await world.asked(name) for name in names]

    await asyncio.gather(*(world.sending.run(20) for _ in range(4)))

    assert {await world.fate(each) for each in asked} == {("accepted", None)}
    assert [len(world.server.mails_to(f"{name}@mail.vn")) for name in names] == [1] * len(names)


async def test_while_a_server_is_away_nothing_is_lost_and_no_attempt_is_spent_on_others(world: MailWorld):
    for name in ("away1", "away2"):
        await world.customer(name, f"{name}@mail.vn")
    asked = [await world.asked(name) for name in ("away1", "away2")]
    deaf = replace(world.sending, settings=world.sending.settings.model_copy(update={"smtp_url": "smtp://127.0.0.1:9"}))
    lost = world.sending.settings.model_copy(update={"profiles_key": "tam_sk_wrong"})

    await deaf.run(10)
    await replace(world.sending, settings=lost).run(10)
    states = {await world.fate(each) for each in asked}
    assert {state for state, _ in states} == {"waiting"}
    attempts = await world.surveys.rows(
        "SELECT attempts FROM mails WHERE invitation_id = ANY(:ids) ORDER BY attempts", ids=asked
    )
    assert sum(row.attempts for row in attempts) == 2
    await world.later()
    assert {await world.fate(each) for each in asked} == {("accepted", None)}


async def test_without_a_server_nothing_is_queued(world: MailWorld):
    await world.customer("off", "off@mail.vn")
    invitation = await world.asked("off")

    await replace(world.sending, settings=SurveysSettings()).run(10)

    assert await world.fate(invitation) == ("none", None)


async def test_every_mail_ends_somewhere(world: MailWorld):
    await world.later(days=1)
    rows = await world.surveys.rows("SELECT state, count(*) AS n FROM mails GROUP BY state")
    assert {row.state for row in rows} <= {"accepted", "unknown", "rejected", "suppressed", "expired"}
