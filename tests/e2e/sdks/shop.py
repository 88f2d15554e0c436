"""A shop with an official Python SDK, run in an environment that has it: `python shop.py SDK HOST WRITE_KEY NAME`."""

import importlib
import sys


def main(sdk: str, host: str, write_key: str, name: str) -> None:
    """A visitor buys, identifies, buys, is refunded; one event is wrong."""
    errors: list[object] = []
    client = importlib.import_module(f"{sdk}.analytics.client").Client(
        write_key, host=host, on_error=lambda error, _: errors.append(error)
    )
    visitor, user = f"visitor-{name}", f"user-{name}"

    def order(number: str, **more: object) -> dict[str, object]:
        return {"order_id": f"{name}-{number}", "currency": "USD", **more}

    client.page(anonymous_id=visitor, category="Shop", name="Home", properties={"path": "/"})
    client.track(anonymous_id=visitor, event="Order Completed", properties=order("1", total=20.00))
    client.identify(user, {"email": f"{name}@shop.example", "name": "Nguyễn Ánh"}, anonymous_id=visitor)
    client.track(user, "Order Completed", order("2", total="30.50", products=[{"product_id": "p", "quantity": 2}]))
    client.track(user, "Order Completed", order("3", total="not money"))
    client.track(user, "Order Refunded", order("1", total=5))
    client.screen(user, name="Thanks")
    client.group(user, f"group-{name}", {"plan": "gold"})
    client.alias(f"old-{name}", user)
    client.flush()
    client.shutdown()
    sys.exit(f"the SDK gave up: {errors}" if errors else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
