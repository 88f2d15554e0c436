"""Random histories: after every step everybody is in exactly the segments whose rules hold, says the oracle."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from profiles_world import NOW, World, touchpoint
from segments_oracle import Told, holds

from services.profiles.activity import domain as activity_domain
from services.profiles.activity import repository as activity_repository
from services.profiles.consent.schemas import ConsentIn
from services.profiles.errors import CustomerUnknown
from services.profiles.membership import service as membership
from services.profiles.personas.errors import PersonaCycle
from services.profiles.personas.schemas.persona import PersonaChangeIn, PersonaIn
from services.profiles.rfm.schemas import ScaleIn
from services.profiles.schemas import MergeIn, UnmergeIn
from services.profiles.segments.errors import BadRule, SegmentInUse
from services.profiles.segments.schemas import ListChangeIn, SegmentChangeIn, SegmentIn, SegmentOut
from shared.delivery.inbox import take_new
from shared.errors import AppError
from shared.events.catalogue.loyalty import PointsEarned, PointsSpent, TierChanged
from shared.events.catalogue.metrics import ChurnRiskChanged, ClvBandChanged
from shared.events.catalogue.profiles import SegmentEntered, SegmentLeft
from shared.events.catalogue.surveys import CaseChanged, CaseClosed, SurveyAnswered
from shared.events.catalogue.touchpoints import (
    OrderCancelled,
    OrderChanged,
    OrderPlaced,
    OrderRefunded,
    TouchpointRecorded,
)
from shared.events.envelope import Event
from shared.identity import mapping
from shared.ids import anonymous_key, derived_id, user_key, uuid7

HISTORIES = 60
USERS, VISITORS = ("u", "w", "x"), ("a", "b", "c")
KEYS = [*map(user_key, USERS), *map(anonymous_key, VISITORS)]
REFERENCES = [*(f"user_id:{each}" for each in USERS), *(f"anonymous_id:{each}" for each in VISITORS)]
NAMES = ("Product Viewed", "Cart Viewed")
VALUES: tuple[Any, ...] = (
    None, "Huế", "Đà Nẵng", "", 1, 1.0, 17.5, True, False, ["Huế", 1], {"a": 1}, "2026-02-30", "2026-11-20",
    "2026-11-20T00:00:00+07:00", "2026-11-20T08:00:00", "0001-01-01", "2026-11-20T24:00:00Z",
)  # fmt: skip
ORDERED = ("gt", "gte", "lt", "lte")
TABLES = (
    "customers, identifiers, traits, links, decisions, merge_log, identity, event_days, orders, segments, "
    "segment_versions, list_members, memberships, standings, outbox, inbox, consent_words, consent_announced, "
    "told_facts, rfm_scales, personas, persona_versions"
)
CHANNELS, TRACKS, WALLETS = ("email", "sms"), ("main", "club"), ("points", "coins")
PERSONAS = ("lan", "hoa")
WORDS: Any = {"owner": "CX", "texts": {"vi": {"name": "Lan", "summary": "Mua sắm buổi tối"}}}


def leaf(random: Random, lists: Sequence[UUID]) -> dict[str, Any]:
    """A condition of any kind."""
    op, name, days = random.choice(ORDERED), random.choice(NAMES), random.randint(0, 4)
    trait = random.choice(("city", "since"))
    numeric = random.choice((*ORDERED, "eq", "ne"))
    kinds: list[dict[str, Any]] = [
        {"trait": trait, random.choice(("eq", "ne", "contains")): random.choice(("Huế", "H", 1, True, 17.5, ""))},
        {"trait": trait, "in": random.sample(["Huế", 1, False, "x"], 2)},
        {"trait": trait, "exists": random.random() < 0.5},
        {"trait": trait, "starts_with": random.choice(("H", "2026", ""))},
        {"trait": trait, op: random.choice((1, 17.5, "2026-11-20", "2026-11-19T17:00:00Z", "2020-01-01"))},
        {"identified": random.random() < 0.5},
        {"event": name, "days_since_last": {op: random.randint(0, 2)}},
        {"event": name, "within_days": random.randint(1, 2)},
        {"event": name, "count": {numeric: random.randint(0, 3)}, "within_days": random.randint(1, 4)},
        {"event": name, "count": {numeric: random.randint(0, 3)}},
        {"event": name, "days_since_last": {op: days}},
        {"computed": "days_since_last_order", op: days},
        {"computed": "orders", numeric: random.randint(0, 2)},
        {"computed": random.choice(("net_minor", "gross_minor", "refunds_minor")), "currency": "VND", numeric: 500},
        {"computed": random.choice(("first_order_at", "last_order_at")), op: "2026-11-20"},
    ]
    kinds += [{"list": str(each)} for each in lists]
    return random.choice(kinds if random.random() < 0.5 else newer(random))


def newer(random: Random) -> list[dict[str, Any]]:
    """Sequences, consent, what others tell, scores, personas."""
    numeric, op, name = random.choice((*ORDERED, "eq", "ne")), random.choice(ORDERED), random.choice(NAMES)
    steps = random.choices((*NAMES, "Other"), k=random.choice((2, 2, 3)))
    unit = random.choice(({"within_minutes": 90}, {"within_hours": 30}, {"within_days": 3}))
    return [
        {"sequence": steps, **unit},
        {"sequence": steps, **unit, "without": [random.choice((*NAMES, "Other"))]},
        {"sequence": [*NAMES], **unit, "days_since_last": {op: random.randint(0, 3)}},
        {"sequence": [name, name], **unit, "without": ["Other"]},
        {
            "consent": random.choice(("granted", "withdrawn", "expired", "none")),
            "purpose": "marketing",
            "channel": random.choice(CHANNELS),
        },
        {"computed": "points", "wallet": random.choice(WALLETS), numeric: random.choice((0, 50, 100))},
        {
            "computed": "tier",
            "track": random.choice(TRACKS),
            random.choice(("eq", "ne")): random.choice(("gold", "silver")),
        },
        {"computed": "tier", "track": "main", "in": ["gold", "silver"]},
        {"computed": "tier", "track": "main", "exists": random.random() < 0.5},
        {"computed": "tier_rank", "track": random.choice(TRACKS), numeric: random.randint(1, 2)},
        {"computed": "nps", numeric: random.choice((6, 8, 9))},
        {"computed": "nps_band", random.choice(("eq", "ne")): random.choice(("detractor", "passive", "promoter"))},
        {"computed": "nps_band", "in": ["detractor", "promoter"]},
        {"computed": "nps_band", "exists": random.random() < 0.5},
        {"computed": "days_since_last_nps", op: random.randint(0, 3)},
        {"computed": "open_case", "eq": random.random() < 0.5},
        {
            "computed": random.choice(("churn_risk_band", "clv_band")),
            random.choice(("eq", "ne")): random.choice(("low", "medium", "high")),
        },
        {"computed": "churn_risk_band", "in": ["medium", "high"]},
        {"computed": "clv_band", "exists": random.random() < 0.5},
        {"rfm": random.choice(("recency", "frequency", "monetary")), numeric: random.randint(1, 5)},
        {"persona": random.choice(PERSONAS)},
    ]


def rule(random: Random, lists: Sequence[UUID], depth: int = 0) -> dict[str, Any]:
    """A rule, mostly simple."""
    if depth > 2 or random.random() < 0.6:
        return leaf(random, lists)
    if random.random() < 0.3:
        return {"not": rule(random, lists, depth + 1)}
    return {random.choice(("and", "or")): [rule(random, lists, depth + 1) for _ in range(random.randint(1, 3))]}


class History:
    """One run: what is told to the service is told to the oracle too."""

    def __init__(self, world: World, random: Random) -> None:
        self.world, self.random, self.told = world, random, Told()
        self.rules: dict[UUID, dict[str, Any] | None] = {}
        self.versions: dict[UUID, int] = {}
        self.pool: list[Event[Any]] = []
        self.number = 0

    async def segment(self) -> None:
        lists = [each for each, document in self.rules.items() if document is None]
        document = rule(self.random, lists) if lists else None
        if document is not None and self.rules and self.random.random() < 0.2:
            document = {"and": [{"segment": str(self.random.choice(list(self.rules)))}, document]}
        body = SegmentIn(kind="rule" if document else "static", name=f"S {len(self.versions)}", rule=document)
        answer = await self.world.service.segments.create(body, by="test", idem=None)
        made = SegmentOut.model_validate_json(answer.body)
        self.rules[made.id], self.versions[made.id] = document, 1
        if document is None:
            self.told.lists[made.id] = set()

    async def redefine(self) -> None:
        segment_id = self.random.choice([each for each, document in self.rules.items() if document is not None])
        document = rule(self.random, list(self.told.lists))
        with suppress(SegmentInUse, BadRule):
            if self.random.random() < 0.3:
                await self.world.service.segments.delete(segment_id)
                del self.rules[segment_id]
            else:
                body = SegmentChangeIn(version=self.versions[segment_id], name=str(segment_id), rule=document)
                await self.world.service.segments.change(segment_id, body, by="test", idem=None)
                self.rules[segment_id] = document
                self.versions[segment_id] += 1
        await self.world.service.upkeep.run()

    async def personas(self) -> None:
        """There they are, and nobody belongs to them yet."""
        for key in PERSONAS:
            body = PersonaIn(key=key, status="draft", segment=next(iter(self.rules)), **WORDS)
            await self.world.service.personas.create(body, by="test", idem=None)

    async def people_like(self) -> None:
        """A persona comes into use, goes out of it, or describes another segment."""
        key, segment = self.random.choice(PERSONAS), self.random.choice(list(self.rules))
        status = self.random.choice(("active", "active", "active", "draft", "retired"))
        with suppress(PersonaCycle):
            body = PersonaChangeIn(status=status, segment=segment, **WORDS)
            await self.world.service.personas.change(key, body, by="test", versions=None, idem=None)
            self.told.personas.pop(key, None)
            if status == "active":
                self.told.personas[key] = segment
        await self.world.service.upkeep.run()

    async def rescale(self) -> None:
        """Scores are of another scale."""
        days, orders = sorted(self.random.sample(range(6), 4)), sorted(self.random.sample(range(1, 6), 4))
        self.told.scale = {
            "recency_days": days,
            "orders": orders,
            "currency": "VND",
            "net_minor": [300, 500, 700, 1_000],
        }
        await self.world.service.rfm.put(ScaleIn(basis="fixed", **self.told.scale), by="test", if_match=None, idem=None)
        await self.world.service.upkeep.run()

    async def word(self) -> None:
        """Somebody allows something, or withdraws it."""
        place, channel, granted = self.random.randrange(6), self.random.choice(CHANNELS), self.random.random() < 0.7
        at = self.world.clock.time - timedelta(
            minutes=self.random.choice((0, 0, 60, 600)), seconds=len(self.told.consents)
        )
        until = (
            at + timedelta(hours=self.random.choice((1, 15, 40))) if granted and self.random.random() < 0.6 else None
        )
        change = {"purpose": "marketing", "channel": channel, "state": "granted" if granted else "withdrawn"}
        body = ConsentIn(changes=[{**change, "expires_at": until}], text_version="v1", time=at)  # type: ignore[list-item]
        with suppress(CustomerUnknown):
            await self.world.service.consent.record(REFERENCES[place], body, by="test", idem=None)
            self.told.consents.append((KEYS[place], channel, granted, at, until))

    async def told_by_others(self) -> None:
        """What loyalty tells, in no order, some of it again."""
        batch: list[Event[Any]] = []
        for _ in range(self.random.randint(1, 3)):
            key, version, at = self.random.choice(KEYS), self.random.randint(1, 9), self.world.clock.time
            if self.random.random() < 0.5:
                track, rank = self.random.choice(TRACKS), self.random.randint(0, 2)
                tier = (None, "silver", "gold")[rank]
                # Of one version there is one event.
                if (known := self.told.tiers.get((key, track), (0, 0, None)))[0] != version:
                    if known[0] < version:
                        self.told.tiers[key, track] = (version, rank, tier)
                    data: Any = TierChanged(
                        track=track, tier=tier, rank=rank, previous=None, version=version, reason="set"
                    )
                    batch.append(Event(uuid7(), key, at, at, data))
                continue
            wallet, available = self.random.choice(WALLETS), self.random.choice((0, 40, 60, 100))
            if (had := self.told.points.get((key, wallet), (0, 0)))[0] != version:
                if had[0] < version:
                    self.told.points[key, wallet] = (version, available)
                data = self.random.choice((PointsEarned, PointsSpent))(
                    transaction_id=uuid7(), wallet=wallet, version=version, points=1, available=available, pending=0,
                    held=0, debt=0, reason="test",
                )  # fmt: skip
                batch.append(Event(uuid7(), key, at, at, data))
        async with self.world.db.write() as tx:
            await self.world.service.told.record(tx, [*batch, *batch[:1]])

    async def answers(self) -> None:
        """What surveys tells of answers and complaints, in no order, some of it again."""
        batch: list[Event[Any]] = []
        for _ in range(self.random.randint(1, 3)):
            key, number, version = self.random.choice(KEYS), self.random.randint(0, 3), self.random.randint(1, 9)
            # No two answers are of one moment.
            ago = timedelta(hours=self.random.choice((0, 0, 20, 40)), microseconds=self.random.randint(0, 10**9))
            at, id_ = self.world.clock.time - ago, derived_id(str(key), str(number))
            if self.random.random() < 0.6:
                known, (data, said) = self.told.answers, self.answer(id_, version, at)
                # Others are no NPS, whatever their score.
                other = data.model_copy(update={"response_id": uuid7(), "metric": "csat"})
                batch.append(Event(uuid7(), key, at, at, other))
            else:
                known, (data, said) = self.told.cases, self.case(id_, version)
            # Of one version there is one event.
            if (had := known.get((key, id_), (0, None)))[0] != version:
                if had[0] < version:
                    known[key, id_] = (version, said)
                batch.append(Event(uuid7(), key, at, at, data))
        async with self.world.db.write() as tx:
            await self.world.service.told.record(tx, [*batch, *batch[:1]])

    def answer(self, id_: UUID, version: int, at: datetime) -> tuple[Any, Any]:
        """What is told of an answer, and what of it counts."""
        score = self.random.choice((0, 6, 7, 8, 9, 10, None))
        state = self.random.choice(("partial", "complete", "complete", "withdrawn"))
        verification = self.random.choice(("confirmed", "confirmed", "inferred"))
        counts = score is not None and state != "withdrawn" and verification == "confirmed"
        data = SurveyAnswered(
            response_id=id_, revision=version, survey_id=id_, version=1, state=state, verification=verification,
            channel="link", locale="vi", metric="nps", score=score,
        )  # fmt: skip
        return data, (score, at) if counts else None

    def case(self, id_: UUID, version: int) -> tuple[Any, Any]:
        """What is told of a complaint, and whether it is open."""
        if self.random.random() < 0.3:
            return CaseClosed(
                case_id=id_, version=version, outcome="solved", root_cause="delivery", was_contact_late=False,
                was_resolution_late=False,
            ), False  # fmt: skip
        status = self.random.choice(("open", "in_progress", "waiting_customer", "resolved"))
        merged = self.random.choice((None, None, uuid7()))
        data = CaseChanged(
            case_id=id_, version=version, status=status, owner=None, priority="normal", merged_into=merged
        )
        return data, status != "resolved" and merged is None

    async def outlooks(self) -> None:
        """What metrics tells of risk and value, in no order, some of it again."""
        batch: list[Event[Any]] = []
        for _ in range(self.random.randint(1, 3)):
            key, version = self.random.choice(KEYS), self.random.randint(1, 9)
            # No two are of one moment.
            at = self.world.clock.time - timedelta(microseconds=self.random.randint(0, 10**9))
            band = self.random.choice(("low", "medium", "high", None))
            what = self.random.choice(("churn_risk_band", "clv_band"))
            if (had := self.told.outlooks.get((key, what), (0, None, at)))[0] == version:
                continue
            if had[0] < version:
                self.told.outlooks[key, what] = (version, band, at)
            if what == "clv_band":
                data: Any = ClvBandChanged(
                    band=band, previous=None, value_minor=1, currency="VND", horizon_days=365, version=version
                )
            else:
                data = ChurnRiskChanged(band=band, previous=None, percent=50, horizon_days=365, version=version)
            batch.append(Event(uuid7(), key, at, at, data))
        async with self.world.db.write() as tx:
            await self.world.service.told.record(tx, [*batch, *batch[:1]])

    async def listing(self) -> None:
        segment_id = self.random.choice(list(self.told.lists))
        add, remove = self.random.sample(range(6), 1), self.random.sample(range(6), 1)
        body = ListChangeIn(add=[REFERENCES[each] for each in add], remove=[REFERENCES[each] for each in remove])
        roots, members = await self.people()
        await self.world.service.segments.change_list(segment_id, body, by="test", idem=None)
        listed = self.told.lists[segment_id]
        for each in add:
            root = roots[KEYS[each]]
            if self.told.seen.keys() & members[root] and not listed & members[root]:
                listed.add(root)
        for each in remove:
            listed -= members[roots[KEYS[each]]]

    def fact(self) -> Event[Any]:
        """Something new, at a time of the last five days."""
        random, self.number = self.random, self.number + 1
        ago = timedelta(hours=random.choice((0, 0, 5, 24, 48, 96)), minutes=random.randint(0, 300))
        at, key, id_ = self.world.clock.time - ago, random.choice(KEYS), derived_id("fact", str(self.number))
        order = f"o{random.randint(0, 3)}"
        money = {"order_id": order, "total_minor": random.choice((0, 400, 600)), "currency": "VND", "source": "web"}
        data = random.choice(
            (
                TouchpointRecorded(source="web", call="track", name=random.choice(NAMES)),
                TouchpointRecorded(source="web", call="track", name=random.choice(NAMES)),
                TouchpointRecorded(source="web", call="track", name="Other"),
                OrderPlaced.model_validate(money),
                OrderChanged.model_validate(money),
                OrderRefunded(
                    order_id=order, refund_id=str(random.randint(0, 1)), amount_minor=random.choice((None, 150)),
                    currency=random.choice((None, "VND", "USD")), source="web",
                ),
                OrderCancelled(order_id=order, source="web"),
                None,
                None,
            )
        )  # fmt: skip
        if data is not None and not (isinstance(data, OrderCancelled) and random.random() < 0.7):
            return Event(id_, key, at, at, data)
        return touchpoint(
            str(self.number),
            user=random.choice((*USERS, None)),
            anonymous=random.choice(VISITORS),
            call="identify",
            minute=(at - NOW + timedelta(days=1)) / timedelta(minutes=1),
            recorded=self.world.clock.time,
            traits={random.choice(("city", "since")): random.choice(VALUES)},
        )

    async def facts(self) -> None:
        """A batch, with some that were told before."""
        self.pool += [self.fact() for _ in range(self.random.randint(2, 8))]
        batch = [*self.pool[-6:], *self.random.choices(self.pool, k=self.random.randint(0, 2))]
        events = [event for event in batch if isinstance(event.data, TouchpointRecorded)]
        orders = [event for event in batch if hasattr(event.data, "order_id")]
        calls = [event for event in batch if event not in events and event not in orders]
        async with self.world.db.write() as tx:
            new = await take_new(tx, "profiles.activity", [event.id for event in events])
            once = {event.id: event for event in events if event.id in new}
            await self.world.service.activity.record(tx, [*once.values(), *orders])
        await self.world.play(*calls)
        self.told.events |= {event.id: (event.subject, event.data.name, event.time) for event in events}
        self.told.orders |= {event.id: event for event in orders}
        for event in calls:
            self.told.seen[event.subject] = event.data.user_id is not None
            self.told.traits += [
                (event.subject, name, value, event.time, event.id) for name, value in event.data.traits.items()
            ]

    async def decision(self) -> None:
        one, other = self.random.sample(REFERENCES, 2)
        with suppress(AppError):
            if self.random.random() < 0.5:
                await self.world.service.merge(one, MergeIn(into=other, reason="same"), by="test", idem=None)
            else:
                await self.world.service.unmerge(one, UnmergeIn(reason="another"), by="test", idem=None)

    async def later(self) -> None:
        self.world.clock.time += timedelta(hours=self.random.choice((1, 7, 24, 24, 60)))
        await self.world.service.upkeep.run()

    async def people(self) -> tuple[dict[UUID, UUID], dict[UUID, set[UUID]]]:
        async with self.world.db.read() as tx:
            roots = await mapping.roots(tx, KEYS)
        members: dict[UUID, set[UUID]] = {}
        for key, root in roots.items():
            members.setdefault(root, {root}).add(key)
        return roots, members

    async def check(self) -> None:
        """Who is in what is what the oracle says."""
        _, members = await self.people()
        self.told.rules = self.rules
        people = {root: self.told.person(root, keys) for root, keys in members.items()}
        wanted = {
            (segment_id, root)
            for segment_id, document in self.rules.items()
            for root, person in people.items()
            if person.is_known and holds(document or {"list": str(segment_id)}, person, self.world.clock.time)
        }
        rows = await self.world.rows("SELECT segment_id, customer_id FROM memberships")
        found = {(row.segment_id, row.customer_id) for row in rows}
        assert found == wanted, [(self.rules[each[0]], people.get(each[1])) for each in found ^ wanted]

    async def check_events(self) -> Counter[str]:
        """Entering and leaving take turns, and end where the table is."""
        inside: set[tuple[UUID, UUID]] = set()
        causes: Counter[str] = Counter()
        for event in await self.world.announced(SegmentEntered, SegmentLeft):
            pair = (event.data.segment_id, event.subject)
            assert (pair in inside) is isinstance(event.data, SegmentLeft)
            inside ^= {pair}
            causes[f"{type(event.data).__name__} {event.data.cause}"] += 1
        rows = await self.world.rows("SELECT segment_id, customer_id FROM memberships")
        assert inside == {(row.segment_id, row.customer_id) for row in rows}
        return causes


async def test_membership_equals_brute_force_at_every_step(world: World, monkeypatch: Any) -> None:
    """INVARIANT: membership is a function of facts, mapping, rules and time, and its events tell it exactly.

    Breaks if a change is not looked at, if time is not watched for any condition, or if a merged key keeps a segment.
    """
    monkeypatch.setattr(membership, "PIECE", 2)
    for room in (activity_domain, activity_repository):
        monkeypatch.setattr(room, "MAX_INSTANTS", 3)
    causes: Counter[str] = Counter()
    for seed in range(HISTORIES):
        async with world.db.write() as tx:
            await tx.execute(f"TRUNCATE {TABLES} CASCADE")
        world.clock.time = NOW
        history = History(world, Random(seed))
        history.told.instants_kept = 3
        await history.rescale()
        await history.segment()
        await history.personas()
        for _ in range(history.random.randint(4, 8)):
            await history.segment()
        await world.service.upkeep.run()
        await history.facts()
        await history.facts()
        await history.people_like()
        await history.answers()
        await history.outlooks()
        for _ in range(9):
            step = history.random.choices(
                (
                    *(history.facts, history.decision, history.later, history.listing, history.redefine),
                    *(history.word, history.told_by_others, history.people_like, history.rescale),
                    history.answers,
                    history.outlooks,
                ),
                weights=(6, 2, 8, 1, 2, 3, 2, 2, 1, 2, 2),
            )[0]
            await step()
            await history.check()
        causes += await history.check_events()
    assert {key for key, number in causes.items() if number >= 3} == {
        f"{what} {cause}" for what in ("SegmentEntered", "SegmentLeft") for cause in ("fact", "time", "rule")
    }
