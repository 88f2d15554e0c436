"""What the metrics service refuses.

NotFound
├── UnknownCustomer
└── NoFit                no model was fitted yet
Invalid
├── BadReference         the customer reference cannot be read
├── InTheFuture          a day that has not come yet
├── BadRange             from is after to, or too many periods
└── UnknownCurrency
"""

from collections.abc import Sequence
from datetime import date

from shared.errors import Invalid, NotFound


class UnknownCustomer(NotFound):
    """No order was ever seen under this customer, nor under any other key of the same person."""

    code, title = "metrics.unknown_customer", "Unknown customer"

    def __init__(self) -> None:
        super().__init__("No order of this customer is known.")


class BadReference(Invalid):
    """The customer reference cannot be read."""

    code, title = "metrics.bad_customer", "Bad customer reference"

    def __init__(self) -> None:
        super().__init__("A customer is named by its id (a UUID), by user_id:<value> or by anonymous_id:<value>.")


class InTheFuture(Invalid):
    """A figure of a day that has not come yet."""

    code, title = "metrics.in_the_future", "Day in the future"

    def __init__(self, day: date, today: date) -> None:
        super().__init__(f"{day} has not come yet; today is {today}.", day=day.isoformat(), today=today.isoformat())


class BadRange(Invalid):
    """The days asked for make no range, or one of too many periods."""

    code, title = "metrics.bad_range", "Bad range"


class UnknownCurrency(Invalid):
    """The currency is no ISO 4217 code."""

    code, title = "metrics.unknown_currency", "Unknown currency"

    def __init__(self) -> None:
        super().__init__("The currency is no ISO 4217 code, such as VND or USD.")


class NoFit(NotFound):
    """No model was fitted to the customers of this currency."""

    code, title = "metrics.no_fit", "No model yet"

    def __init__(self, currency: str | None, reasons: Sequence[str]) -> None:
        super().__init__("No model was fitted to these customers yet.", currency=currency, reasons=list(reasons))
