"""Chances that do not depend on one another: each thing has its own stream, named by the seed and what it is."""

import random


def stream(*names: object) -> random.Random:
    """The numbers of this name: the same in every process and version of the platform."""
    return random.Random("/".join(map(str, names)))


def zipf(chance: random.Random, count: int, exponent: float) -> int:
    """A rank from 0 to `count` − 1; rank r comes about as often as (r + 1) to the power of −`exponent`."""
    if count <= 1:
        return 0
    drawn = chance.random()
    if abs(exponent - 1) < 1e-9:
        place = count**drawn
    else:
        power = 1 - exponent
        place = ((count**power - 1) * drawn + 1) ** (1 / power)
    return min(count - 1, int(place) - 1)
