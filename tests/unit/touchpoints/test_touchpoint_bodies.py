"""Bodies: bombs are refused before they unfold, and what careless clients send is read."""

import asyncio
import gzip
import math
from typing import Any

import pytest

from services.touchpoints.domain import bodies
from services.touchpoints.errors import BadGzip, NotJson, Overloaded, TooManyValues
from services.touchpoints.ingest.http import Uploads
from shared.errors import TooLarge


def test_gzip_is_inflated() -> None:
    packed = gzip.compress(b'{"batch":[]}')

    assert bodies.is_gzip(packed)
    assert bodies.inflate(packed) == b'{"batch":[]}'
    assert not bodies.is_gzip(b'{"batch":[]}')


@pytest.mark.parametrize("megabytes", [2, 100])
def test_a_bomb_is_refused(megabytes: int) -> None:
    bomb = gzip.compress(b" " * megabytes * 1024 * 1024)

    assert len(bomb) < 110_000
    with pytest.raises(TooLarge) as refused:
        bodies.inflate(bomb)
    assert refused.value.code == "body_too_large"


def test_a_large_honest_batch_passes() -> None:
    events = b",".join(
        b'{"messageId":"%032x","event":"Product Viewed","userId":"u%d"}' % (i * 7**20, i) for i in range(2500)
    )

    assert bodies.inflate(gzip.compress(b'{"batch":[' + events + b"]}")).startswith(b'{"batch":[')


@pytest.mark.parametrize(
    "broken",
    [
        gzip.compress(b"{}", mtime=0)[:-4],
        gzip.compress(b"{}", mtime=0) + b"x",
        gzip.compress(b"{}", mtime=0) + gzip.compress(b"{}", mtime=0),
        b"\x1f\x8b\x08\x00garbage",
    ],
)
def test_broken_gzip_is_refused(broken: bytes) -> None:
    with pytest.raises(BadGzip):
        bodies.inflate(broken)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'"Ph\u1edf \ud83c\udf5c"', "Phở 🍜"),
        (rb'"cut \ud83c"', "cut \ufffd"),
        (rb'"cut \uDF5C!"', "cut \ufffd!"),
        (rb'["\ud83c","\ud83c\udf5c"]', ["\ufffd", "🍜"]),
        (rb'"a backslash \\ud83c"', r"a backslash \ud83c"),
        (b"\xef\xbb\xbf{}", {}),
    ],
)
def test_half_an_emoji_does_not_cost_the_batch(body: bytes, value: Any) -> None:
    assert bodies.parse(body) == value


def test_nan_of_python_is_read_as_nan() -> None:
    nan, infinite, too_large = bodies.parse(b"[NaN, -Infinity, 1e999]")

    assert math.isnan(nan)
    assert (infinite, too_large) == (-math.inf, math.inf)


def test_a_small_body_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(TooManyValues):
        bodies.parse(b"[" + b"{}," * 5_000_000 + b"{}]")


async def test_many_slow_bodies_together_are_too_much() -> None:
    """Each is within its own limit; the memory is shared."""
    uploads, parts = Uploads(limit_bytes=2_500_000), 3
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> dict[str, Any]:
        arrived.set()
        await go_on.wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    waiting = [asyncio.create_task(uploads.rest(slow, b"x" * 1_000_000)) for _ in range(parts)]
    await arrived.wait()
    go_on.set()
    done = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(each) for each in done].count(Overloaded) >= 1
    assert await uploads.rest(slow, b"x" * 1_000_000) == b"x" * 1_000_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"batch=1",
        b"\xff\xfe",
        '"naïve"'.encode("latin-1"),
        b'"\xed\xa0\x80"',
        b"[" * 100_000,
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        b"9" * 5_000,
        b'{"a":1}{"b":2}',
        b"x" * 3_000_000,
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(NotJson):
        bodies.parse(body)
