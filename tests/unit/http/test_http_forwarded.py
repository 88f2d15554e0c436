"""Who called, behind proxies: whatever a client wrote, the place counted from the end is who the outermost saw."""

import pytest

from shared.http.forwarded import caller

CLIENT, INGRESS, LIE = "203.0.113.7", "10.0.0.5", "198.51.100.1"


def told(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), *((b"x-forwarded-for", value.encode()) for value in values)]


@pytest.mark.parametrize(
    ("values", "proxies", "expected"),
    [
        ((CLIENT,), 1, CLIENT),
        ((f"{LIE}, {CLIENT}",), 1, CLIENT),
        ((LIE, CLIENT), 1, CLIENT),
        ((f"{LIE},{LIE}, {CLIENT}, {INGRESS}",), 2, CLIENT),
        ((f"{CLIENT}, {INGRESS}",), 2, CLIENT),
        # It came past the outermost: whoever called the inner one is the caller.
        ((INGRESS,), 2, INGRESS),
        ((f"{LIE}, {CLIENT}",), 0, None),
        ((), 1, None),
        ((f"{CLIENT}:4711",), 1, CLIENT),
        (("[2001:db8::1]:4711",), 1, "2001:db8::1"),
        (("2001:DB8::1",), 1, "2001:db8::1"),
        (("unknown",), 1, None),
        (("",), 1, None),
        ((f"{CLIENT}, ",), 1, None),
        (("x" * 10_000,), 1, None),
    ],
)
def test_the_caller_is_who_the_outermost_proxy_saw(values: tuple[str, ...], proxies: int, expected: str | None):
    assert caller(told(*values), proxies) == expected
