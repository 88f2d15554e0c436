"""Wire models of the preview of a merge, and of a split."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.profiles.merging.domain import Conflict, Contest
from services.profiles.people.domain import Person
from services.profiles.schemas import MAX_REFERENCE, CustomerOut, IdentifierOut, TraitOut, UnmergeIn

MAX_TAKEN = 100


class ContestOut(BaseModel):
    """A trait, the word that would hold, and why."""

    name: str
    wins: TraitOut | None = Field(description="Null: the trait would be gone.")
    loses: TraitOut | None
    because: Literal["only_word", "later", "same_time", "removed_later", "policy"] = Field(
        description="`later`: the word that wins is of a later time. `same_time`: of two words of one time that of the "
        "greater event id holds. `removed_later`: the other customer's was removed after this was said. "
        "`policy`: the merge policy of the trait chose, see `wins.policy`."
    )

    @classmethod
    def of(cls, contest: Contest) -> Self:
        """The wire form."""
        wins, loses = (None if row is None else TraitOut.of(row) for row in contest[1:3])
        return cls(name=contest.name, wins=wins, loses=loses, because=contest.because)


class ConflictOut(BaseModel):
    """Something that speaks against the merge; it would be done all the same."""

    kind: Literal["different_identifiers", "taken_apart", "evidence_overruled"] = Field(
        description="`different_identifiers`: both have identifiers of the type, and none in common. `taken_apart`: "
        "somebody took the two apart before. `evidence_overruled`: an event says that the customer is somebody else."
    )
    type: str | None = Field(description="The type of the identifiers that differ.")
    keys: list[UUID] = Field(description="The keys that it is about.")

    @classmethod
    def of(cls, conflict: Conflict) -> Self:
        """The wire form."""
        return cls(kind=conflict.kind, type=conflict.type, keys=list(conflict.keys))


class PreviewOut(BaseModel):
    """What a merge would do."""

    after: CustomerOut = Field(description="The person there would be: what the merge would answer.")
    keys: list[UUID] = Field(description="The keys that would come to the person.")
    identifiers: list[IdentifierOut] = Field(description="What the person would be known by in addition.")
    traits: list[ContestOut] = Field(description="Every trait of the two, and which word would hold.")
    conflicts: list[ConflictOut]

    @classmethod
    def of(cls, kept: Person, after: Person, contests: list[Contest], conflicts: list[Conflict]) -> Self:
        """The wire form; `kept` is who takes the other in, as of today."""
        had = {(row.type, row.value) for row in kept.identifiers}
        return cls(
            after=CustomerOut.of(after),
            keys=sorted({*after.members} - {*kept.members}),
            identifiers=[IdentifierOut.of(row) for row in after.identifiers if (row.type, row.value) not in had],
            traits=[ContestOut.of(each) for each in contests],
            conflicts=[ConflictOut.of(each) for each in conflicts],
        )


class SplitIn(UnmergeIn):
    """What is to become a customer of its own, and why."""

    take: list[Annotated[str, Field(min_length=1, max_length=MAX_REFERENCE)]] = Field(
        min_length=1,
        max_length=MAX_TAKEN,
        description="Ids of `members`, or `<type>:<value>`, which takes all members that go by it. What was learnt "
        "under a key goes with the key.",
        examples=[["anonymous_id:3f1c"]],
    )


class SplitOut(BaseModel):
    """The two people there are now."""

    taken: CustomerOut
    rest: CustomerOut
