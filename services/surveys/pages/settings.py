"""Settings of pages: a part of `TAM_SURVEYS_…`."""

from functools import cached_property
from ipaddress import ip_network
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from services.surveys.pages.domain.clicks import Network
from shared.config import Settings


class PagesSettings(Settings):
    """Where pages are, and how much of a crowd they bear."""

    public_url: str | None = Field(
        None,
        description="Where customers reach the platform, such as https://khaosat.example.vn: links to surveys begin "
        "with it. Unset: nobody can be given a whole link, and no mail is sent.",
    )
    machine_networks: str = Field(
        "",
        description="Networks in which no customer sits (scanners of mail, datacentres), as CIDR separated by commas: "
        "clicks from there speak for a machine.",
    )
    visits_per_minute: int = Field(
        60, ge=1, le=100_000, description="Visits to one link in a minute, from everywhere together."
    )
    address_visits_per_minute: int = Field(
        300, ge=1, le=1_000_000, description="Visits to pages and the widget in a minute that one address is allowed."
    )
    click_days: int = Field(180, ge=7, le=3_650, description="How long single clicks on links of mails are kept.")

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("it is the beginning of a URL such as https://khaosat.example.vn")
        return value.rstrip("/")

    @field_validator("machine_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        networks_of(value)
        return value

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        """The networks of machines."""
        return networks_of(self.machine_networks)

    def url_of(self, token: str) -> str | None:
        """The whole link; None: nobody said where we are."""
        return None if self.public_url is None else f"{self.public_url}/s/{token}"


def networks_of(text: str) -> tuple[Network, ...]:
    """The networks in a list.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())
