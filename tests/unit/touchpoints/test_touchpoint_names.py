"""One name for one thing, whoever names it."""

import pytest

from services.touchpoints.domain.names import CANONICAL, canonical


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("Order Completed", "Order Completed"),
        ("order completed", "Order Completed"),
        ("order_completed", "Order Completed"),
        ("Order-Completed", "Order Completed"),
        ("orderCompleted", "Order Completed"),
        ("Completed Order", "Order Completed"),
        ("purchase", "Order Completed"),
        ("checkout_completed", "Order Completed"),
        ("ecommerce.order_placed", "Order Completed"),
        ("refund", "Order Refunded"),
        ("Order Canceled", "Order Cancelled"),
        ("subscription_canceled", "Subscription Cancelled"),
        ("Viewed Product", "Product Viewed"),
        ("view_item", "Product Viewed"),
        ("add_to_cart", "Product Added"),
        ("Product Added To Wishlist", "Product Added to Wishlist"),
        ("order_delivered", "Order Delivered"),
        ("orderShipped", "Order Shipped"),
        ("Return requested", "Return Requested"),
        ("Đặt hàng thành công", "Đặt hàng thành công"),
        ("Quiz Finished", "Quiz Finished"),
        ("", ""),
    ],
)
def test_a_name_is_found_however_it_is_spelt(sent: str, name: str) -> None:
    assert canonical(sent) == name


def test_canonical_names_stay_and_never_meet() -> None:
    assert {canonical(name) for name in CANONICAL} == CANONICAL
