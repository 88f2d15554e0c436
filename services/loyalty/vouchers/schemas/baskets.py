"""The basket on the wire."""

from typing import Annotated

from pydantic import Field

from services.loyalty.vouchers.domain.basket import MAX_LINES, Basket, Line, Scalar, check
from shared.http.schemas import BigInt, ExternalId, Strict
from shared.money import currency_code

_Text = Annotated[str, Field(min_length=1, max_length=200)]


class LineIn(Strict):
    """So many units of a product at a price, before any discount, in minor units."""

    id: _Text
    product_id: _Text
    sku: _Text | None = None
    categories: list[_Text] = Field([], description="All that the product is in, the outer ones too.")
    quantity: BigInt
    unit_minor: BigInt


class BasketIn(Strict):
    """What somebody is about to buy. Amounts are whole minor units of one currency: 250000 VND, 1999 for 19.99 USD."""

    currency: str = Field(min_length=3, max_length=3, examples=["VND"])
    lines: list[LineIn] = Field(description=f"At most {MAX_LINES}.")
    shipping_minor: BigInt = 0
    order_id: ExternalId | None = None
    channel: _Text | None = Field(None, examples=["app"])
    store_id: _Text | None = Field(None, description="Which of the firm's stores sells it: budgets may be by store.")
    metadata: dict[_Text, Annotated[str, Field(max_length=200)] | BigInt | bool] = Field(
        {}, description="What rules may ask for besides."
    )

    def basket(self) -> Basket:
        """The basket.

        Raises:
            BadBasket: it cannot be one.
        """
        lines = tuple(
            Line(each.id, each.product_id, each.quantity, each.unit_minor, each.sku, tuple(each.categories))
            for each in self.lines
        )
        metadata: dict[str, Scalar] = dict(self.metadata)
        return check(
            Basket(
                _code(self.currency), lines, self.shipping_minor, self.order_id, self.channel, metadata, self.store_id
            )
        )


def _code(currency: str) -> str:
    try:
        return currency_code(currency)
    except ValueError:
        return currency  # `check` says what is wrong with it, beside all else
