"""What a campaign grants, on the wire."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from services.loyalty.programs.schemas import Schedule
from services.loyalty.vouchers.domain.budgets import MAX_BUDGETS, By, Per
from services.loyalty.vouchers.domain.stacking import MAX_VOUCHERS
from shared.http.schemas import Strict
from shared.money import MAX_MINOR

_RULE = """Conditions on customer, basket and moment; `and`, `or`, `not` combine them.
Customer: `{"segment": id}`, `{"tier": name, "track": name}`, `{"rank": range}`, `{"known": true}`,
`{"first_order": true}`, `{"orders": range}`.
Basket: `{"amount": range, "currency": code}`, `{"units": range}`, `{"lines": range}`, each also with `of`: a selector;
`{"product": id}`, `{"sku": …}`, `{"category": …}`, also with `units`.
When (in the campaign's zone): `{"weekday": ["sat", "sun"]}`, `{"hours": {"from": "18:00", "to": "22:00"}}`,
`{"dates": {"from": day, "to": day}}`.
Where: `{"channel": name}`, `{"metadata": name, "in": [value, …]}`, or with a range.
A range is `gte`, `gt`, `lte`, `lt`, `eq` of whole numbers. Where one name stands, a list of names may."""
_EXAMPLE = {"and": [{"amount": {"gte": 500_000}, "currency": "VND"}, {"tier": ["gold", "diamond"]}]}

_Text = Annotated[str, Field(min_length=1, max_length=200)]
_Texts = Annotated[list[_Text], Field(min_length=1, max_length=500)]
_Minor = Annotated[int, Field(strict=True, ge=1, le=MAX_MINOR)]
_Units = Annotated[int, Field(strict=True, ge=1, le=1_000)]


def _two_decimals(value: float) -> float:
    if abs(value * 100 - round(value * 100)) > 1e-6:
        raise PydanticCustomError("too_fine", "A percentage has at most two decimals")
    return value


_Percent = Annotated[float, Field(strict=True, ge=0.01, le=100), AfterValidator(_two_decimals)]


class SelectorIn(Strict):
    """Lines of any of these products, SKUs or categories (all, if none is named), but not of the excepted ones."""

    products: _Texts | None = None
    skus: _Texts | None = None
    categories: _Texts | None = None
    except_products: _Texts | None = None
    except_categories: _Texts | None = None


class FixedIn(Strict):
    """An amount off the lines that are meant, together."""

    type: Literal["fixed"]
    amount_minor: _Minor
    applies_to: SelectorIn | None = None


class PercentageIn(Strict):
    """A share off the lines that are meant, at most `cap_minor`."""

    type: Literal["percentage"]
    percent: _Percent
    cap_minor: _Minor | None = None
    applies_to: SelectorIn | None = None


class ItemIn(Strict):
    """A share off up to `max_units` units of the lines that are meant, the cheapest or the dearest first."""

    type: Literal["item"]
    percent: _Percent = 100
    applies_to: SelectorIn
    max_units: _Units | None = None
    pick: Literal["cheapest", "dearest"] = "cheapest"


class ShippingIn(Strict):
    """A share off shipping, at most `cap_minor`."""

    type: Literal["shipping"]
    percent: _Percent = 100
    cap_minor: _Minor | None = None


class StoredValueIn(Strict):
    """A gift card: each code has a value of its own, and pays for lines and shipping."""

    type: Literal["stored_value"]


class BuyGetIn(Strict):
    """Who buys `buy_units` gets a share off the `get_units` cheapest others, up to `max_times` times."""

    type: Literal["buy_get"]
    buy: SelectorIn
    buy_units: _Units
    get: SelectorIn
    get_units: _Units
    percent: _Percent = 100
    max_times: _Units | None = None


BenefitIn = Annotated[
    FixedIn | PercentageIn | ItemIn | ShippingIn | StoredValueIn | BuyGetIn, Field(discriminator="type")
]


class BudgetIn(Strict):
    """At most so many uses and so much money, per period, and for each customer, store or identifier."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    max_uses: Annotated[int, Field(strict=True, ge=1, le=10**12)] | None = None
    max_minor: _Minor | None = None
    currency: Annotated[str, Field(min_length=3, max_length=3)] | None = Field(
        None, description="Of the money; none: the campaign's, and no other can be."
    )
    per: Per | None = Field(None, description="Local day, week from Monday, or month; none: in all.")
    by: By | None = Field(None, description="For each of these; none: for all together.")
    identifier: _Text | None = Field(None, description="By which metadata of the basket, such as `device_id`.")
    is_soft: bool = Field(False, description="It counts and refuses nobody: read when it is overdrawn.")


class TermsIn(Strict):
    """What a campaign grants, on what conditions, and beside what other vouchers."""

    benefit: BenefitIn
    rule: Annotated[dict[str, Any], Field(description=_RULE, examples=[_EXAMPLE])] | None = None
    priority: int = Field(0, strict=True, ge=-1_000, le=1_000, description="Higher goes first.")
    group: _Text | None = Field(None, description="Of the vouchers of one group at most one applies to an order.")
    is_exclusive: bool = Field(False, description="Applies alone.")
    percent_base: Literal["left", "initial"] = Field(
        "left", description="A percentage is of what earlier vouchers left, or of the first prices."
    )
    skips_discounted: bool = Field(False, description="Passes over lines that another voucher made cheaper.")
    grants_partly: bool = Field(False, description="Gives what is left of a budget that is not enough for all.")
    needs_customer: bool = Field(False, description="Only where the shop says who buys.")
    max_per_order: int = Field(1, strict=True, ge=1, le=MAX_VOUCHERS, description="Codes of the campaign on one order.")
    max_uses_per_customer: Annotated[int, Field(strict=True, ge=1, lt=2**31)] | None = None
    max_minor_per_customer: _Minor | None = Field(None, description="Discounts in all that one customer gets.")
    max_uses_per_code: Annotated[int, Field(strict=True, ge=1, lt=2**31)] | None = Field(
        None, description="For new codes; none: 1 for unique codes, without limit for shared ones and gift cards."
    )
    on_cancel: Literal["roll_back", "keep"] = Field(
        "roll_back", description="What becomes of a redemption when its order is cancelled."
    )
    on_refund: Literal["pro_rata", "when_whole", "keep"] = Field(
        "when_whole",
        description="What becomes of it when money goes back: rolled back as it goes, only once all went, or kept.",
    )
    returns_use: bool = Field(True, description="A redemption that is rolled back can be used again.")
    returns_budget: bool = Field(True, description="What is rolled back goes back to the campaign's budgets.")
    schedule: Schedule | None = None
    budgets: Annotated[list[BudgetIn], Field(max_length=MAX_BUDGETS)] = Field([])

    def document(self) -> dict[str, Any]:
        """The form that is stored, without what was not said of selectors."""
        said = self.model_dump(by_alias=True)
        said["benefit"] = {
            name: {key: each for key, each in value.items() if each is not None} if isinstance(value, dict) else value
            for name, value in said["benefit"].items()
        }
        for name in ("schedule", "budgets"):
            # Campaigns that have none read as they always did.
            if not said[name]:
                del said[name]
        return said
