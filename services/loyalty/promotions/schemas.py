"""Stacking rules and budgets on the wire."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from services.loyalty.promotions.domain import Stacking
from services.loyalty.vouchers.domain.stack import MAX_VOUCHERS
from shared.http.schemas import Strict


class StackingIn(Strict):
    """How vouchers and promotions stand together; `version` is the one that was read, 0 if there was none."""

    version: Annotated[int, Field(strict=True, ge=0, lt=2**31)]
    choice: Literal["hierarchy", "best"] = Field(
        "hierarchy",
        description="Of those that cannot stand together: what ranks higher, or the combination that takes off most.",
    )
    per_product: Literal["multiple", "single"] = Field(
        "multiple", description="Whether a product, or shipping, takes more than one discount; the first in rank stays."
    )
    max_vouchers: Annotated[int, Field(strict=True, ge=0, le=MAX_VOUCHERS)] | None = Field(
        None, description="Codes that count together on one order; none: as it is configured."
    )
    max_promotions: Annotated[int, Field(strict=True, ge=0, le=MAX_VOUCHERS)] = Field(
        5, description="Promotions that count together on one order."
    )

    def stacking(self, version: int) -> Stacking:
        """As the rules read it."""
        return Stacking(self.choice, self.per_product, self.max_vouchers, self.max_promotions, version)


class StackingOut(BaseModel):
    """How vouchers and promotions stand together."""

    version: int
    choice: Literal["hierarchy", "best"]
    per_product: Literal["multiple", "single"]
    max_vouchers: int
    max_promotions: int

    @classmethod
    def of(cls, stacking: Stacking, configured: int) -> Self:
        """The wire form."""
        policy = stacking.policy("all", configured)
        return cls(
            version=stacking.version,
            choice=policy.choice,
            per_product=policy.per_product,
            max_vouchers=policy.max_vouchers,
            max_promotions=policy.max_promotions,
        )


class BudgetOut(BaseModel):
    """One counter of a budget. `period` is its first local day; `who` a raw customer key, a store, or a digest."""

    budget: str
    period: str | None
    by: Literal["customer", "store", "identifier"] | None
    who: str | None
    redeemed: int
    reserved: int
    spent_minor: int
    reserved_minor: int
    max_uses: int | None = Field(description="As the campaign says now; null: without limit, or no budget of it now.")
    max_minor: int | None
    is_soft: bool = Field(description="It counts, and refuses nobody.")
    is_overdrawn: bool = Field(description="More is redeemed and held than it says now.")

    def place(self) -> tuple[str, str, str]:
        """Where the next page begins."""
        who = "" if self.by is None else f"{self.by[0]}:{self.who}"
        return self.period or "", self.budget, who
