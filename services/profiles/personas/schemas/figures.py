"""Live figures beside a persona, in the one shape that figures have everywhere."""

from collections.abc import Mapping
from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, Field

from services.profiles.personas.domain.persona import Feeling, Group, Metric, Sight

UNITS: Mapping[Metric, Literal["points", "percent", "score"]] = {"nps": "points", "csat": "percent", "ces": "score"}


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


class PersonaIntervalOut(BaseModel):
    """Where the figure of everybody would be found, with a probability of `level`."""

    low: float
    high: float
    level: float = 0.95


class PersonaFeelingOut(BaseModel):
    """How content the people of the persona's segment are: the figure as metrics told it last."""

    value: float
    unit: Literal["points", "percent", "score"] = Field(description="An NPS is −100 to 100 points.")
    definition: str = Field(description="The id by which metrics explains the figure.")
    interval: PersonaIntervalOut
    n: int = Field(description="How many answers it is made of.")
    days: int = Field(description="Over so many local days, up to and with `as_of`.")
    as_of: date
    time_zone: str
    staleness_seconds: float = Field(description="Since metrics told it.")

    @classmethod
    def of(cls, feeling: Feeling | None, sight: Sight) -> Self | None:
        """The wire form; none: nobody of the segment has answered."""
        if feeling is None:
            return None
        return cls(
            value=feeling.value_hundredths / 100,
            unit=UNITS[feeling.metric],
            definition=feeling.definition,
            interval=PersonaIntervalOut(low=feeling.low_hundredths / 100, high=feeling.high_hundredths / 100),
            n=feeling.n,
            days=feeling.days,
            as_of=feeling.as_of,
            time_zone=sight.time_zone,
            staleness_seconds=max(0.0, (sight.now - feeling.told_at).total_seconds()),
        )


class PersonaFiguresOut(BaseModel):
    """What is live beside a persona; more figures may come. Of a metric that nobody answered there is none."""

    members: PersonaFigureOut
    share: PersonaFigureOut
    nps: PersonaFeelingOut | None = None
    csat: PersonaFeelingOut | None = None
    ces: PersonaFeelingOut | None = None

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
            **{
                metric: None
                if group is None
                else PersonaFeelingOut.of(sight.feelings.get((group.segment_id, metric)), sight)
                for metric in UNITS
            },
        )
