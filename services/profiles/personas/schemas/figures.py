"""Live figures beside a persona, in the one shape that figures have everywhere."""

from datetime import date
from typing import Self

from pydantic import BaseModel, Field

from services.profiles.personas.domain.persona import Group, Sight


class PersonaFigureOut(BaseModel):
    """A figure that explains itself.

    `persona.members.v1`: persons in the persona's segment now, visitors included; who was merged counts as one.
    `persona.share.v1`: they, divided by all known persons, visitors included.
    """

    value: int | float | None = Field(description="null: the segment is gone, or there is nothing to divide by.")
    unit: str = Field(description="customers or ratio.")
    definition: str = Field(description="The versioned id of what it means.", examples=["persona.members.v1"])
    numerator: int | None = Field(description="Of a quotient: what is divided.")
    denominator: int | None = Field(description="Of a quotient: what it is divided by.")
    interval: None = Field(None, description="Everybody is counted: there is none.")
    as_of: date = Field(description="The firm's day.")
    time_zone: str = Field(description="The IANA time zone of that day.")
    staleness_seconds: float | None = Field(
        description="0 is live; null: not everybody was asked yet since the segment has its rule."
    )
    currency: None = Field(None, description="No figure here is money.")
    parameters: dict[str, int | str] = Field(default_factory=dict)


class PersonaFiguresOut(BaseModel):
    """What is live beside a persona; more figures may come."""

    members: PersonaFigureOut
    share: PersonaFigureOut

    @classmethod
    def of(cls, group: Group | None, sight: Sight) -> Self:
        """The figures of a group; none: its segment is gone."""
        staleness = 0.0 if group is not None and group.is_built else None
        members = None if group is None else group.members

        def figure(name: str, unit: str, value: float | None, *parts: int | None) -> PersonaFigureOut:
            numerator, denominator = parts or (None, None)
            return PersonaFigureOut(
                value=value,
                unit=unit,
                definition=f"persona.{name}.v1",
                numerator=numerator,
                denominator=denominator,
                as_of=sight.as_of,
                time_zone=sight.time_zone,
                staleness_seconds=staleness,
            )

        share = members / sight.people if members is not None and sight.people else None
        return cls(
            members=figure("members", "customers", members),
            share=figure("share", "ratio", share, members, sight.people),
        )
