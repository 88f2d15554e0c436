"""Campaigns, vouchers and baskets as tests write them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.loyalty.vouchers.domain.basket import Basket, Line
from services.loyalty.vouchers.domain.stacking import Candidate
from services.loyalty.vouchers.domain.terms import read
from services.loyalty.vouchers.domain.voucher import Campaign, Voucher

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)  # a Sunday, 16:00 in Việt Nam


def campaign(number: int, benefit: dict[str, Any], **rest: Any) -> Campaign:
    """Campaign `number`, active; `rest` are its terms and what else a campaign has."""
    own = {name: rest.pop(name) for name in list(rest) if name in Campaign.__slots__}
    currency = own.pop("currency", "VND")
    return Campaign(
        **{
            "id": UUID(int=number),
            "name": f"campaign {number}",
            "codes": "unique",
            "state": "active",
            "version": 1,
            "terms": read({"benefit": benefit, **rest}, currency=currency),
            "currency": currency,
            "zone": VIETNAM,
            **own,
        }
    )


def voucher(number: int, of: Campaign, **rest: Any) -> Voucher:
    """Voucher `number` of a campaign."""
    return Voucher(id=UUID(int=1_000 + number), campaign=of, state=rest.pop("state", "active"), last4="VBC4", **rest)


def candidate(
    number: int, benefit: dict[str, Any], *, uses: int = 0, keys: frozenset[UUID] = frozenset(), **rest: Any
) -> Candidate:
    """A voucher of a campaign of its own."""
    of_voucher = {
        name: rest.pop(name)
        for name in list(rest)
        if name in ("holder", "expires_at", "value_minor", "max_uses_of_code")
    }
    if "max_uses_of_code" in of_voucher:
        of_voucher["max_uses"] = of_voucher.pop("max_uses_of_code")
    return Candidate(voucher(number, campaign(number, benefit, **rest), **of_voucher), uses, keys)


def basket(*lines: tuple[str, int, int], shipping: int = 0, currency: str = "VND", **rest: Any) -> Basket:
    """Lines are (product, quantity, price of a unit); a product `a/shoes` is in the category `shoes`."""
    made = []
    for number, (product, quantity, unit) in enumerate(lines):
        name, _, category = product.partition("/")
        made.append(
            Line(f"l{number}", name, quantity, unit, sku=f"sku-{name}", categories=(category,) if category else ())
        )
    return Basket(currency, tuple(made), shipping, **rest)


def fixed(amount: int, **rest: Any) -> dict[str, Any]:
    return {"type": "fixed", "amount_minor": amount, **rest}


def percent(share: float, **rest: Any) -> dict[str, Any]:
    return {"type": "percentage", "percent": share, **rest}
