"""The e-commerce vocabulary: whatever a shop calls an event, it gets one name, Segment's e-commerce v2 name.

Spelling does not matter (`order_completed`, `Order-Completed`, `orderCompleted`), nor whose vocabulary it is: Segment
v1, GA4, Shopify's web pixel and Braze are understood. Names outside the vocabulary stay as they are.
"""

from functools import lru_cache

ORDER_COMPLETED = "Order Completed"
ORDER_UPDATED = "Order Updated"
ORDER_REFUNDED = "Order Refunded"
ORDER_CANCELLED = "Order Cancelled"
# Not of Segment's vocabulary: what becomes of an order after it was paid.
ORDER_SHIPPED = "Order Shipped"
ORDER_DELIVERED = "Order Delivered"
RETURN_REQUESTED = "Return Requested"
SUBSCRIPTION_STARTED = "Subscription Started"
SUBSCRIPTION_RENEWED = "Subscription Renewed"
SUBSCRIPTION_UPGRADED = "Subscription Upgraded"
SUBSCRIPTION_DOWNGRADED = "Subscription Downgraded"
SUBSCRIPTION_CHANGED = "Subscription Changed"
SUBSCRIPTION_PAUSED = "Subscription Paused"
SUBSCRIPTION_RESUMED = "Subscription Resumed"
SUBSCRIPTION_CANCELLED = "Subscription Cancelled"
SUBSCRIPTION_PAYMENT_FAILED = "Subscription Payment Failed"

# The names of the calls that are not `track`.
PAGE_VIEWED = "Page Viewed"
SCREEN_VIEWED = "Screen Viewed"
IDENTIFIED = "Identified"
GROUPED = "Grouped"
ALIASED = "Aliased"

CANONICAL: frozenset[str] = frozenset(
    {
        *("Products Searched", "Product List Viewed", "Product List Filtered"),
        *("Promotion Viewed", "Promotion Clicked"),
        *("Product Clicked", "Product Viewed", "Product Added", "Product Removed"),
        *("Cart Viewed", "Checkout Started", "Checkout Step Viewed", "Checkout Step Completed"),
        *("Payment Info Entered", ORDER_UPDATED, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_CANCELLED),
        *(ORDER_SHIPPED, ORDER_DELIVERED, RETURN_REQUESTED),
        *("Coupon Entered", "Coupon Applied", "Coupon Denied", "Coupon Removed"),
        *("Product Added to Wishlist", "Product Removed from Wishlist", "Wishlist Product Added to Cart"),
        *("Product Shared", "Cart Shared", "Product Reviewed"),
        *(SUBSCRIPTION_STARTED, SUBSCRIPTION_RENEWED, SUBSCRIPTION_UPGRADED, SUBSCRIPTION_DOWNGRADED),
        *(SUBSCRIPTION_CHANGED, SUBSCRIPTION_PAUSED, SUBSCRIPTION_RESUMED, SUBSCRIPTION_CANCELLED),
        SUBSCRIPTION_PAYMENT_FAILED,
    }
)

_ALIASES: dict[str, str] = {
    # Segment's first vocabulary.
    "viewed product category": "Product List Viewed",
    "viewed promotion": "Promotion Viewed",
    "clicked promotion": "Promotion Clicked",
    "clicked product": "Product Clicked",
    "viewed product": "Product Viewed",
    "added product": "Product Added",
    "removed product": "Product Removed",
    "viewed cart": "Cart Viewed",
    "started order": "Checkout Started",
    "viewed checkout step": "Checkout Step Viewed",
    "completed checkout step": "Checkout Step Completed",
    "updated order": ORDER_UPDATED,
    "completed order": ORDER_COMPLETED,
    "refunded order": ORDER_REFUNDED,
    "cancelled order": ORDER_CANCELLED,
    # American spelling.
    "order canceled": ORDER_CANCELLED,
    "canceled order": ORDER_CANCELLED,
    "shipped order": ORDER_SHIPPED,
    "delivered order": ORDER_DELIVERED,
    "requested return": RETURN_REQUESTED,
    "subscription canceled": SUBSCRIPTION_CANCELLED,
    # GA4.
    "search": "Products Searched",
    "view_item_list": "Product List Viewed",
    "select_item": "Product Clicked",
    "view_item": "Product Viewed",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "view_cart": "Cart Viewed",
    "begin_checkout": "Checkout Started",
    "add_shipping_info": "Checkout Step Completed",
    "add_payment_info": "Payment Info Entered",
    "purchase": ORDER_COMPLETED,
    "refund": ORDER_REFUNDED,
    "add_to_wishlist": "Product Added to Wishlist",
    "view_promotion": "Promotion Viewed",
    "select_promotion": "Promotion Clicked",
    # Shopify's web pixel.
    "search_submitted": "Products Searched",
    "collection_viewed": "Product List Viewed",
    "product_added_to_cart": "Product Added",
    "product_removed_from_cart": "Product Removed",
    "checkout_contact_info_submitted": "Checkout Step Completed",
    "checkout_address_info_submitted": "Checkout Step Completed",
    "checkout_shipping_info_submitted": "Checkout Step Completed",
    "payment_info_submitted": "Payment Info Entered",
    "checkout_completed": ORDER_COMPLETED,
    # Braze.
    "ecommerce.product_viewed": "Product Viewed",
    "ecommerce.checkout_started": "Checkout Started",
    "ecommerce.order_placed": ORDER_COMPLETED,
    "ecommerce.order_refunded": ORDER_REFUNDED,
    "ecommerce.order_cancelled": ORDER_CANCELLED,
    "order_placed": ORDER_COMPLETED,
}

_SEPARATORS = str.maketrans("", "", " _-\t\n")


def _folded(name: str) -> str:
    return name.casefold().translate(_SEPARATORS)


_BY_FOLDED: dict[str, str] = {
    **{_folded(alias): name for alias, name in _ALIASES.items()},
    **{_folded(name): name for name in CANONICAL},
}


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """The vocabulary's name of an event, or the name as sent if the vocabulary has none."""
    return _BY_FOLDED.get(_folded(name)) or name
