"""What rules look at, gathered once per person: each function gives the part of a SELECT for one kind of facts.

The parts stand beside each other as lateral tables over the table `person AS p`, whose row is a root `id`, its `keys`,
and in `asked` the bits of the facts to look at: a part whose `bits` are none of them is not read at all. Every value is
a bound parameter: `value(kind, value)` binds one and gives its name, cast to its kind.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from services.profiles.segments.domain.rule import Followed
from services.profiles.trait_schema.domain.declaration import NUMERIC, Declared

Value = Callable[[str, Any], str]

NOW = "CAST(:now AS timestamptz)"
TODAY = "CAST(:today AS date)"
ZONE = "CAST(:zone AS text)"
_MINE = "customer_id = ANY(p.keys)"
_LATEST = "event_time DESC, event_id DESC, customer_id DESC"

KNOWN = """
    SELECT count(*) > 0 AS is_known,
           coalesce(bool_or(identified) FILTER (WHERE customers.id = p.id), false) AS identified
    FROM customers WHERE customers.id = ANY(p.keys)
"""
_SUMS = {
    "gross_minor": "total_minor",
    "refunds_minor": "refunded_minor",
    "net_minor": "total_minor - refunded_minor",
}


def is_asked(bits: int) -> str:
    """Whether any of these facts is to be looked at."""
    return f"(p.asked & {bits}) <> 0"


def lists(bits: int) -> str:
    """The static lists that the person is on."""
    return f"SELECT array_agg(segment_id) AS lists FROM list_members WHERE {is_asked(bits)} AND {_MINE}"


def latest_traits(names: str, bits: int) -> str:
    """The latest word on each of these traits, as one object."""
    return f"""
        SELECT jsonb_object_agg(name, value) FILTER (WHERE value IS NOT NULL) AS traits FROM (
            SELECT DISTINCT ON (name) name, value FROM traits
            WHERE {is_asked(bits)} AND {_MINE} AND name = ANY({names})
            ORDER BY name, event_time DESC, event_id DESC
        ) AS latest
    """


def held_trait(declared: Declared, value: Value, keys: str = "p.keys") -> str:
    """The value that holds of a trait whose merge policy is not the latest word: as `trait_schema.domain.policy`."""
    words = (
        f"FROM traits WHERE customer_id = ANY({keys}) AND name = {value('text', declared.name)} AND value IS NOT NULL"
    )
    if declared.merge_policy == "union":
        said = f"(SELECT value {words} ORDER BY {_LATEST} LIMIT 1)"
        items = f"""
            SELECT jsonb_agg(DISTINCT item) FROM (SELECT value {words} AND jsonb_typeof(value) = 'array') AS said
            CROSS JOIN LATERAL jsonb_array_elements(said.value) AS item WHERE jsonb_typeof(item) = 'string'
        """
        is_any = f"EXISTS (SELECT {words} AND jsonb_typeof(value) = 'array')"
        return f"CASE WHEN {is_any} THEN coalesce(({items}), '[]') ELSE {said} END"
    return f"(SELECT value {words} ORDER BY {_order(declared, value)} LIMIT 1)"


def _order(declared: Declared, value: Value) -> str:
    match declared.merge_policy:
        case "earliest":
            return "event_time, event_id, customer_id"
        case "prefer_identified":
            is_user = "EXISTS (SELECT FROM customers WHERE customers.id = traits.customer_id AND customers.identified)"
            return f"{is_user} DESC, {_LATEST}"
        case "source_priority":
            sources = value("text[]", list(declared.sources))
            last = len(declared.sources) + 1
            of_requests = f"CASE WHEN starts_with(source, 'api:') THEN array_position({sources}, 'api') END"
            # NULL is none of them, and no smallest.
            return f"LEAST({last}, array_position({sources}, source), {of_requests}), {_LATEST}"
        case "max":
            return f"{_rank(declared, value)} DESC NULLS LAST, {_LATEST}"
        case "min":
            return f"{_rank(declared, value)} ASC NULLS LAST, {_LATEST}"
        case _:
            return _LATEST


def _rank(declared: Declared, value: Value) -> str:
    if declared.type in NUMERIC:
        return "CASE WHEN jsonb_typeof(value) = 'number' THEN CAST(value AS numeric) END"
    if declared.type == "enum":
        return f"array_position({value('text[]', list(declared.values))}, value #>> '{{}}')"
    longest = "=" if declared.type == "date" else ">"
    return f"CASE WHEN length(value #>> '{{}}') {longest} 10 THEN as_moment(value #>> '{{}}', 'UTC') END"


def events(name: str, counted: Mapping[int | None, int], last: int | None, bits: int, value: Value) -> str:
    """How often, in windows also since which day, and when last an event was seen.

    Columns `n<n>` and `first<n>` for each number of `counted` (by days of the window), and `last<last>`. Each column
    costs something for each row, so there are no others, and no rows of other events.
    """
    columns: list[str] = []
    for within_days, number in counted.items():
        if within_days is None:
            columns.append(f"coalesce(sum(count), 0) AS n{number}")
            continue
        in_window = f"FILTER (WHERE day > {TODAY} - {value('int', within_days)})"
        columns += [f"coalesce(sum(count) {in_window}, 0) AS n{number}", f"min(day) {in_window} AS first{number}"]
    if last is not None:
        columns.append(f"max(last_at) AS last{last}")
    of_name = f"name = {value('text', name)}"
    return f"SELECT {', '.join(columns)} FROM event_days WHERE {is_asked(bits)} AND {_MINE} AND {of_name}"


def sequence(number: int, asked: Followed, bits: int, value: Value) -> str:
    """When a sequence was complete the last time, as `q<n>_at`.

    `s<k>` of an event of step k is the latest start of a beginning that goes up to it: of all that end there the
    shortest, so that none other can be within the time, or without what must not be in between, if it is not.
    """
    strictly_before = "OVER (ORDER BY at RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL '1 microsecond' PRECEDING)"
    names = value("text[]", sorted({*asked.steps, *asked.without}))
    rows = f"""
        SELECT moment.at, name, CASE WHEN name = {value("text", asked.steps[0])} THEN moment.at END AS s1
        FROM event_days CROSS JOIN LATERAL unnest(instants) AS moment (at)
        WHERE {is_asked(bits)} AND {_MINE} AND name = ANY({names})
    """
    for place, step in enumerate(asked.steps[1:], 2):
        broken = ""
        if place == len(asked.steps) and asked.without:
            without = value("text[]", list(asked.without))
            broken = f", max(CASE WHEN name = ANY({without}) THEN at END) {strictly_before} AS broken"
        rows = f"""
            SELECT *, CASE WHEN name = {value("text", step)} THEN max(s{place - 1}) {strictly_before} END AS s{place}
            {broken} FROM ({rows}) AS t{place - 1}
        """
    last = f"s{len(asked.steps)}"
    unbroken = f" AND (broken IS NULL OR broken <= {last})" if asked.without else ""
    within = f"at - {last} <= {value('int', asked.within_minutes)} * INTERVAL '1 minute'"
    return f"SELECT max(at) AS q{number}_at FROM ({rows}) AS chains WHERE {within}{unbroken}"


def orders(sums: Iterable[tuple[str, str]], bits: int, value: Value) -> str:
    """Orders that stand, and sums of money as `m<n>` in the order of `sums` (what, currency)."""
    columns = ["count(*) AS orders", "min(placed_at) AS first_order_at", "max(placed_at) AS last_order_at"]
    for number, (total, currency) in enumerate(sums):
        of_currency = f"FILTER (WHERE currency = {value('text', currency)})"
        columns.append(f"coalesce(sum({_SUMS[total]}) {of_currency}, 0) AS m{number}")
    return f"SELECT {', '.join(columns)} FROM orders WHERE {is_asked(bits)} AND {_MINE} AND NOT is_cancelled"


def consents(asked: Sequence[tuple[str, str]], bits: int, value: Value) -> str:
    """The latest word on each purpose and channel: columns `c<n>_granted` and `c<n>_until`; NULL: nobody said any."""
    columns: list[str] = []
    tables: list[str] = []
    for number, (purpose, channel) in enumerate(asked):
        columns.append(f"w{number}.granted AS c{number}_granted, w{number}.expires_at AS c{number}_until")
        tables.append(
            f"""
            LEFT JOIN LATERAL (
                SELECT granted, expires_at FROM consent_words
                WHERE {is_asked(bits)} AND {_MINE}
                  AND purpose = {value("text", purpose)} AND channel = {value("text", channel)}
                ORDER BY event_time DESC, granted, id DESC LIMIT 1
            ) AS w{number} ON true
            """
        )
    return f"SELECT {', '.join(columns)} FROM (SELECT) AS nothing {' '.join(tables)}"


def told(facts: Collection[str], wallets: Mapping[str, int], tracks: Mapping[str, int], bits: int, value: Value) -> str:
    """What other services tell: `points<n>` of a wallet, `tier<n>` and `rank<n>` of a track, `nps` and `nps_at`,
    `open_case`, `churn_risk` and `clv` as bands.

    Points are those of all keys. A tier is one person's: that of the root, or until one was told of it, the highest.
    So is a band: that of the root, or until one was told of it, the latest.
    """
    columns: list[str] = []
    for wallet, number in wallets.items():
        of_wallet = f"FILTER (WHERE fact = 'points' AND part = {value('text', wallet)})"
        columns.append(f"coalesce(sum(number) {of_wallet}, 0) AS points{number}")
    for track, number in tracks.items():
        of_track = f"FILTER (WHERE fact = 'tier' AND part = {value('text', track)})"
        first = f"ORDER BY customer_id = p.id DESC, number DESC, word) {of_track}"
        columns.append(f"(array_agg(word {first})[1] AS tier{number}, (array_agg(number {first})[1] AS rank{number}")
    if "nps" in facts:
        counted = "FILTER (WHERE fact = 'nps' AND word IS NOT NULL)"
        columns.append(f"(array_agg(number ORDER BY told_at DESC, part DESC) {counted})[1] AS nps")
        columns.append(f"max(told_at) {counted} AS nps_at")
    if "case" in facts:
        columns.append("coalesce(bool_or(fact = 'case' AND number > 0), false) AS open_case")
    for which in ("churn_risk", "clv"):
        if which in facts:
            latest = f"ORDER BY customer_id = p.id DESC, told_at DESC, customer_id) FILTER (WHERE fact = '{which}'"
            columns.append(f"split_part((array_agg(word {latest} AND word IS NOT NULL))[1], ' ', 1) AS {which}")
    of_facts = f"fact = ANY({value('text[]', sorted(facts))})"
    return f"SELECT {', '.join(columns)} FROM told_facts WHERE {is_asked(bits)} AND {_MINE} AND {of_facts}"
