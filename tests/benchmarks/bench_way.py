"""The whole way of an order: POST → bus → recorder → facts → figures. About three minutes.

Sustained: as many orders as are in the figures divided by the time from the first POST to the last change, in batches
of 100; everything on this machine, the load generator too. Fresh: at a fixed rate of orders, one by one and as SDKs
send them, the time from POST to the changed figures of that customer. With a process per service one sees which of
them an order's CPU goes to.
"""

import asyncio
import sys
from time import monotonic
from typing import Any

from stand import Platform, durable_postgres, loaded, percentile, platform, store, until_orders

ORDERS = 60_000
FLOOD_SECONDS = 30.0
# Orders a second, and how many are sent at once: SDKs collect what happens, and send it a few times a second.
RATES = ((100, 1), (500, 1), (1_000, 1), (1_000, 20))
# Of several processes the last two say what the others do.
RATES_OF_SEVERAL = ((1_000, 1), (1_000, 20))
STEADY_SECONDS = 15
WARM_UP = 2_000


async def sustained(under_test: Platform) -> dict[str, Any]:
    """Orders a second, and the CPU of an order."""
    async with under_test.client() as client:
        await loaded("flood", under_test.base_url, under_test.write_key, str(WARM_UP), "100", "30")
        await until_orders(client, WARM_UP)
        before, each_before, started = under_test.spent(), under_test.each_spent(), monotonic()
        sent = await loaded("flood", under_test.base_url, under_test.write_key, str(ORDERS), "100", str(FLOOD_SECONDS))
        await until_orders(client, WARM_UP + int(sent["sent"]))
        seconds, spent = monotonic() - started, under_test.spent().since(before)
        each = {name: used - each_before[name] for name, used in under_test.each_spent().items()}
    count = sent["sent"]
    return {
        "orders": count,
        "orders_per_second": round(count / seconds),
        "taken_per_second": round(count / sent["seconds"]),
        "our_cpu_us_per_order": round(spent.ours / count * 1e6),
        "backend_cpu_us_per_order": round(spent.backend / count * 1e6),
        "cpu_us_per_order_of": {name: round(used / count * 1e6) for name, used in each.items()},
        "cores_used": round((spent.ours + spent.backend) / seconds, 2),
    }


async def fresh(under_test: Platform, url: str, rate: int, batch: int = 1) -> dict[str, Any]:
    """Seconds from POST to answer, and to the changed figure, at a fixed rate."""
    before, started = under_test.spent(), monotonic()
    asked = (str(each) for each in (rate, STEADY_SECONDS, batch))
    measured = await loaded("steady", under_test.base_url, under_test.write_key, url, *asked)
    seconds, spent, count = monotonic() - started, under_test.spent().since(before), len(measured["seen"])
    return {
        "reached_per_second": round(count / measured["seconds"]),
        "answered_ms": {f"p{share}": _ms(measured["posts"], share) for share in (50, 99)},
        "changed_figure_ms": {f"p{share}": _ms(measured["seen"], share) for share in (50, 99)},
        "our_cpu_us_per_order": round(spent.ours / count * 1e6),
        "backend_cpu_us_per_order": round(spent.backend / count * 1e6),
        "cores_used": round((spent.ours + spent.backend) / seconds, 2),
    }


def _ms(seconds: list[float], share: int) -> float:
    return round(percentile(seconds, share / 100) * 1e3, 1)


async def main(names: list[str]) -> None:
    """Measure each way of running, or those that are named."""
    figures: dict[str, Any] = {}
    modes = {
        "one process": ("all",),
        "api and worker": ("api", "worker"),
        "a process per service": ("api", "worker/touchpoints", "worker/profiles", "worker/metrics"),
    }
    for name, roles in modes.items():
        if names and name not in names:
            continue
        async with durable_postgres() as (url, pid), platform(url, pid, roles) as under_test:
            figures[name] = {"sustained": await sustained(under_test)}
            for rate, batch in RATES if len(roles) == 1 else RATES_OF_SEVERAL:
                how = f"at {rate} orders/s" + (f", {batch} at once" if batch > 1 else "")
                figures[name][how] = await fresh(under_test, url, rate, batch)
            print(name, figures[name], file=sys.stderr)
    store("way", figures)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
