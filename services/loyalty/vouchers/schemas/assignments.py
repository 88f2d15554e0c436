"""Assignments on the wire."""

from typing import Annotated

from pydantic import BaseModel, Field

from services.loyalty.vouchers.schemas.codes import VoucherOut
from shared.http.schemas import ExternalId, Strict
from shared.money import MAX_MINOR

MAX_REFERENCE = 400


class AssignIn(Strict):
    """A code for a customer."""

    customer: Annotated[str, Field(min_length=1, max_length=MAX_REFERENCE)] = Field(
        description="A customer id, `user_id:<value>` or `anonymous_id:<value>`."
    )
    key: ExternalId | None = Field(
        None, description="Names what it is for, such as an order: the same key never assigns a second code."
    )
    value_minor: Annotated[int, Field(strict=True, ge=1, le=MAX_MINOR)] | None = Field(
        None, description="What a gift card is worth."
    )


class AssignedOut(BaseModel):
    """A voucher and its code, for the customer alone."""

    voucher: VoucherOut
    key: str
    code: str | None = Field(description="Null: it is not kept any more.")


class CodeOut(BaseModel):
    """A code in clear, for its holder alone."""

    code: str
