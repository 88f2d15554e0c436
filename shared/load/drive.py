"""Sends a plan on time, whatever the platform does: open-loop, and timed from when each act was due."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from shared.load import goods
from shared.load import wire as wires
from shared.load.acts import Act, Answer, Ask, Buy, Call, Claim, Consent, Refer, Reply, Say, weight
from shared.load.firm import CONSENT_TEXT, Terms, flash_item
from shared.load.journal import Journal, Result
from shared.load.plan import Planned
from shared.load.watch import Watch
from shared.load.wire import GaveUp, Wire
from shared.money import to_decimal_string

# More are never under way: a generator that holds everything that a dead platform does not take dies too.
MOST_UNDER_WAY = 20_000


@dataclass
class Timing:
    """Seconds of each kind of act: `waits` from when it was due to its answer, `lags` of ourselves before it began."""

    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    lags: list[float] = field(default_factory=list)
    events: int = 0
    seconds: float = 0.0


@dataclass
class Drive:
    """One run; `moved` hears the weight of each act that is settled, `watch` when it was answered."""

    wire: Wire
    terms: Terms
    journal: Journal
    watch: Watch
    moved: Callable[[int], None] = lambda _: None
    timing: Timing = field(default_factory=Timing)
    refusals: Counter[str] = field(default_factory=Counter)

    async def run(self, planned: Iterable[Planned]) -> None:
        """Send what is not settled yet, each when it is due, counted from the first of them; all are answered then.

        A run that is cancelled sends nothing more, and still waits for what is under way.
        """
        lanes: dict[int, asyncio.Task[None]] = {}
        started = monotonic()
        room = asyncio.Semaphore(MOST_UNDER_WAY)
        began = 0.0
        try:
            for each in planned:
                if each.number in self.journal.settled:
                    self.moved(weight(each.act))
                    continue
                began = began or monotonic() - each.due
                await asyncio.sleep(max(0.0, began + each.due - monotonic()))
                await room.acquire()
                task = asyncio.create_task(self._one(each, started, began + each.due, lanes.get(each.lane)))
                lanes[each.lane] = task
                task.add_done_callback(partial(self._over, lane=each.lane, lanes=lanes, room=room))
        finally:
            await asyncio.shield(self._rest(lanes))
            self.timing.seconds = monotonic() - began

    @staticmethod
    def _over(
        done: asyncio.Task[None], *, lane: int, lanes: dict[int, asyncio.Task[None]], room: asyncio.Semaphore
    ) -> None:
        room.release()
        if lanes.get(lane) is done:
            del lanes[lane]

    @staticmethod
    async def _rest(lanes: dict[int, asyncio.Task[None]]) -> None:
        while lanes:
            await asyncio.gather(*list(lanes.values()))
            # Their callbacks take them out.
            await asyncio.sleep(0)

    async def _one(self, each: Planned, started: float, due: float, before: asyncio.Task[None] | None) -> None:
        self.timing.lags.append(monotonic() - due)
        if before is not None:
            await before
        try:
            result = await self._perform(each.number, each.act)
        except GaveUp as error:
            result = {"unknown": str(error)}
        if refused := result.get("refused"):
            self.refusals[f"{type(each.act).__name__.lower()}: {refused}"] += 1
        now = monotonic()
        self.timing.waits[type(each.act).__name__.lower()].append(now - due)
        self.watch.answered(now - started, now - due, weight(each.act))
        self.timing.events += weight(each.act)
        self.journal.settle(each.number, result)
        self.moved(weight(each.act))

    async def _perform(self, number: int, act: Act) -> Result:
        match act:
            case Say():
                return await self._say(act.calls)
            case Buy():
                return await self._buy(number, act)
            case Answer():
                return await self._answer(act)
            case Consent():
                return await self._consent(act)
            case Claim():
                return await self._claim(act)
            case Refer():
                return await self._refer(act)
            case Ask():
                return await self._ask(act)
            case Reply():
                return await self._reply(act)

    async def _say(self, calls: tuple[Call, ...]) -> Result:
        reply = await self.wire.tell(calls)
        if reply.status != 200:
            return _verdict(reply)
        rejected = {each["index"]: each["code"] for each in reply.body.get("rejected", [])}
        return {"rejected": {str(place): code for place, code in rejected.items()}} if rejected else {}

    async def _buy(self, number: int, act: Buy) -> Result:
        """What is redeemed is written down before the order says what was paid: the same again says the same."""
        taken = self.journal.noted.get(number)
        if taken is None:
            taken = await self._redeemed(act)
            self.journal.note(number, taken)
        told = [goods.told(line, "VND") for line in act.lines]
        total = to_decimal_string(int(taken["paid"]), "VND")
        properties = {"order_id": act.order_id, "total": total, "currency": "VND", "products": told}
        call: Call = {"type": "track", "event": "Order Completed", "properties": properties}
        _, _, name = act.who.partition(":")
        stamp = {"messageId": act.message_id, "userId": name, "timestamp": act.at.isoformat()}
        return {**taken, **await self._say(({**call, **stamp},))}

    async def _redeemed(self, act: Buy) -> Result:
        body = {
            "customer": act.who,
            "basket": {"currency": "VND", "order_id": act.order_id, "lines": goods.counted(act.lines)},
            "vouchers": [self.terms.code] if act.has_voucher else [],
            "points": act.points,
        }
        whole = goods.total(act.lines)
        if not (act.points or act.has_voucher):
            return {"paid": whole, "points": 0, "vouchers": 0}
        reply = await self.wire.do("POST", "/v1/loyalty/redemptions", body, key=act.order_id)
        if not reply.is_success:
            self.refusals[f"redeem: {reply.code}"] += 1
            return {"paid": whole, "points": 0, "vouchers": 0}
        done = reply.body
        return {"paid": done["payable_minor"], "points": done["points"], "vouchers": len(done["vouchers"])}

    async def _answer(self, act: Answer) -> Result:
        about = {"survey_id": self.terms.survey, "customer": act.who, "reference": act.reference}
        body = {**about, "answers": _answers(act)}
        return _verdict(await self.wire.do("POST", "/v1/responses", body, key=act.reference))

    async def _ask(self, act: Ask) -> Result:
        """Asked again by the same key, the platform says again what it decided."""
        path = f"/v1/surveys/{self.terms.survey}/invitations"
        reply = await self.wire.do("POST", path, {"customer": act.who}, key=act.key)
        if not reply.is_success:
            return _verdict(reply)
        if (invitation := reply.body["invitation_id"]) is None:
            self.refusals[f"asking: {reply.body['reason']}"] += 1
            return {}
        return {"invitation": invitation}

    async def _reply(self, act: Reply) -> Result:
        asked = await self._ask(Ask(act.who, act.key))
        if "invitation" not in asked:
            return asked
        answers = _answers(act)
        body = {"invitation_id": asked["invitation"], "answers": answers}
        verdict = _verdict(await self.wire.do("POST", "/v1/responses", body, key=f"{act.key}-answer"))
        return {**verdict, **asked}

    async def _consent(self, act: Consent) -> Result:
        change: dict[str, Any] = {"purpose": "marketing", "channel": "email", "state": "withdrawn"}
        if act.is_granted:
            change |= {"state": "granted", "text_version": CONSENT_TEXT}
        body = {"changes": [change], "source": "tam load"}
        # What somebody did is known to profiles a moment later than it is acknowledged.
        deadline = monotonic() + self.wire.patience_seconds
        while True:
            reply = await self.wire.do("POST", f"/v1/customers/{act.who}/consent", body, key=act.key)
            if reply.code != "profiles.customer_unknown" or monotonic() > deadline:
                return _verdict(reply)
            await asyncio.sleep(0.2)

    async def _claim(self, act: Claim) -> Result:
        body = {"key": act.key, "item": flash_item(act.item), "customer": act.who, "units": act.units}
        reply = await self.wire.do("POST", f"/v1/loyalty/flash-sales/{self.terms.sale}/claims", body)
        if not reply.is_success:
            return _verdict(reply)
        what = "confirm" if act.is_paid else "release"
        after = await self.wire.do(
            "POST", f"/v1/loyalty/flash-claims/{reply.body['id']}/{what}", {} if act.is_paid else None
        )
        return _verdict(after)

    async def _refer(self, act: Refer) -> Result:
        path = f"/v1/loyalty/referral-programs/{self.terms.referrals}/codes"
        reply = await self.wire.do("POST", path, {"customer": act.who})
        if not reply.is_success:
            return _verdict(reply)
        body = {"code": reply.body["code"], "customer": act.friend}
        reply = await self.wire.do("POST", "/v1/loyalty/referrals", body)
        return {"state": reply.body["state"]} if reply.is_success else _verdict(reply)


def _answers(act: Answer | Reply) -> dict[str, Any]:
    """As the survey of the run takes them."""
    answers: dict[str, Any] = {"nps": {"score": act.nps}, "csat": {"score": act.csat}}
    return {**answers, "comment": {"text": act.words}} if act.words else answers


def _verdict(reply: wires.Reply) -> Result:
    return {} if reply.is_success else {"refused": reply.code, "why": str(reply.body)[:400]}
