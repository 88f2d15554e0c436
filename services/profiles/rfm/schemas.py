"""Wire models of the scale of scores."""

from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from services.profiles.rfm.domain import Basis, Scale
from services.profiles.rfm.repository import Standing
from shared.http.schemas import Strict
from shared.money import EXPONENTS

_Days = Annotated[int, Field(ge=0, le=3_650)]
_Orders = Annotated[int, Field(ge=1, le=1_000_000)]
_Minor = Annotated[int, Field(ge=0, lt=2**53)]
_DEFAULT = Scale()


class ScaleIn(Strict):
    """The scale as it shall be: four ascending breaks for each score, or the quintiles of everybody who ordered."""

    basis: Basis = Field(description="`quintiles` are taken now, and once a day; breaks are then left out.")
    recency_days: list[_Days] = Field(
        list(_DEFAULT.recency_days),
        min_length=4,
        max_length=4,
        description="Whose last order is at most the first of them old (in days of 24 hours) scores 5, at most the "
        "second 4, and so on; older than all: 1.",
    )
    orders: list[_Orders] = Field(
        list(_DEFAULT.orders),
        min_length=4,
        max_length=4,
        description="Who has at least the first number of orders that stand scores 2, the fourth 5; fewer: 1.",
    )
    currency: str | None = Field(None, description="ISO 4217; null: there is no monetary score.", examples=["VND"])
    net_minor: list[_Minor] = Field(
        list(_DEFAULT.net_minor),
        min_length=4,
        max_length=4,
        description="Net spend in minor units of the currency: at least the first scores 2, the fourth 5.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for name in ("recency_days", "orders", "net_minor"):
            breaks: list[int] = getattr(self, name)
            if self.basis == "quintiles" and name in self.model_fields_set:
                raise PydanticCustomError("bad_scale", "The breaks of quintiles are counted; leave them out")
            if any(one >= other for one, other in pairwise(breaks)):
                raise PydanticCustomError("bad_scale", "The four breaks ascend, and no two are equal")
        if self.currency is not None and self.currency not in EXPONENTS:
            raise PydanticCustomError("bad_scale", "The currency is an ISO 4217 code such as VND")
        if self.basis == "fixed" and ("net_minor" in self.model_fields_set) != (self.currency is not None):
            raise PydanticCustomError("bad_scale", "Give net_minor and its currency together, or neither")
        return self

    def scale(self) -> Scale:
        """The breaks."""
        (r1, r2, r3, r4), (o1, o2, o3, o4), (m1, m2, m3, m4) = self.recency_days, self.orders, self.net_minor
        return Scale((r1, r2, r3, r4), (o1, o2, o3, o4), self.currency, (m1, m2, m3, m4))


class ScaleOut(BaseModel):
    """The scale that holds."""

    version: int = Field(description="Also its ETag; 0: nobody set it yet, this is what holds by default.")
    basis: Basis
    recency_days: list[int]
    orders: list[int]
    currency: str | None
    net_minor: list[int] | None
    people: int | None = Field(description="How many the quintiles are of.")
    since: datetime | None
    set_by: str | None = Field(description="The key that asked for it; `schedule`: quintiles taken anew.")

    @classmethod
    def of(cls, standing: Standing) -> Self:
        """The wire form."""
        scale = standing.scale
        return cls(
            version=standing.version,
            basis=standing.basis,
            recency_days=list(scale.recency_days),
            orders=list(scale.orders),
            currency=scale.currency,
            net_minor=None if scale.currency is None else list(scale.net_minor),
            people=standing.people,
            since=standing.since,
            set_by=standing.set_by,
        )

    def identity(self) -> bytes:
        """What its ETag is of."""
        return f"rfm\n{self.version}".encode()

    def tag(self) -> str:
        """The opaque part of its ETag."""
        return sha256(self.identity()).hexdigest()[:32]
