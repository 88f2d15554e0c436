"""Everything checkout does, put together."""

from dataclasses import dataclass

from services.loyalty.checkout.service.crowd import Crowd
from services.loyalty.checkout.service.ending import Ending
from services.loyalty.checkout.service.knowing import Knowing
from services.loyalty.checkout.service.lanes import Lanes
from services.loyalty.checkout.service.promising import Promising
from services.loyalty.checkout.service.quoting import Quoting
from services.loyalty.checkout.service.redeeming import Redeeming
from services.loyalty.checkout.service.refunds import Refunds
from services.loyalty.checkout.service.reserving import Reserving
from services.loyalty.checkout.service.rolling_back import RollingBack
from services.loyalty.checkout.service.taking import Taking
from services.loyalty.checkout.service.validating import Validating
from services.loyalty.checkout.settings import CheckoutSettings
from services.loyalty.points.service import Points
from services.loyalty.pools.service.purses import Purses
from services.loyalty.programs.service import Programs
from services.loyalty.promotions.service import Board
from services.loyalty.throttle.service import Guard
from services.loyalty.vouchers.service import Vouchers
from shared.clock import Clock
from shared.db.engine import Database


@dataclass(frozen=True, slots=True)
class Checkout:
    """Validate, reserve, redeem, roll back."""

    db: Database
    clock: Clock
    settings: CheckoutSettings
    vouchers: Vouchers
    programs: Programs
    points: Points
    guard: Guard
    lanes: Lanes
    board: Board
    purses: Purses

    @property
    def knowing(self) -> Knowing:
        """Knows those who ask."""
        return Knowing(self.vouchers.vault, self.guard)

    @property
    def quoting(self) -> Quoting:
        """Prices baskets."""
        most = self.settings.max_vouchers_per_order
        return Quoting(self.vouchers, self.programs, self.points, most, self.board, self.purses)

    @property
    def validating(self) -> Validating:
        """Looks."""
        return Validating(self.db, self.clock, self.quoting, self.knowing, self.guard, self.lanes.looks)

    @property
    def taking(self) -> Taking:
        """Takes."""
        return Taking(self.clock, self.quoting, self.knowing, self.points, self.guard, self.purses)

    @property
    def crowd(self) -> Crowd:
        """Takes for many at once."""
        return Crowd(self.clock, self.quoting, self.knowing)

    @property
    def ending(self) -> Ending:
        """Ends holds that have run out."""
        return Ending(self.db, self.clock, self.points)

    @property
    def reserving(self) -> Reserving:
        """Holds."""
        return Reserving(self.db, self.clock, self.settings, self.points, self.taking, self.ending)

    @property
    def redeeming(self) -> Redeeming:
        """Redeems."""
        return Redeeming(self.db, self.clock, self.taking, self.ending, self.crowd, self.lanes.takes)

    @property
    def promising(self) -> Promising:
        """Quotes what points pay."""
        return Promising(self.db, self.clock, self.settings, self.programs, self.points)

    @property
    def rolling_back(self) -> RollingBack:
        """Undoes."""
        return RollingBack(self.db, self.clock, self.points, self.vouchers, self.purses)

    @property
    def refunds(self) -> Refunds:
        """Hears of orders."""
        return Refunds(self.db, self.clock, self.programs, self.vouchers, self.rolling_back)
