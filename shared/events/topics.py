"""The topics: nouns, keyed by customer id so that order is kept per customer."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Topic:
    """A named log. `retention` None keeps it for ever: figures are rebuilt from it.

    `personal` marks the short-lived raw topics, the only ones where a name or an address may stand.
    """

    name: str
    description: str
    retention: timedelta | None = None
    personal: bool = False


INGEST = Topic(
    "ingest",
    "What shops sent, as they sent it, after authentication. The first durable write of an event.",
    retention=timedelta(days=7),
    personal=True,
)
INGEST_REJECTED = Topic(
    "ingest_rejected",
    "Events refused at the door, with the reason; they end in the quarantine.",
    retention=timedelta(days=7),
    personal=True,
)
TOUCHPOINTS = Topic("touchpoints", "What happened to a customer, cleaned; no personal data.", timedelta(days=90))
ORDERS = Topic("orders", "Money facts: orders placed, changed, refunded, cancelled.")
SUBSCRIPTIONS = Topic("subscriptions", "Subscription facts: started, renewed, changed, cancelled, …")
IDENTITY = Topic("identity", "Who is the same person as whom: merges and their inverses.")
PROFILES = Topic("profiles", "Customers made and changed; names of traits, never their values.")
CONSENT = Topic("consent", "What customers allow, for which purpose and over which channel; no personal data.")
SEGMENTS = Topic("segments", "Who entered and who left which segment, and whose personas those are; no personal data.")
LOYALTY = Topic("loyalty", "Points, tiers, vouchers, claims and referrals; no personal data, no code.")
SURVEYS = Topic("surveys", "What was asked, what was answered, and the cases it opened; no personal data, no text.")
METRICS = Topic("metrics", "Figures told to who shows them or acts on them; no person.")
RIGHTS = Topic(
    "rights",
    "What people ask of their data, and what each service answers.",
    retention=timedelta(days=7),
    personal=True,
)
DEAD_LETTERS = Topic(
    "dlq",
    "Records that a consumer could not handle, unchanged, with the reason in headers.",
    # Not longer than an erasure may take where the log cannot be rewritten.
    timedelta(days=14),
    personal=True,
)

TOPICS: tuple[Topic, ...] = (
    INGEST,
    INGEST_REJECTED,
    TOUCHPOINTS,
    ORDERS,
    SUBSCRIPTIONS,
    IDENTITY,
    PROFILES,
    CONSENT,
    SEGMENTS,
    LOYALTY,
    SURVEYS,
    METRICS,
    RIGHTS,
    DEAD_LETTERS,
)
