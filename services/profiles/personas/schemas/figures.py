"""Live figures beside a persona, in the one shape that figures have everywhere."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from services.profiles.personas.domain.persona import Feeling, Group, Metric, Outlook, Sight
from shared.money import EXPONENTS, to_decimal_string

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


class PersonaMoneyIntervalOut(BaseModel):
    """Where an amount would be found, with a probability of `level`; decimal strings in major units."""

    low: str
    high: str
    level: float = 0.95


class _OutlookOut(BaseModel):
    definition: str = Field(description="The id by which metrics explains the figure.")
    n: int = Field(description="The customers of the segment that it is of.")
    as_of: date
    time_zone: str
    staleness_seconds: float = Field(description="Since metrics told it; it tells again when the figure has moved.")
    parameters: dict[str, int]


class PersonaRiskOut(_OutlookOut):
    """A share of the segment's customers, or their mean risk, in per cent."""

    value: float
    unit: Literal["percent"] = "percent"
    interval: PersonaIntervalOut | None = Field(description="null: it is an expectation, not a count.")


class PersonaValueOut(_OutlookOut):
    """What one of the segment's customers will bring, on the mean: a decimal string in major units."""

    value: str
    unit: Literal["money"] = "money"
    currency: str
    interval: PersonaMoneyIntervalOut


class PersonaOutlookOut(BaseModel):
    """Who of the segment's customers has left without a word, and what the others will bring."""

    lapse_rate: PersonaRiskOut
    churn_risk: PersonaRiskOut | None = Field(description="null: no model of these customers is served.")
    predicted_clv: PersonaValueOut | None = Field(description="null: no model of these customers is served.")

    @classmethod
    def of(cls, outlook: Outlook | None, sight: Sight) -> Self | None:
        """The wire form; none: nobody of the segment has bought."""
        if outlook is None:
            return None
        common: dict[str, Any] = {
            "as_of": outlook.as_of,
            "time_zone": sight.time_zone,
            "staleness_seconds": max(0.0, (sight.now - outlook.told_at).total_seconds()),
        }
        ahead = {"n": outlook.valued, "parameters": {"horizon_days": outlook.horizon_days}, **common}
        code = outlook.currency
        is_valued = outlook.valued > 0 and code is not None
        return cls(
            lapse_rate=PersonaRiskOut(
                value=outlook.lapsed_hundredths / 100,
                definition="lapse_rate.v1",
                interval=PersonaIntervalOut(
                    low=outlook.lapsed_low_hundredths / 100, high=outlook.lapsed_high_hundredths / 100
                ),
                n=outlook.customers,
                parameters={"window_days": outlook.lapse_days},
                **common,
            ),
            churn_risk=PersonaRiskOut(
                value=outlook.churn_risk_hundredths / 100, definition="churn_risk.v1", interval=None, **ahead
            )
            if is_valued
            else None,
            predicted_clv=PersonaValueOut(
                value=major(outlook.clv_minor, code),
                definition="predicted_clv.v1",
                currency=code,
                interval=PersonaMoneyIntervalOut(
                    low=major(outlook.clv_low_minor, code), high=major(outlook.clv_high_minor, code)
                ),
                **ahead,
            )
            if is_valued and code is not None
            else None,
        )


def major(minor: int, currency: str) -> str:
    """An amount as a decimal string in major units."""
    return to_decimal_string(minor, currency) if currency in EXPONENTS else str(minor)


class PersonaFiguresOut(BaseModel):
    """What is live beside a persona; more figures may come. Of a metric that nobody answered there is none."""

    members: PersonaFigureOut
    share: PersonaFigureOut
    outlook: PersonaOutlookOut | None = Field(None, description="null: nobody of the segment is known to have bought.")
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
            outlook=None if group is None else PersonaOutlookOut.of(sight.outlooks.get(group.segment_id), sight),
            **{
                metric: None
                if group is None
                else PersonaFeelingOut.of(sight.feelings.get((group.segment_id, metric)), sight)
                for metric in UNITS
            },
        )
