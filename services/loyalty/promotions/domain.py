"""How vouchers stand together in a firm: the part of a policy that is not each request's own."""

from typing import NamedTuple

from services.loyalty.vouchers.domain.stack import MAX_VOUCHERS, Choice, Mode, PerProduct, Policy


class Stacking(NamedTuple):
    """The firm's rules; `max_vouchers` None: as it is configured (`TAM_LOYALTY_MAX_VOUCHERS_PER_ORDER`).

    `version` 0: the firm has said nothing.
    """

    choice: Choice = "hierarchy"
    per_product: PerProduct = "multiple"
    max_vouchers: int | None = None
    max_promotions: int = 5
    version: int = 0

    def policy(self, mode: Mode, configured: int) -> Policy:
        """The policy of a request."""
        most = configured if self.max_vouchers is None else self.max_vouchers
        return Policy(mode, min(most, MAX_VOUCHERS), self.max_promotions, self.choice, self.per_product)


DEFAULT = Stacking()
