"""Why something cannot be said, each with a sentence."""

from typing import Literal

Reason = Literal[
    "too_few_customers",
    "too_few_came_back",
    "too_short_history",
    "horizon_too_long",
    "never_so_low",
    "recency_alike",
    "several_currencies",
    "no_purchase",
    "not_reached",
    "restricted",
]

MIN_CUSTOMERS = 100
MIN_CAME_BACK = 50
MIN_WATCHED = 100
MIN_HISTORY_DAYS = 28

SENTENCES: dict[Reason, str] = {
    "too_few_customers": f"Fewer than {MIN_CUSTOMERS} customers: what little there is would be drawn from noise.",
    "too_few_came_back": f"Fewer than {MIN_CAME_BACK} times somebody bought again on a later day: nothing shows how "
    "long customers stay away.",
    "too_short_history": f"Fewer than {MIN_WATCHED} silences were watched for {MIN_HISTORY_DAYS} days: who is away "
    "may still come back.",
    "horizon_too_long": "Nobody, or too few, were watched for so long after the window: ask for a shorter horizon.",
    "never_so_low": "At no window that was watched long enough do so few of those declared lapsed come back.",
    "recency_alike": "Customers do not differ in when they bought last: nobody is more recent than the others.",
    "several_currencies": "Purchases in several currencies are never added, and no rate is known.",
    "no_purchase": "There is no purchase up to this day.",
    "restricted": "The person's data may not be used, or were erased: nobody is told what they make of them.",
    "not_reached": "So many have not bought again while anybody was watched.",
}
