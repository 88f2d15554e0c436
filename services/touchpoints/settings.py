"""Settings of the touchpoints service: `TAM_TOUCHPOINTS_…`."""

from pydantic import Field, field_validator

from shared.config import Settings


class TouchpointsSettings(Settings):
    """How long things are kept, and what the door lets in."""

    # While it is kept, it is recognised when it is sent again, for which a shop has seven days.
    retention_days: int = Field(400, ge=9, description="How long a touchpoint is kept after it came in.")
    quarantine_days: int = Field(30, ge=1, description="How long a refused event is kept.")
    events_per_second: float = Field(0, ge=0, description="Events a second per key and process; 0: no limit.")
    events_burst: int = Field(10_000, ge=1, description="Events a key may send at once before the rate holds.")
    body_seconds: float = Field(20, gt=0, description="How long a client may take to send a body.")
    uploads_bytes: int = Field(
        128 * 1024 * 1024, ge=8 * 1024 * 1024, description="Bytes of large bodies that may be coming in at once."
    )
    public_url: str | None = Field(
        None, description="Where browsers reach us, e.g. https://in.shop.example; unset: as they asked for it."
    )

    @field_validator("public_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("it must begin with https:// or http://")
        return value
