"""What the firm sets up: its programme, codes, sales and surveys, its targets, and who answers for what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.cli.firm.desk import Desk
from services.cli.firm.past import DAYS, Past
from services.cli.firm.voices import LIBRARY

NOTE = "tam demo"
CODE = "CAPHE50"
SALE_ITEM, SALE_UNITS = "phin-bac", 40
CONSENT_TEXT = "hoasen-1"
REWARD_POINTS = 300
# By figure of the score card: what it shall be, and who answers for it. Money is of a currency.
TARGETS: Mapping[str, tuple[dict[str, Any], str]] = {
    "nps": ({"value": 50}, "Lan"),
    "csat": ({"value": 85}, "Lan"),
    "ces": ({"value": 5.5}, "Minh"),
    "lapse_rate": ({"value": 0.35}, "Quỳnh"),
    "churn_rate": ({"value": 0.05}, "Quỳnh"),
    "historical_clv": ({"value": 110, "currency": "USD"}, "Bảo"),
    "mrr": ({"value": 20_000_000, "currency": "VND"}, "Bảo"),
    "delivery_gap": ({"value": 15}, "Lan"),
    "points_redeemed": ({"value": 10_000}, "Hạnh"),
    "complaints_late": ({"value": 5}, "Minh"),
}
CAUSES = {"late": ("Giao trễ", "Late delivery"), "broken": ("Hàng hỏng", "Damaged"), "care": ("Chăm sóc", "Care")}
_SPENT = {"by": "spend", "currency": "VND"}
_LEVELS = [
    {"key": "silver", "labels": {"vi": "Bạc", "en": "Silver"}, "threshold": 3_000_000},
    {"key": "gold", "labels": {"vi": "Vàng", "en": "Gold"}, "threshold": 10_000_000, "benefits": {"multiplier": "1.5"}},
]
_WALLET = {
    "labels": {"vi": "Điểm", "en": "Points"},
    "expiry": {"mode": "rolling", "months": 6},
    "pays": [{"currency": "VND", "points": 1, "minor": 100}],
}


@dataclass(frozen=True, slots=True)
class Made:
    """Ids of what was set up. `surveys` are by their names in the library."""

    surveys: Mapping[str, str]
    sale: str
    reward: str
    referrals: str
    segment: str


@dataclass(frozen=True)
class Office:
    """Sets the firm up."""

    desk: Desk
    past: Past

    async def has_other_rules(self) -> bool:
        """Whether somebody else made a programme here: points are theirs then."""
        found = await self.desk.read("/v1/loyalty/program/versions")
        return any(each["note"] != NOTE for each in (found or {"items": []})["items"] if each["version"])

    async def points(self) -> None:
        """A point for each thousand đồng, also of orders of before, good for half a year; tiers by what one spends."""
        body = {"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": _WALLET}, "note": NOTE}
        made = await self.desk.make("/v1/loyalty/program/versions", body)
        await self.desk.make(f"/v1/loyalty/program/versions/{made['version']}/activate", {})
        track = {"measure": _SPENT, "window": {"kind": "rolling", "months": 12}, "levels": _LEVELS}
        await self.desk.put("/v1/loyalty/tiers/hang", {"track": track, "version": 0})
        rule = {
            "trigger": {"on": "order"},
            "effect": {"kind": "per_amount", "points": 1, "per_minor": 1_000, "currency": "VND"},
        }
        since = (self.past.today - timedelta(days=DAYS + 10)).isoformat()
        held = {"state": "active", "effective_from": since, "retroactive": True, "rule": rule}
        await self.desk.make("/v1/loyalty/earning/rules", {"name": "1 điểm mỗi 1.000 đ", **held})

    async def set_up(self) -> Made:
        """Everything else that customers meet."""
        await self._code()
        await self._asks_at_any_hour()
        await self.desk.put(f"/v1/consent/texts/{CONSENT_TEXT}", {"locale": "vi", "text": "Tôi đồng ý nhận bản tin."})
        return Made(
            {library: await self._survey(library) for library in LIBRARY},
            await self._sale(),
            await self._reward(),
            await self._referrals(),
            await self._segment(),
        )

    async def responsible(self) -> None:
        """Who answers for figures until the end of the next quarter, for cases, and what is watched besides."""
        due = f"{self.past.today.year + 1}-03-31"
        for figure, (target, owner) in TARGETS.items():
            await self.desk.put(f"/v1/metrics/scorecard/targets/{figure}", {**target, "owner": owner, "due": due})
        for agent in ("lan", "minh", "hanh"):
            await self.desk.put(f"/v1/case-agents/{agent}", {})
        await self.desk.put("/v1/case-teams/cham_soc", {"members": ["lan", "minh"], "lead": "hanh"})
        policy = await self.desk.read("/v1/case-policy")
        kept = {name: policy[name] for name in ("rules", "targets", "ladder", "recovery")}
        await self.desk.put("/v1/case-policy", {**kept, "assign": [{"to": "team", "name": "cham_soc"}]})
        for cause, (vi, en) in CAUSES.items():
            await self.desk.put(f"/v1/case-root-causes/{cause}", {"labels": {"vi": vi, "en": en}})
        watch = {"metric": "csat", "dimension": "touchpoint", "value": "order_delivered", "owner": "Lan"}
        await self.desk.make("/v1/metrics/alarm-watches", {"name": "CSAT sau giao hàng", **watch})

    async def _asks_at_any_hour(self) -> None:
        """A demo at night shows who was asked too: nobody is woken by a link that a shop shows."""
        rules = await self.desk.read("/v1/contact-rules")
        if rules["quiet"] is not None:
            await self.desk.put("/v1/contact-rules", {**{k: rules[k] for k in ("budget", "version")}, "quiet": None})

    async def _code(self) -> None:
        terms = {"benefit": {"type": "fixed", "amount_minor": 50_000}}
        body = {"name": "Cà phê sáng: 50.000 đ", "codes": "shared", "currency": "VND", "terms": terms}
        campaign = (await self.desk.make("/v1/loyalty/campaigns", body))["id"]
        await self.desk.make(f"/v1/loyalty/campaigns/{campaign}/state", {"state": "active"})
        await self.desk.make(f"/v1/loyalty/campaigns/{campaign}/shared-codes", {"code": CODE})

    async def _survey(self, library: str) -> str:
        survey = str((await self.desk.make("/v1/surveys", {"library": library}))["id"])
        await self.desk.make(f"/v1/surveys/{survey}/publish", {"note": "first"})
        await self.desk.put(f"/v1/surveys/{survey}/asking", {"version": 0, "consent": None, "channel": "link"})
        return survey

    async def _sale(self) -> str:
        local = self.past.today.replace(tzinfo=None)
        ends = (local + timedelta(days=7)).isoformat()
        item = {"item": SALE_ITEM, "units": SALE_UNITS, "max_per_person": 2}
        body = {"name": "Phin bạc giá sốc", "zone": "Asia/Ho_Chi_Minh", "items": [item], "claim_seconds": 86_400}
        times = {"starts_local": (local - timedelta(hours=1)).isoformat(), "ends_local": ends}
        return str((await self.desk.make("/v1/loyalty/flash-sales", {**body, **times}))["id"])

    async def _reward(self) -> str:
        body = {"name": "Túi vải hoa sen", "kind": "material", "points": REWARD_POINTS, "stock": 100, "state": "active"}
        return str((await self.desk.make("/v1/loyalty/rewards", body))["id"])

    async def _referrals(self) -> str:
        sides = {"advocate": {"points": 100}, "friend": {"points": 50}}
        milestone = {"name": "first_order", "event": "order", **sides}
        body = {"name": "Rủ bạn uống cà phê", "milestones": [milestone], "hold_days": 0}
        return str((await self.desk.make("/v1/loyalty/referral-programs", body))["id"])

    async def _segment(self) -> str:
        body = {"name": "Khách quen cà phê", "rule": {"computed": "orders", "gte": 5}}
        return str((await self.desk.make("/v1/segments", body))["id"])
