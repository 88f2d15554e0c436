"""The base that the papers fit their models to: CDNOW's sample of 2,357 customers, as published with `lifetimes`."""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from services.cli.cdnow import dataset
from services.metrics.domain.models.histories import Array, Histories, counted
from shared.errors import UserError

FOLDER = Path(__file__).parents[3] / ".cache" / "datasets"
WEEK = 7


class Base(NamedTuple):
    """Weeks are days / 7. `holdout` is what was bought in the 39 weeks after, `means` what was spent per repeat."""

    repeats: Array
    recency: Array
    age: Array
    means: Array

    @property
    def histories(self) -> Histories:
        """In days, as we count."""
        columns = (self.repeats, self.recency * WEEK, self.age * WEEK)
        return counted(*(np.rint(each).astype(np.int64) for each in columns))


@cache
def cdnow() -> Base:
    """The sample, fetched once for this checkout; without a package index the test is skipped."""
    rows = _rows("lifetimes/datasets/cdnow_customers_summary_with_transactions.csv", 2_358)
    repeats, recency, age, means = (np.array([float(row[column]) for row in rows]) for column in (1, 2, 3, 4))
    # Days, which the file gives in weeks of two decimals.
    return Base(repeats, np.rint(recency * WEEK) / WEEK, np.rint(age * WEEK) / WEEK, means)


@cache
def donations() -> Histories:
    """11,104 donors with six occasions each."""
    rows = _rows("lifetimes/datasets/donations.csv", 23)
    return Histories(*(np.array([float(row[column]) for row in rows]) for column in range(4)))


def _rows(member: str, lines: int) -> list[list[str]]:
    try:
        path = dataset(FOLDER, member, lines)
    except UserError as error:
        pytest.skip(str(error))
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]
