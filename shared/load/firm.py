"""What a firm sets up before its customers come: a programme, a rule, a code, a survey, a flash sale, referrals."""

import zlib
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from shared.errors import UserError
from shared.ids import derived_id
from shared.load.order import Order
from shared.load.pace import ZONE
from shared.load.visits import FLASH_ITEMS
from shared.load.wire import Reply, Wire

VND_PER_POINT = 1_000
VND_OF_A_POINT = 100
VOUCHER_VND = 50_000
ADVOCATE_POINTS, FRIEND_POINTS = 100, 50
FEWEST_ORDERS = 2
CONSENT_TEXT = "tam-load-1"
_RULE = "tam load: one point per 1,000"
_BOTH = {"vi": "Bạn có giới thiệu chúng tôi không?", "en": "Would you recommend us?"}
_CONTENT = {"vi": "Bạn hài lòng với đơn hàng chứ?", "en": "How content are you with your order?"}
_WHY = {"vi": "Vì sao?", "en": "Why?"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What traffic refers to. `earns` is false where the platform has earning rules of its own: points are theirs."""

    code: str
    campaign: str
    survey: str
    sale: str
    units: int
    referrals: str
    segment: str
    earns: bool

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


async def set_up(wire: Wire, order: Order) -> Terms:
    """Make everything, each once: what a request made is found again by its idempotency key.

    Raises:
        UserError: the platform refuses; the key may lack scopes.
    """
    firm = _Firm(wire, order)
    earns = await firm.earning()
    await firm.consent_text()
    campaign = await firm.campaign()
    units = max(5, int(order.rate * order.seconds / 200))
    return Terms(
        code=firm.code,
        campaign=campaign,
        survey=await firm.survey(),
        sale=await firm.sale(units),
        units=units,
        referrals=await firm.referrals(),
        segment=await firm.segment(),
        earns=earns,
    )


class _Firm:
    def __init__(self, wire: Wire, order: Order) -> None:
        self._wire = wire
        self._order = order
        self._name = f"{order.namespace} {order.start:%Y-%m-%dT%H:%M:%S.%f}"
        self.code = f"LOAD{zlib.crc32(self._name.encode()):010}"

    async def earning(self) -> bool:
        """A rule that gives points for đồng, unless the firm has rules; whether it is the only one."""
        versions = await self._wire.read("/v1/loyalty/program")
        if versions is None:
            body = {"zone": str(ZONE), "wallets": {"points": {"pays": [_POINT]}}, "note": "tam load"}
            made = await self._made("/v1/loyalty/program/versions", body)
            await self._made(f"/v1/loyalty/program/versions/{made['version']}/activate", {})
        rules = (await self._wire.read("/v1/loyalty/earning/rules") or {"items": []})["items"]
        active = [rule for rule in rules if rule["state"] == "active"]
        if not active:
            since = self._order.start - timedelta(days=self._order.days + 30)
            await self._made(
                "/v1/loyalty/earning/rules",
                {
                    "name": _RULE,
                    "state": "active",
                    "rule": _EARN,
                    "effective_from": since.isoformat(),
                    "retroactive": True,
                },
            )
            return True
        return [rule["name"] for rule in active] == [_RULE]

    async def consent_text(self) -> None:
        """The words that customers agree to."""
        body = {"locale": "vi", "text": "Tôi đồng ý nhận bản tin qua e-mail."}
        await self._put(f"/v1/consent/texts/{CONSENT_TEXT}", body)

    async def campaign(self) -> str:
        """A code that everybody knows, of a fixed worth."""
        terms = {"benefit": {"type": "fixed", "amount_minor": VOUCHER_VND}, "on_cancel": "roll_back"}
        body = {"name": self._name, "codes": "shared", "currency": "VND", "terms": terms}
        campaign = str((await self._made("/v1/loyalty/campaigns", body))["id"])
        await self._made(f"/v1/loyalty/campaigns/{campaign}/state", {"state": "active"})
        await self._made(f"/v1/loyalty/campaigns/{campaign}/shared-codes", {"code": self.code})
        return campaign

    async def survey(self) -> str:
        """Two questions and a word, as after a delivery."""
        questions: list[dict[str, Any]] = [
            {"id": "nps", "kind": "nps", "text": _BOTH, "is_required": True},
            {"id": "csat", "kind": "csat", "text": _CONTENT},
            {"id": "comment", "kind": "text", "text": _WHY, "max_length": 2_000},
        ]
        body = {
            "name": self._name,
            "purpose": "customers",
            "default_locale": "vi",
            "locales": ["vi", "en"],
            "title": {"vi": "Đơn hàng của bạn", "en": "Your order"},
            "thanks": {"vi": "Cảm ơn bạn", "en": "Thank you"},
            "metric": "nps",
            "touchpoint": "delivery",
            "stage": "receive",
            "questions": questions,
        }
        survey = str((await self._made("/v1/surveys", body))["id"])
        await self._made(f"/v1/surveys/{survey}/publish", {"note": ""})
        await self._put(f"/v1/surveys/{survey}/asking", {"version": 0, "consent": None, "channel": "link"})
        rules = await self._wire.read("/v1/contact-rules")
        if rules["quiet"] is not None:
            # A wave that waits for the morning could not be checked.
            kept = {name: rules[name] for name in ("budget", "version")}
            await self._put("/v1/contact-rules", {**kept, "quiet": None})
        return survey

    async def sale(self, units: int) -> str:
        """A sale that is open from now on."""
        now = self._order.start.astimezone(ZONE).replace(tzinfo=None)
        body = {
            "name": self._name,
            "zone": str(ZONE),
            "starts_local": (now - timedelta(hours=1)).isoformat(timespec="seconds"),
            "ends_local": (now + timedelta(days=7)).isoformat(timespec="seconds"),
            "items": [
                {"item": flash_item(number), "units": units, "max_per_person": 4} for number in range(FLASH_ITEMS)
            ],
            "claim_seconds": 86_400,
        }
        return str((await self._made("/v1/loyalty/flash-sales", body))["id"])

    async def referrals(self) -> str:
        """Points for whoever brings a friend, and for the friend, at the friend's first order."""
        sides = {"advocate": {"points": ADVOCATE_POINTS}, "friend": {"points": FRIEND_POINTS}}
        milestone = {"name": "first_order", "event": "order", **sides}
        fraud = {"advocate_max": 100_000, "address_max": 100_000}
        body = {"name": self._name, "milestones": [milestone], "hold_days": 0, "fraud": fraud}
        return str((await self._made("/v1/loyalty/referral-programs", body))["id"])

    async def segment(self) -> str:
        """Who has ordered more than once."""
        rule = {"computed": "orders", "gte": FEWEST_ORDERS}
        return str((await self._made("/v1/segments", {"name": self._name[-100:], "rule": rule}))["id"])

    async def _put(self, path: str, body: Any) -> None:
        reply = await self._wire.do("PUT", path, body, key=str(derived_id("tam load", self._name, path)))
        if not reply.is_success:
            raise UserError(f"The platform refuses PUT {path}: {reply.status} {reply.body}")

    async def _made(self, path: str, body: Any) -> Any:
        reply: Reply = await self._wire.do("POST", path, body, key=str(derived_id("tam load", self._name, path)))
        if not reply.is_success:
            raise UserError(f"The platform refuses POST {path}: {reply.status} {reply.body}")
        return reply.body


_POINT = {"currency": "VND", "points": 1, "minor": VND_OF_A_POINT}
_EARN = {
    "trigger": {"on": "order"},
    "effect": {"kind": "per_amount", "points": 1, "per_minor": VND_PER_POINT, "currency": "VND"},
}


def flash_item(number: int) -> str:
    """What the shop calls an item of the sale."""
    return f"flash-{number}"
