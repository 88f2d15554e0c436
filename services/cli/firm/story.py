"""The whole firm, in the order in which things come about."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from services.cli.common import say
from services.cli.door import Item
from services.cli.firm.cases import CareDesk
from services.cli.firm.desk import Desk, each
from services.cli.firm.members import Members
from services.cli.firm.office import Made, Office
from services.cli.firm.past import NAME, Past
from services.cli.firm.voices import Voice, voices
from services.cli.instance import Instance
from services.cli.orders import BadRows, send_through
from services.cli.progress import Meter, progress_bar
from shared.load.wire import connected

# Made last of all: where it is, the whole firm is.
PERSONA = "khach-quen"
_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
_WORDS = {
    "name": "Chị Hương",
    "summary": "Khách quen, mua cà phê mỗi tháng.",
    "who": "Nhân viên văn phòng ở thành phố lớn.",
    "needs": ["Giao đúng hẹn", "Hạt rang mới"],
    "problems": ["Giao trễ mà không được báo"],
    "expectations": ["Được nhớ khẩu vị"],
}
Settled = Callable[[], Awaitable[None]]


async def tell(instance: Instance, now: datetime, bad: BadRows, settled: Settled) -> bool:
    """Make the firm as of `now`, once; whether it is there. `settled` waits until nothing is on its way.

    Raises:
        UserError: the platform refuses.
    """
    past = Past(now.astimezone(_ZONE).replace(hour=0, minute=0, second=0, microsecond=0), now)
    async with connected([instance.base_url], instance.write_key, instance.secret_key) as wire:
        desk = Desk(wire, NAME)
        office = Office(desk, past)
        if await desk.read(f"/v1/personas/{PERSONA}") is not None:
            return True
        if await office.has_other_rules():
            say("This platform has a programme of points of its own: the demo's firm is left out.")
            return False
        await office.points()
        await _send_past(instance, past, bad)
        made = await office.set_up()
        await office.responsible()
        await settled()
        await _live(desk, past, made, settled)
        await _describe(desk, made)
    return True


async def _send_past(instance: Instance, past: Past, bad: BadRows) -> None:
    events: list[Item] = list(past.events())
    door = (instance.base_url, instance.write_key, events, len(events), bad.refused)
    await send_through(*door, title="the firm: a year of orders")


async def _live(desk: Desk, past: Past, made: Made, settled: Settled) -> None:
    said = list(voices(past))
    members, care = Members(desk, past, made), CareDesk(desk, past, made)
    acts, invited = members.acts(), care.invited()
    with progress_bar() as bar:
        await each(said, partial(_hear, desk, made), Meter(bar, "the firm: answers", len(said)).advance)
        await each(acts, members.do, Meter(bar, "the firm: members", len(acts)).advance)
        await each(invited, care.invite, Meter(bar, "the firm: asked", len(invited)).advance)
    await settled()
    with progress_bar() as bar:
        await care.work_off(Meter(bar, "the firm: complaints", 0).more)
    await care.believe()


async def _hear(desk: Desk, made: Made, voice: Voice) -> None:
    about = {"survey_id": made.surveys[voice.survey], "customer": voice.customer, "reference": voice.reference}
    told = {"locale": voice.locale, "answered_at": voice.at.isoformat(), "answers": voice.answers}
    await desk.make("/v1/responses", {**about, **told})


async def _describe(desk: Desk, made: Made) -> None:
    persona = {"key": PERSONA, "segment": made.segment, "owner": "Lan", "texts": {"vi": _WORDS}, "status": "active"}
    await desk.make("/v1/personas", persona)
