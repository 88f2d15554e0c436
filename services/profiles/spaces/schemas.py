"""Wire models of Segment's Profile API, as it documents them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from shared.http.profile_api import SpaceCursor


class SpaceTraitOut(BaseModel):
    """A trait, with `verbose`."""

    value: Any
    source_id: str
    updated_at: datetime


class SpaceTraitsOut(BaseModel):
    """A page of traits by name; with `verbose` each is an object of `value`, `source_id` and `updated_at`."""

    traits: dict[str, Any]
    cursor: SpaceCursor


class SpaceExternalIdOut(BaseModel):
    """Something the profile goes by."""

    id: str
    type: str
    source_id: str
    collection: Literal["users"] = "users"
    created_at: datetime
    encoding: Literal["none"] = "none"


class SpaceExternalIdsOut(BaseModel):
    """A page of external ids, the first seen first."""

    data: list[SpaceExternalIdOut]
    cursor: SpaceCursor


class MetadataOut(BaseModel):
    """What is known about the profile itself."""

    created_at: datetime | None
    updated_at: datetime | None
    expires_at: None = Field(None, description="Profiles do not expire.")
    first_source_id: str | None = Field(description="Where the customer was seen first.")


class SpaceMetadataOut(BaseModel):
    """The metadata of a profile."""

    metadata: MetadataOut


class SpaceLinksOut(BaseModel):
    """The accounts a profile is linked to."""

    data: list[Any] = Field(max_length=0, description="No accounts are kept, so nobody is linked to one.")
    cursor: SpaceCursor
