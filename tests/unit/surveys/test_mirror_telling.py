"""What of a wave may be told: never what fewer than five said, alone or as what is left of a total."""

from collections import Counter
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.surveys.mirror.domain.telling import MIN_ANSWERS, MirrorAnswer, tellable
from services.surveys.mirror.domain.wave import OTHER_ROLES, ROLES
from shared.events.catalogue.surveys import AnsweredScore


def said(role: str, score: int = 4) -> MirrorAnswer:
    return MirrorAnswer(uuid4(), role, (AnsweredScore("csat", score),), None, is_shared=False)


@given(st.lists(st.sampled_from([*ROLES, "intern", "board"]), max_size=40))
def test_whatever_is_told_is_of_five_and_so_is_all_that_can_be_taken_from_it(roles: list[str]):
    answers = [said(role) for role in roles]

    told = tellable(answers)

    groups = Counter(answer.role for answer in told)
    assert all(number >= MIN_ANSWERS for number in groups.values())
    # All that is told is in a group that is told: nothing is left of the total.
    assert sum(groups.values()) == len(told)
    assert {answer.id for answer in told} <= {answer.id for answer in answers}
    whole = {role: number for role, number in Counter(roles).items() if number >= MIN_ANSWERS}
    assert {role: number for role, number in groups.items() if role != OTHER_ROLES} == whole
    few = len(roles) - sum(whole.values())
    assert groups.get(OTHER_ROLES, 0) == (few if few >= MIN_ANSWERS else 0)


def test_answers_are_told_in_the_order_of_their_random_ids():
    answers = [said("manager", score) for score in range(8)]

    told = tellable(answers)

    assert [answer.id for answer in told] == sorted(answer.id for answer in answers)


def test_the_one_of_a_role_that_stands_alone_is_left_out_of_everything():
    lonely = said("executive")

    told = tellable([lonely, *(said("manager") for _ in range(9))])

    assert lonely.id not in {answer.id for answer in told}
    assert UUID(int=0) not in {answer.id for answer in told}
    assert len(told) == 9
