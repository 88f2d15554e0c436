"""What a firm sets for cases, over HTTP: the policy, calendars, agents, teams and root causes."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from services.surveys.api import Reader, Surveys, Writer
from services.surveys.cases.errors import (
    AgentUnknown,
    BadPolicy,
    CalendarUnknown,
    SettingMoved,
    TeamUnknown,
)
from services.surveys.cases.schemas.match import IfMatch, versions_in
from services.surveys.cases.schemas.policy import PolicyIn, PolicyOut, PolicyVersionOut
from services.surveys.cases.schemas.settings import (
    AgentIn,
    AgentOut,
    AgentsOut,
    CalendarIn,
    CalendarOut,
    CalendarsOut,
    RootCauseIn,
    RootCauseOut,
    RootCausesOut,
    TeamIn,
    TeamOut,
    TeamsOut,
)
from shared.errors import AppError
from shared.http.etag import UNMODIFIED, with_etag
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, number_in, page_of
from shared.http.problems import problems

router = APIRouter(prefix="/v1", tags=["case settings"])

Key = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["hotline"])]
AgentKey = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$", examples=["linh.tran"])]


def _put(model: type[Any], *errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    made: dict[int | str, dict[str, Any]] = {201: {"description": "It is new.", "model": model}}
    return {**made, **problems(BadIdempotencyKey, SettingMoved, *errors)}


def _tagged(request: Request, found: PolicyOut | CalendarOut | AgentOut | TeamOut) -> Response:
    return with_etag(request, found.model_dump_json().encode(), version=found.version)


@router.get("/case-policy", response_model=PolicyOut, responses=UNMODIFIED)
async def case_policy(_: Reader, surveys: Surveys, request: Request) -> Response:
    """Get the policy: which answers open a case, who gets it, how soon it is due, what happens if it is late."""
    return _tagged(request, await surveys.case_settings.policy())


@router.put(
    "/case-policy",
    response_model=PolicyOut,
    responses=problems(BadIdempotencyKey, SettingMoved, BadPolicy),
)
async def set_case_policy(
    body: PolicyIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey, if_match: IfMatch = None
) -> Response:
    """Set the policy, as its next version. Cases that are open stay; what is due in them is worked out anew."""
    said = surveys.case_settings.put_policy(body, by=caller.key_id, if_match=versions_in(if_match), idem=idem)
    return answer(await said)


@router.get("/case-policy-versions", responses=problems(BadCursor))
async def case_policy_versions(
    _: Reader, surveys: Surveys, limit: Limit = 50, cursor: Cursor = None
) -> Page[PolicyVersionOut]:
    """List the policies there were, the latest first."""
    found = await surveys.case_settings.policy_versions(before=number_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.version,))


@router.get("/case-calendars")
async def case_calendars(_: Reader, surveys: Surveys) -> CalendarsOut:
    """List the calendars that clocks are counted by."""
    return CalendarsOut(items=await surveys.case_settings.calendars())


@router.get("/case-calendars/{key}", response_model=CalendarOut, responses={**UNMODIFIED, **problems(CalendarUnknown)})
async def case_calendar(key: Key, _: Reader, surveys: Surveys, request: Request) -> Response:
    """Get a calendar. `default` is there from the beginning, with the public holidays of Vietnam."""
    return _tagged(request, await surveys.case_settings.calendar(key))


@router.put("/case-calendars/{key}", response_model=CalendarOut, responses=_put(CalendarOut))
async def set_case_calendar(
    key: Key, body: CalendarIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey, if_match: IfMatch = None
) -> Response:
    """Set a calendar. What is due by it is worked out anew at once."""
    said = surveys.case_settings.put_calendar(key, body, by=caller.key_id, if_match=versions_in(if_match), idem=idem)
    return answer(await said)


@router.get("/case-agents")
async def case_agents(_: Reader, surveys: Surveys) -> AgentsOut:
    """List those who answer for cases."""
    return AgentsOut(items=await surveys.case_settings.agents())


@router.get("/case-agents/{key}", response_model=AgentOut, responses={**UNMODIFIED, **problems(AgentUnknown)})
async def case_agent(key: AgentKey, _: Reader, surveys: Surveys, request: Request) -> Response:
    """Get an agent."""
    return _tagged(request, await surveys.case_settings.agent(key))


@router.put("/case-agents/{key}", response_model=AgentOut, responses=_put(AgentOut))
async def set_case_agent(
    key: AgentKey, body: AgentIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey, if_match: IfMatch = None
) -> Response:
    """Set an agent, and when they are away: no case is given to them then."""
    said = surveys.case_settings.put_agent(key, body, by=caller.key_id, if_match=versions_in(if_match), idem=idem)
    return answer(await said)


@router.get("/case-teams")
async def case_teams(_: Reader, surveys: Surveys) -> TeamsOut:
    """List the teams."""
    return TeamsOut(items=await surveys.case_settings.teams())


@router.get("/case-teams/{key}", response_model=TeamOut, responses={**UNMODIFIED, **problems(TeamUnknown)})
async def case_team(key: Key, _: Reader, surveys: Surveys, request: Request) -> Response:
    """Get a team."""
    return _tagged(request, await surveys.case_settings.team(key))


@router.put(
    "/case-teams/{key}", response_model=TeamOut, responses=_put(TeamOut, AgentUnknown, CalendarUnknown, BadPolicy)
)
async def set_case_team(
    key: Key, body: TeamIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey, if_match: IfMatch = None
) -> Response:
    """Set a team, whose members get cases in turn."""
    said = surveys.case_settings.put_team(key, body, by=caller.key_id, if_match=versions_in(if_match), idem=idem)
    return answer(await said)


@router.get("/case-root-causes")
async def case_root_causes(_: Reader, surveys: Surveys) -> RootCausesOut:
    """List the root causes that the firm sorts cases by."""
    return RootCausesOut(items=await surveys.case_settings.root_causes())


@router.put(
    "/case-root-causes/{key}",
    response_model=RootCauseOut,
    responses={
        201: {"description": "It is new.", "model": RootCauseOut},
        **problems(BadIdempotencyKey),
    },
)
async def set_case_root_cause(
    key: Key, body: RootCauseIn, caller: Writer, surveys: Surveys, idem: IdempotencyKey
) -> Response:
    """Set a root cause. One that is not active stays with the cases that were closed with it."""
    return answer(await surveys.case_settings.put_root_cause(key, body, by=caller.key_id, idem=idem))
