"""Purchase histories, counted: many customers have the same one, and a likelihood needs each only once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
# Days in 2,700 years; three such numbers fit into one of 64 bits.
_LIMIT = 1 << 20
_SPARSE = 8
# Multiplications of a product of matrices for which BLAS wakes no threads, that wait for one another on a busy machine.
_ONE_THREAD = 1 << 18


def dot(one: Array, other: Array) -> float:
    """The sum of the products. Not BLAS, whose threads wait for one another on a busy machine longer than they work."""
    return float(np.einsum("i,i->", one.ravel(), other.ravel()))


def product(one: Array, other: Array) -> Array:
    """The product of two matrices, of so few columns at once that BLAS does it in one thread."""
    at_once, columns = max(1, _ONE_THREAD // one.size), other.shape[1]
    if at_once >= columns:
        return one @ other
    return np.concatenate([one @ other[:, begin : begin + at_once] for begin in range(0, columns, at_once)], axis=1)


def pairs(repeats: Array, age: Array) -> tuple[Array, Array, Ints]:
    """The distinct pairs of both, and the place of each row among them.

    What is expected of whoever is alive depends on these two alone: there are far fewer pairs than histories.
    """
    often, long = repeats.astype(np.int64), age.astype(np.int64)
    width = int(long.max(initial=0)) + 1
    distinct, place = _distinct(often * width + long)
    return (distinct // width).astype(np.float64), (distinct % width).astype(np.float64), place


def numbered(values: Array) -> tuple[Array, Ints]:
    """The distinct values, none below zero, and the place of each among them."""
    whole = values.astype(np.int64)
    if np.count_nonzero(whole != values):
        return np.unique(values, return_inverse=True)
    distinct, place = _distinct(whole)
    return distinct.astype(np.float64), place


def _distinct(numbers: Ints) -> tuple[Ints, Ints]:
    most = int(numbers.max(initial=0))
    if most >= max(_SPARSE * len(numbers), _LIMIT):
        return np.unique(numbers, return_inverse=True)
    # A table of all that could be is quicker than sorting what is.
    distinct = np.bincount(numbers).nonzero()[0]
    places = np.empty(most + 1, np.int64)
    places[distinct] = np.arange(len(distinct))
    return distinct, places[numbers]


@dataclass(frozen=True, slots=True)
class Histories:
    """Distinct histories: `repeats`, `recency` and `age` in days, and how many customers have each."""

    repeats: Array
    recency: Array
    age: Array
    customers: Array

    def __len__(self) -> int:
        return len(self.repeats)

    @property
    def total(self) -> float:
        """All customers."""
        return float(self.customers.sum())

    @property
    def repeaters(self) -> float:
        """Customers who bought again."""
        return float(self.customers[self.repeats > 0].sum())

    def ordered(self) -> "Histories":
        """By repeats, ascending: as they are, if they come from `counted`."""
        if (self.repeats[1:] >= self.repeats[:-1]).all():
            return self
        order = np.argsort(self.repeats, kind="stable")
        return Histories(self.repeats[order], self.recency[order], self.age[order], self.customers[order])

    def sample(self, at_most: int) -> "Histories":
        """Every so-manieth history, the same ones each time: to begin a fit with."""
        step = max(1, len(self) // at_most)
        return Histories(self.repeats[::step], self.recency[::step], self.age[::step], self.customers[::step])


def counted(repeats: Ints, recency: Ints, age: Ints, customers: Ints | None = None) -> Histories:
    """The distinct ones among these histories, in ascending order.

    Raises:
        ValueError: a history that cannot be: negative, a last purchase after its age, or repeats without a day for
            each. Numbers above a million (2,700 years) are refused too.
    """
    is_possible = (
        (repeats >= 0) & (recency >= repeats) & (age >= recency) & (age < _LIMIT) & ((repeats > 0) | (recency == 0))
    )
    if not is_possible.all():
        raise ValueError("a purchase history that cannot be")
    packed = (repeats << 40) | (recency << 20) | age
    if customers is None:
        distinct, counts = np.unique(packed, return_counts=True)
    else:
        distinct, place = np.unique(packed, return_inverse=True)
        counts = np.bincount(place, weights=customers)
    return Histories(
        (distinct >> 40).astype(np.float64),
        ((distinct >> 20) & (_LIMIT - 1)).astype(np.float64),
        (distinct & (_LIMIT - 1)).astype(np.float64),
        counts.astype(np.float64),
    )
