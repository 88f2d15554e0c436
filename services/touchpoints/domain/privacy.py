"""What may be kept of a touchpoint: facts of commerce, never who somebody is.

Two sieves. The log, which other services and years read, gets the vocabulary's ids, amounts and categories, no free
text. The touchpoints table, kept for a limited time, gets also titles and search words, and numbers and flags of a
shop's own events. Traits, addresses, and whatever looks like an e-mail address pass neither.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from services.touchpoints.domain import names

MAX_TEXT = 200
MAX_LINES = 100
MAX_FIELDS = 100
MAX_NAME = 64


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LOGGED = _words(
    """
    product_id sku category brand variant price quantity coupon position
    order_id checkout_id cart_id list_id promotion_id wishlist_id review_id rating affiliation
    total revenue value subtotal shipping tax discount currency step shipping_method payment_method coupon_id
    refund_id refund_amount subscription_id plan_id mrr interval period_start period_end is_voluntary
    interval_count trial_ends_at
    transaction_id item_id item_list_id item_brand item_category item_variant index payment_type shipping_tier
    staff_id agent_id store_id ticket_id locale time_zone
    promised_at delivered_at refund_promised_at
    """
)
_STORED = _LOGGED | _words(
    "title query path plan_name list_name promotion_name wishlist_name coupon_name creative reason share_via "
    "cancel_reason item_name search_term section"
)
# A product's name is no person's; anywhere else a name may be.
_NAMED = _STORED | {"name"}
_URLS = ("url", "referrer")
_LISTS = ("products", "items")
_PERSONAL = re.compile(
    r"mail|phone|mobile|\btel|fax|contact|address|street|city|zip|postal|post_?code|birth|dob|\bage\b|gender|"
    r"name|user|customer|recipient|owner|passport|ssn|national|tax_?id|identity|card|iban|account|bank|"
    r"\bip\b|ip_?addr|lat|lon|lng|geo|gps|device|token|secret|password|pin\b|cvv",
    re.IGNORECASE,
)


def for_log(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties every service may read, for years."""
    return _with_lists(_plain(properties, _LOGGED), properties, _LOGGED)


def for_table(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that stand in the customer's journey."""
    is_named = name in names.CANONICAL or name in (names.PAGE_VIEWED, names.SCREEN_VIEWED)
    kept = _plain(properties, _NAMED if is_named else _STORED)
    for field, value in properties.items():
        if field in kept or field in _NAMED:
            continue
        if field in _URLS:
            kept[field] = without_query(value)
        elif type(value) in _SCALARS and len(kept) < MAX_FIELDS and not _looks_personal(field):
            kept[field] = value
    return _with_lists(kept, properties, _NAMED)


def of_context(context: Mapping[str, Any]) -> dict[str, Any]:
    """Where it happened, as far as it says nothing about who: campaign, page, locale, kind of device, library."""
    kept = _plain(context, _FLAT_CONTEXT)
    for field, wanted in _CONTEXT.items():
        inner = context.get(field)
        if type(inner) is dict and (fields := _plain(inner, wanted)):
            kept[field] = fields
    if type(page := context.get("page")) is dict and (referrer := without_query(page.get("referrer"))):
        kept.setdefault("page", {})["referrer"] = referrer
    return kept


_FLAT_CONTEXT = _words("locale timezone channel sessionId")
_CONTEXT: Mapping[str, frozenset[str]] = {
    "campaign": _words("name source medium term content"),
    "page": _words("path title"),
    "library": _words("name version"),
    "app": _words("name version"),
    "os": _words("name"),
    "device": _words("type"),
}


def without_query(url: object) -> str | None:
    """The address of a page without what stands behind `?`, where tokens and e-mail addresses are."""
    if type(url) is not str or not url or len(url) > 4_000:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    bare = f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else parts.path
    return bare[:MAX_TEXT] if bare and not _holds_address(bare) else None


_SCALARS = frozenset({int, float, bool})


def _plain(values: Mapping[str, Any], wanted: Collection[str]) -> dict[str, Any]:
    """The wanted numbers, flags, and short texts that are no e-mail addresses."""
    return {
        field: value
        for field, value in values.items()
        if field in wanted
        and (type(value) in _SCALARS or (type(value) is str and len(value) <= MAX_TEXT and not _holds_address(value)))
    }


def _holds_address(text: str) -> bool:
    """Whether an e-mail address may stand in a text; `@segment/analytics-node` is none."""
    return "@" in text and _ADDRESS.search(text) is not None


def plain_text(value: object) -> str | None:
    """A short text that is no e-mail address, or nothing."""
    return value if type(value) is str and 0 < len(value) <= MAX_TEXT and not _holds_address(value) else None


_ADDRESS = re.compile(r"[^\s@/]@[^\s@]")


@lru_cache(maxsize=4096)
def _looks_personal(field: str) -> bool:
    return len(field) > MAX_NAME or _PERSONAL.search(field) is not None


def _with_lists(kept: dict[str, Any], properties: Mapping[str, Any], wanted: Collection[str]) -> dict[str, Any]:
    for field in _LISTS:
        lines = properties.get(field)
        if type(lines) is list:
            kept[field] = [_plain(line, wanted) for line in lines[:MAX_LINES] if type(line) is dict]
    return kept
