"""The terms of a campaign: what it grants, on what conditions, and beside what other vouchers."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from services.loyalty.programs.domain import schedule as schedules
from services.loyalty.programs.domain.schedule import Schedule
from services.loyalty.vouchers.domain import benefit as benefits
from services.loyalty.vouchers.domain import budgets as budget_terms
from services.loyalty.vouchers.domain.benefit import Benefit, Selector
from services.loyalty.vouchers.domain.budgets import Budget
from services.loyalty.vouchers.domain.conditions import parse
from services.loyalty.vouchers.domain.rule import Rule

PercentBase = Literal["left", "initial"]
OnCancel = Literal["roll_back", "keep"]
OnRefund = Literal["pro_rata", "when_whole", "keep"]
DEFAULT_MAX_PER_ORDER = 1


class Terms(NamedTuple):
    """What one version of a campaign says.

    Of several vouchers the higher `priority` goes first. At most one of a `group` applies to an order; one that
    `is_exclusive` applies alone. A percentage is of what earlier vouchers `left`, or of the `initial` prices.
    `skips_discounted` passes over lines that another voucher has made cheaper. `grants_partly` gives what is left of
    a budget that is not enough. Uses and money per customer, and uses per code, are without limit if None.

    `on_cancel` and `on_refund` say what becomes of a redemption when its order is cancelled or its money goes back:
    rolled back, in part as the money goes, only once all of it went, or kept. Whatever rolls it back, `returns_use`
    gives the use back to customer and campaign, `returns_budget` the money to the campaign's budgets.

    `schedule` says when in the week it grants anything; `budgets` what it grants at most per period, and by whom.
    """

    benefit: Benefit
    rule: Rule | None = None
    priority: int = 0
    group: str | None = None
    is_exclusive: bool = False
    percent_base: PercentBase = "left"
    skips_discounted: bool = False
    grants_partly: bool = False
    needs_customer: bool = False
    max_per_order: int = DEFAULT_MAX_PER_ORDER
    max_uses_per_customer: int | None = None
    max_minor_per_customer: int | None = None
    max_uses_per_code: int | None = 1
    on_cancel: OnCancel = "roll_back"
    on_refund: OnRefund = "when_whole"
    returns_use: bool = True
    returns_budget: bool = True
    schedule: Schedule | None = None
    budgets: tuple[Budget, ...] = ()

    @property
    def limits_customers(self) -> bool:
        """Whether what one customer has used counts."""
        return self.max_uses_per_customer is not None or self.max_minor_per_customer is not None


def read(document: Mapping[str, Any], *, currency: str) -> Terms:
    """The terms of a document that was checked when it was written (`schemas.TermsIn`).

    Raises:
        BadRule: its rule is none.
    """
    rule, windows = document.get("rule"), document.get("schedule")
    plain = {name: value for name, value in document.items() if name not in _READ}
    return Terms(
        benefit=read_benefit(document["benefit"]),
        rule=None if rule is None else parse(rule, currency=currency),
        schedule=schedules.read(windows) if windows else None,
        budgets=tuple(map(budget_terms.read, document.get("budgets") or ())),
        **plain,
    )


_READ = ("benefit", "rule", "schedule", "budgets")
_KINDS: Mapping[str, type[Any]] = {
    "fixed": benefits.Fixed,
    "percentage": benefits.Percentage,
    "item": benefits.Item,
    "shipping": benefits.Shipping,
    "stored_value": benefits.StoredValue,
    "buy_get": benefits.BuyGet,
}
_SELECTORS = ("applies_to", "buy", "get")


def read_benefit(document: Mapping[str, Any]) -> Benefit:
    """The benefit of a checked document: its `type` says which."""
    fields = {
        name: selector(value) if name in _SELECTORS else value
        for name, value in document.items()
        if name not in ("type", "percent")
    }
    if "percent" in document:
        fields["basis_points"] = basis_points(document["percent"])
    made: Benefit = _KINDS[document["type"]](**fields)
    return made


def basis_points(percent: float) -> int:
    """A percentage of at most two decimals as hundredths of it."""
    return round(percent * 100)


def selector(document: Mapping[str, Any] | None) -> Selector:
    """The selector of a checked document; none is everything."""
    return Selector(**{name: frozenset(values) for name, values in (document or {}).items()})
