"""Token buckets: so many a second, and a burst. In the memory of one process: n processes allow n times the rate."""

import math
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from shared.errors import TooManyRequests

MAX_BUCKETS = 50_000


class RateLimited(TooManyRequests):
    """The key is over its rate."""

    code = "rate_limited"

    def __init__(self, wait_seconds: float) -> None:
        super().__init__(
            "This key is over its rate; slow down.", retry_after_seconds=max(1, min(300, math.ceil(wait_seconds)))
        )


class TokenBuckets:
    """A bucket per key, `burst` deep, that fills with `rate` tokens a second; a rate of 0 limits nothing."""

    def __init__(self, *, rate: float, burst: int, now: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, tokens: float = 1.0) -> None:
        """Take `tokens` out of the key's bucket.

        More than a whole burst is let through when the bucket is full, and paid back afterwards: a batch larger than
        the bucket would otherwise never pass.

        Raises:
            RateLimited: there are not enough; nothing was taken.
        """
        if self._rate <= 0:
            return
        now = self._now()
        left, at = self._buckets.get(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        needed = min(tokens, self._burst)
        if left < needed:
            raise RateLimited((needed - left) / self._rate)
        self._buckets[key] = (left - tokens, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > MAX_BUCKETS:
            # The longest unused bucket is the fullest: forgetting it forgives the least.
            self._buckets.popitem(last=False)
