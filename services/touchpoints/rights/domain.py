"""Who a refused event names, as far as it can be read."""

from collections.abc import Iterator
from typing import Any

import orjson

# Of a refused event; more is no event.
MAX_LEAVES = 500


def leaves(raw: str) -> Iterator[str]:
    """The texts and numbers that stand in a refused event; none where it was cut, or is no JSON."""
    try:
        pending: list[Any] = [orjson.loads(raw)]
    except orjson.JSONDecodeError:
        return
    number = 0
    while pending and number < MAX_LEAVES:
        each = pending.pop()
        if isinstance(each, dict):
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)
        elif isinstance(each, str | int) and not isinstance(each, bool):
            number += 1
            yield str(each)
