"""What a click on a score in a mail is worth: it may be a person's, or that of a machine that looks at links.

Nothing here makes an answer. A verdict says what may be inferred where a firm wants that, and what is shown apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal

Signal = Literal["head", "no_language", "machine_agent", "datacentre", "trap", "soon"]
Reason = Signal | Literal["several_scores", "several_agents", "several_addresses"]
Verdict = Literal["clean", "doubtful", "machine"]

# A person has opened the mail, read it, and aimed: sooner than this after its delivery hardly anybody clicks.
SOON = timedelta(seconds=60)
MACHINE_WEIGHT = 100
# What each reason weighs; from MACHINE_WEIGHT on it was a machine, from 1 on it is in doubt.
WEIGHTS: dict[Reason, int] = {
    "several_scores": 100,
    "trap": 100,
    "head": 60,
    "machine_agent": 60,
    "datacentre": 60,
    "soon": 50,
    "no_language": 50,
    "several_agents": 40,
    "several_addresses": 20,
}
_MACHINE_AGENTS = (
    *("bot", "crawl", "spider", "preview", "scan", "headless", "proofpoint", "mimecast", "barracuda", "safelinks"),
    *("curl", "wget", "python", "httpx", "aiohttp", "go-http", "java/", "okhttp", "libwww", "node-fetch", "axios"),
    *("urldefense", "trendmicro", "sophos", "fortinet", "forcepoint", "cisco", "googleimageproxy"),
)

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Visitor:
    """What a request says of whoever sent it."""

    address: str
    agent: str
    method: str
    has_language: bool


@dataclass(frozen=True, slots=True)
class Click:
    """A link of a mail was fetched: which score of which question (None: the trap, which nobody sees), and what spoke
    against a person. `address` and `agent` are keyed hashes."""

    at: datetime
    question_id: str | None
    score: int | None
    address: bytes
    agent: bytes
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the clicks of an invitation come to. `score` of `question_id` is the newest."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    question_id: str | None
    score: int | None
    last_at: datetime
    clicks: int


def signals_of(
    visitor: Visitor, *, is_trap: bool, since_delivery: timedelta, networks: Sequence[Network]
) -> list[Signal]:
    """What of one request speaks against a person."""
    agent = visitor.agent.lower()
    found: list[tuple[Signal, bool]] = [
        ("trap", is_trap),
        ("head", visitor.method == "HEAD"),
        ("no_language", not visitor.has_language),
        ("machine_agent", not agent or any(name in agent for name in _MACHINE_AGENTS)),
        ("datacentre", is_within(visitor.address, networks)),
        ("soon", since_delivery < SOON),
    ]
    return [signal for signal, is_so in found if is_so]


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address belongs to one of the networks; a text that is no address does not."""
    found = read_address(address)
    return found is not None and any(found.version == each.version and found in each for each in networks)


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address; an IPv4 address that is written as IPv6 is the former."""
    try:
        found = IPv6Address(text) if ":" in text else IPv4Address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def judge(clicks: Sequence[Click]) -> Judgement:
    """What the clicks of one invitation come to; there is at least one."""
    ordered = sorted(clicks, key=lambda click: click.at)
    scored = [click for click in ordered if click.score is not None]
    reasons: set[Reason] = {signal for click in ordered for signal in click.signals}
    if len({click.score for click in scored}) > 1:
        # Two scores and no word from a person: which one was meant is a guess.
        reasons.add("several_scores")
    if len({click.agent for click in ordered}) > 1:
        reasons.add("several_agents")
    if len({click.address for click in ordered}) > 1:
        reasons.add("several_addresses")
    weight = sum(WEIGHTS[reason] for reason in reasons)
    last = scored[-1] if scored else ordered[-1]
    verdict: Verdict = "machine" if weight >= MACHINE_WEIGHT else "doubtful" if weight else "clean"
    return Judgement(verdict, tuple(sorted(reasons)), last.question_id, last.score, ordered[-1].at, len(ordered))
