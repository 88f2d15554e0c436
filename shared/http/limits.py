"""Token buckets: so many a second, and a burst. In the memory of one process: n processes allow n times the rate.

Answers say how it stands in the fields of draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy: "key";q=1000;w=2`
(so many at once, and in so many seconds they are there again) and `RateLimit: "key";r=998;t=1` (so many are left, and
all are there in so many seconds).
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from shared.errors import TooManyRequests
from shared.networks import network

MAX_BUCKETS = 50_000
# A stranger's first mistakes are let pass at once; in the long run one in so many seconds.
BAD_KEYS_AT_ONCE = 30


class RateLimited(TooManyRequests):
    """The key is over its rate."""

    code = "rate_limited"

    def __init__(self, wait_seconds: float, detail: str = "This key is over its rate; slow down.") -> None:
        super().__init__(detail, retry_after_seconds=max(1, min(300, math.ceil(wait_seconds))))


class TokenBuckets:
    """A bucket per key, `burst` deep, that fills with `rate` tokens a second; a rate of 0 limits nothing."""

    def __init__(self, *, rate: float, burst: int, now: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._rate > 0

    def take(self, key: str, tokens: float = 1.0) -> float:
        """Take `tokens` out of the key's bucket; how many are left.

        More than a whole burst is let through when the bucket is full, and paid back afterwards: a batch larger than
        the bucket would otherwise never pass.

        Raises:
            RateLimited: there are not enough; nothing was taken.
        """
        if self._rate <= 0:
            return self._burst
        now = self._now()
        left = self._level(key, now)
        needed = min(tokens, self._burst)
        if left < needed:
            raise RateLimited((needed - left) / self._rate)
        self._buckets[key] = (left - tokens, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > MAX_BUCKETS:
            # The longest unused bucket is the fullest: forgetting it forgives the least.
            self._buckets.popitem(last=False)
        return left - tokens

    def wait_seconds(self, key: str) -> float:
        """How long until the key's bucket has a token; 0: now. Nothing is taken."""
        if self._rate <= 0:
            return 0.0
        return max(0.0, (1.0 - self._level(key, self._now())) / self._rate)

    def policy(self, what: str) -> str:
        """The field `RateLimit-Policy`, for a limit that is called `what`."""
        return f'"{what}";q={self._burst:.0f};w={self._seconds(self._burst)}'

    def state(self, what: str, left: float) -> str:
        """The field `RateLimit`, when so many tokens are left."""
        left = max(0.0, left)
        return f'"{what}";r={int(left)};t={self._seconds(self._burst - left)}'

    def _level(self, key: str, now: float) -> float:
        left, at = self._buckets.get(key, (self._burst, now))
        return min(self._burst, left + (now - at) * self._rate)

    def _seconds(self, tokens: float) -> int:
        return math.ceil(tokens / self._rate)


class Guesses:
    """Credentials that are nobody's, by the network they came from: from where too many came, no more are looked up.

    A secret of 256 bits is not guessed; but looking for made-up ones costs a query each, and who tries is told to stop.
    Whoever was let in from there before still is: one bad neighbour behind a proxy must not lock the others out.
    """

    def __init__(self, per_minute: float = 0.0, *, now: Callable[[], float] = monotonic) -> None:
        """`per_minute` 0 lets everybody try for ever."""
        self._buckets = TokenBuckets(rate=per_minute / 60, burst=BAD_KEYS_AT_ONCE, now=now)

    def refuse_if_spent(self, address: str | None) -> None:
        """Stop who has presented too many.

        Raises:
            RateLimited: too many bad credentials came from this network.
        """
        if address is not None and (wait := self._buckets.wait_seconds(network(address))) > 0:
            raise RateLimited(wait, "Too many bad keys came from this address; come back later.")

    def count(self, address: str | None) -> None:
        """Note a bad credential.

        Raises:
            RateLimited: it was one too many.
        """
        self.refuse_if_spent(address)
        if address is not None:
            self._buckets.take(network(address))
