"""What members do today: pay with points and codes, take a reward, claim what is on sale, bring friends, agree."""

from dataclasses import dataclass
from typing import Any

from services.cli.firm.desk import Desk
from services.cli.firm.office import CODE, CONSENT_TEXT, SALE_ITEM, Made
from services.cli.firm.past import CUSTOMERS, NAME, SEED, Past
from shared.load import goods
from shared.load.chance import stream

REDEEM, BUY_REWARDS, CLAIM, BRING, AGREE = 45, 15, 24, 8, 40


@dataclass(frozen=True)
class Members:
    """Acts of customers. Each may be refused, as in any shop: points or units may be too few."""

    desk: Desk
    past: Past
    made: Made

    def acts(self) -> list[tuple[str, int]]:
        """What is done, and by whom: the same on every day."""
        chance = stream(SEED, NAME, "members")
        many = {"pay": REDEEM, "reward": BUY_REWARDS, "claim": CLAIM, "bring": BRING, "agree": AGREE}
        return [(what, each) for what, times in many.items() for each in chance.sample(range(CUSTOMERS), times)]

    async def do(self, act: tuple[str, int]) -> None:
        """One of them."""
        what, number = act
        who = f"user_id:{self.past.user_id(number)}"
        match what:
            case "pay":
                await self._pay(number, who)
            case "reward":
                body = {"customer": who, "reference": f"{NAME}-reward-{number}"}
                await self._try(f"/v1/loyalty/rewards/{self.made.reward}/purchases", body, f"reward-{number}")
            case "claim":
                await self._claim(number, who)
            case "bring":
                await self._bring(number, who)
            case _:
                change = {"purpose": "marketing", "channel": "email", "state": "granted", "text_version": CONSENT_TEXT}
                agreed = {"changes": [change], "source": "web"}
                await self._try(f"/v1/customers/{who}/consent", agreed, f"agree-{number}")

    async def _pay(self, number: int, who: str) -> None:
        """At the till: a code, points, or both."""
        chance = stream(SEED, NAME, "pay", number)
        lines = goods.basket(chance, "VND", 0.9)
        basket = {"currency": "VND", "order_id": f"{NAME}-till-{number}", "lines": goods.counted(lines)}
        points = chance.choice((0, 100, 200, 400))
        codes = [CODE] if points == 0 or chance.random() < 0.4 else []
        body = {"customer": who, "basket": basket, "vouchers": codes, "points": points}
        await self._try("/v1/loyalty/redemptions", body, f"pay-{number}")

    async def _claim(self, number: int, who: str) -> None:
        body = {"key": f"{NAME}-claim-{number}", "item": SALE_ITEM, "customer": who, "units": 1}
        claim = await self._try(f"/v1/loyalty/flash-sales/{self.made.sale}/claims", body, f"claim-{number}")
        if claim is not None and number % 5:
            await self._try(f"/v1/loyalty/flash-claims/{claim['id']}/confirm", {}, f"confirm-{number}")

    async def _bring(self, number: int, who: str) -> None:
        """A friend comes with the code of somebody, and buys once."""
        path = f"/v1/loyalty/referral-programs/{self.made.referrals}/codes"
        found = await self._try(path, {"customer": who}, f"code-{number}")
        friend = f"{NAME}-friend-{number}"
        if found is None:
            return
        came = {"code": found["code"], "customer": f"user_id:{friend}"}
        if await self._try("/v1/loyalty/referrals", came, f"came-{number}") is not None:
            money = {"order_id": f"{friend}-o", "total": "320000", "currency": "VND"}
            call = {"type": "track", "event": "Order Completed", "userId": friend, "properties": money}
            await self.desk.wire.tell([{**call, "messageId": f"{friend}-o"}])

    async def _try(self, path: str, body: Any, key: str) -> Any:
        """What came of it; None: it was refused."""
        reply = await self.desk.wire.do("POST", path, body, key=f"{NAME}-{key}")
        return reply.body if reply.is_success else None
