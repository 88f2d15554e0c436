"""Whose turn it is."""

from collections.abc import Sequence


def next_in_turn(present: Sequence[str], last: str | None) -> str | None:
    """Of those present, in order of their keys, the one after `last`; the first after the end. None: nobody is there.

    As long as the same people are there, nobody gets a second case before everybody got one.
    """
    if not present:
        return None
    return next((each for each in present if last is None or each > last), present[0])
