"""Reckons what a firm of a size needs from what an event was measured to cost: `python deploy/sizing.py`.

It reads `tests/benchmarks/results/sizing.json` (made by `bench_sizing.py`) and writes `SIZING.md` beside this file; a
test holds the two together. What is assumed stands in `Assumed`, and in the page.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
MEASURED = HERE.parent / "tests" / "benchmarks" / "results" / "sizing.json"
SOAKED = MEASURED.with_name("soak-kafka.json")
PAGE = HERE / "SIZING.md"
WORKERS = ("touchpoints", "profiles", "surveys", "loyalty", "metrics")
CUSTOMERS = (1_000_000, 10_000_000, 100_000_000)
RATES = (1_000, 10_000, 100_000)
GB = 1e9
DAY = 86_400
# Kept for days, whatever number of customers there is; all other tables grow with people and what they bought.
PASSING = ("inbox", "idempotency_keys")
# Emptied at once, or of a fixed size.
EMPTIED = ("outbox", "offsets", "leases", "positions", "members", "assignments", "heads")
LARGEST_SERVER = 64
BUSIEST_SECONDS = 200


@dataclass(frozen=True, slots=True)
class Assumed:
    """What was not measured. Money is in US dollars a month; change it and run this again."""

    busy: float = 0.5
    core_dollars: float = 20.0
    memory_gb_dollars: float = 3.0
    disk_gb_dollars: float = 0.10
    mean_of_peak: float = 0.5
    log_copies: int = 3
    database_copies: int = 2
    log_days: int = 90
    touchpoint_days: int = 400
    passing_days: int = 9
    room: float = 1.5
    hot: float = 0.1


MEANING = {
    "busy": "share of a core that is used at the peak; the rest is for restarts, failures and catching up",
    "core_dollars": "a core",
    "memory_gb_dollars": "a GB of memory",
    "disk_gb_dollars": "a GB of disk",
    "mean_of_peak": "the mean rate of a day, of the rate at its peak (`tam load --daily` has 0.51)",
    "log_copies": "copies of the log",
    "database_copies": "copies of the database",
    "log_days": "days for which the log is kept; money facts are kept for ever and are a small part of it",
    "touchpoint_days": "days of touchpoints in the database (`TAM_TOUCHPOINTS_RETENTION_DAYS`)",
    "passing_days": "days for which the inbox knows an event again",
    "room": "disk for dead rows and the write-ahead log, of the bytes of rows and indexes",
    "hot": "share of the customers' bytes that memory should hold",
}


class Cost(NamedTuple):
    """What an event, and a customer, was measured to cost: microseconds of CPU by process, and bytes."""

    cpu: Mapping[str, int]
    idle: Mapping[str, float]
    memory_mb: Mapping[str, int]
    log_bytes: float
    touchpoint_bytes: float
    passing_bytes: float
    customer_bytes: float


def cost(run: Mapping[str, Any]) -> Cost:
    """Read a run of the benchmark."""
    events, people = run["events"], run["people"]
    touchpoints = passing = lasting = 0
    log = run["kafka_log_bytes_per_event"] * events
    for schema, tables in run["bytes"].items():
        for name, added in tables.items():
            size = added["rows"] + added["indexes"]
            if name in EMPTIED:
                continue
            if schema == "bus":
                log += size
            elif (schema, name) == ("touchpoints", "touchpoints"):
                touchpoints += size
            elif name.startswith(PASSING):
                passing += size
            else:
                lasting += size
    cpu = _by_service(run["cpu_us_per_event"])
    idle, memory = _by_service(run["idle_cores"]), _by_service(run["memory_mb"])
    return Cost(cpu, idle, memory, log / events, touchpoints / events, passing / events, lasting / people)


def _by_service(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("worker/"): value for name, value in found.items()}


def cores(made: Cost, name: str, rate: float, assumed: Assumed) -> float:
    """Cores for a process at a rate of events a second, with room."""
    return made.idle.get(name, 0.0) + rate * made.cpu.get(name, 0) / 1e6 / assumed.busy


def processes(made: Cost, name: str, rate: float, assumed: Assumed) -> int:
    """How many processes that is: one uses one core; two at least, so that one may be restarted."""
    return max(2, math.ceil(cores(made, name, rate, assumed)))


def disk_gb(made: Cost, rate: float, customers: float, assumed: Assumed) -> dict[str, float]:
    """GB of the log and of the database, with all copies, once all is as old as it gets."""
    a_day = rate * assumed.mean_of_peak * DAY
    log = made.log_bytes * a_day * assumed.log_days * assumed.log_copies
    rows = made.touchpoint_bytes * a_day * assumed.touchpoint_days + made.passing_bytes * a_day * assumed.passing_days
    rows += made.customer_bytes * customers
    return {"log": log / GB, "database": rows * assumed.room * assumed.database_copies / GB}


class Need(NamedTuple):
    """What a firm of a size needs."""

    rate: int
    customers: int
    processes: Mapping[str, int]
    postgresql: float
    kafka: float
    partitions: int
    memory: float
    log: float
    database: float
    dollars: float


def need(made: Cost, rate: int, customers: int, assumed: Assumed) -> Need:
    """Cores, partitions, memory, disk and money at this rate, with so many customers."""
    ours = {name: processes(made, name, rate, assumed) for name in ("api", *WORKERS)}
    postgresql, kafka = (cores(made, name, rate, assumed) for name in ("postgresql", "kafka"))
    postgresql, kafka = max(2.0, postgresql), max(3.0, kafka * assumed.log_copies)
    disk = disk_gb(made, rate, customers, assumed)
    memory = sum(number * made.memory_mb[name] / 1e3 for name, number in ours.items())
    memory += 4 + made.customer_bytes * customers * assumed.hot / GB + 4 * assumed.log_copies
    used = sum(ours.values()) + postgresql * assumed.database_copies + kafka
    dollars = used * assumed.core_dollars + memory * assumed.memory_gb_dollars
    dollars += sum(disk.values()) * assumed.disk_gb_dollars
    # Twice as many as readers: so that they share evenly, and may become more.
    partitions = max(4, 2 * max(ours[name] for name in WORKERS))
    return Need(rate, customers, ours, postgresql, kafka, partitions, memory, disk["log"], disk["database"], dollars)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:,.1f}"


def _measured(figures: Mapping[str, Any]) -> str:
    names = ("api", *WORKERS, "postgresql", "kafka")
    rows = []
    for bus, run in figures.items():
        made = cost(run)
        rows.append([f"log on {bus}", *(str(made.cpu[name]) if name in made.cpu else "–" for name in names)])
    return table(["µs of CPU an event", *names], rows)


def _bytes(figures: Mapping[str, Any]) -> str:
    rows = []
    for bus, run in figures.items():
        made = cost(run)
        sizes = (made.log_bytes, made.touchpoint_bytes, made.passing_bytes, made.customer_bytes)
        rows.append([f"log on {bus}", *(f"{size:,.0f}" for size in sizes)])
    return table(
        ["bytes", "log, an event", "touchpoints, an event", "inbox and the like, an event", "all else, a customer"],
        rows,
    )


def _needs(made: Cost, assumed: Assumed) -> str:
    rows = []
    for rate in RATES:
        for customers in CUSTOMERS:
            found = need(made, rate, customers, assumed)
            database = _number(found.postgresql) + (" *" if found.postgresql > LARGEST_SERVER else "")
            ours = [str(found.processes[name]) for name in ("api", *WORKERS)]
            rest = [_number(found.kafka), str(found.partitions), _number(found.memory)]
            disk = [_number(found.log), _number(found.database), f"{found.dollars:,.0f}"]
            rows.append([f"{rate:,}", f"{customers / 1e6:,.0f} M", *ours, database, *rest, *disk])
    head = ["events/s", "customers", "api", *WORKERS, "PostgreSQL", "Kafka", "partitions", "memory GB"]
    return table([*head, "log GB", "database GB", "$ a month"], rows)


def _soaked() -> str:
    soak = json.loads(SOAKED.read_text())
    run, watch, verdict = soak["run"], soak["watch"], soak["verdict"]
    grown = ", ".join(f"{name} {(times - 1) * 100:+.1f} %" for name, times in watch["memory_growth"].items())
    ends = ", ".join(f"{name} {watch['seen'][f'{name} MB'][-1]:.0f} MB" for name in watch["memory_growth"])
    minutes, left = run["seconds"] / 60, watch["seen"]["on the way"][-1]
    # What it can do shows where it has to catch up, in this run or, better, in another.
    most = soak.get("capacity") or {"events_per_second": _busiest(watch["seen"]), "of": "the same run"}
    share = run["rate"] / most["events_per_second"]
    checked = f"{verdict['persons_checked']:,} people, {verdict['events_checked']:,} of their events"
    conditions = f"Conditions: {soak['conditions']}." if "conditions" in soak else "The machine did nothing else."
    return f"""{soak["at"][:10]}, commit {soak["commit"]}, log on {run["bus"]}, one api and one worker for all services:
{run["events"]:,} events in {minutes:.0f} minutes at {run["rate"]:.0f} a second,
which is {share:.0%} of the {most["events_per_second"]:.0f} a second of the busiest {BUSIEST_SECONDS} seconds of
{most["of"]}.
Memory from the middle third to the last: {grown} ({ends} at the end). {left:,} records were on
their way at the end. The check found {len(verdict["differences"])} differences ({checked}), and every
projection that was rebuilt from the log had the digest it had before. Its picture is
`tests/benchmarks/results/soak-{run["bus"]}.svg`, with all that was seen beside it.

{conditions} With the log on PostgreSQL half an hour was not run yet."""


def _busiest(seen: Mapping[str, Sequence[float]]) -> float:
    """Events a second of the busiest time of a run: what it can do, where it had to catch up."""
    times, sent = seen["seconds"], seen["events sent"]
    rates = [0.0]
    for first, began in enumerate(times):
        last = next((place for place, at in enumerate(times) if at - began >= BUSIEST_SECONDS), None)
        if last is not None:
            rates.append((sent[last] - sent[first]) / (times[last] - began))
    return max(rates)


def page(document: Mapping[str, Any], assumed: Assumed) -> str:
    """The whole page."""
    figures = document["figures"]
    run = figures.get("kafka") or next(iter(figures.values()))
    machine = document["machine"]
    assumptions = [[each.name, f"{getattr(assumed, each.name):g}", MEANING[each.name]] for each in fields(assumed)]
    idle = sum(cost(run).idle.values())
    return f"""# What a firm of a size needs

Made by `python deploy/sizing.py` from `tests/benchmarks/results/sizing.json`; to make it anew on your machine:
`python tests/benchmarks/bench_sizing.py && python deploy/sizing.py`. A test holds page and figures together.

## Measured

`tam load --profile shop`: {run["events"]:,} events ({run["people"]:,} people, {run["requests"]:,} acts) over the public
API, an api and a worker for each service in processes of their own; the check found nothing wrong. An event is one call
of an SDK (a page, a product that was viewed, an order), or one request of a CRM or a checkout. {machine["processor"]},
{machine["cores"]} cores, Python {machine["python"]}, commit {document["commit"]}, {document["at"][:10]}; other work ran
on the machine (load {machine["load_average"]:.0f}): CPU is counted by process, what is used idle is taken off.

{_measured(figures)}

{_bytes(figures)}

Idle, all processes together use {idle:.2f} cores. Reads by dashboards and CRMs are not in it: `ARCHITECTURE.md` and
`tests/benchmarks/results` have what a read costs.

All of it at 100 events/s, where batches are small: at high rates an event costs a fraction of this
(`tests/benchmarks/results/way.json` has orders at full rate), so what is reckoned for 10,000 and 100,000 events/s is an
upper bound. So are bytes, because tables of a short run begin with pages that are hardly filled. CPU is a lower bound
where the database no longer fits into memory.

## Assumed

{table(["what", "value", "meaning"], assumptions)}

## Reckoned

Cores at the peak = idle + events/s × µs / 1,000,000 / `busy`. A process of ours uses one core, so that is the number
of processes, two at least. Partitions are twice the readers of the busiest service. Disk is what is there once the
oldest is as old as it gets.

{_needs(cost(run), assumed)}

\\* More than one server of {LARGEST_SERVER} cores: each service has a schema of its own and may have a PostgreSQL of
its own (`TAM_DATABASE_URL` is by process), which divides this by up to five. Beyond that one service would have to be
divided by customers, which is not built: 100,000 events/s of this mix is **not** proven, and is shown so that nobody
hopes.

## Growing

* **More processes**: start them. Consumers share partitions, one relay of each service is elected, apis share a port
  behind the gateway. `tests/fault/test_scaling.py` does it under load, with ten rolling restarts.
* **More partitions** than readers: `tam topics --partitions N` while all runs, then restart workers, then apis. Only
  processes that were started afterwards write to the new ones. A key that moves may have a later event read before an
  earlier one that waits in its old partition; facts are folded by their own times and ids, so that figures are the
  same (proved under load). Who reads a topic on their own and needs a key's order stops the apis, waits until
  `tam_consumer_lag_records` is 0, and starts them again.
* Partitions never become fewer.

## Soak

{_soaked()}

    TAM_TEST_SOAK=1800 TAM_TEST_SOAK_RATE=165 make test-long ARGS="tests/fault/test_soak_load.py"

sends for half an hour, on both buses, and fails where memory grows by more than 5 %, somebody falls behind, the check
finds a difference, or a projection that is rebuilt from the log is not what it was. Take half of the rate at which your
machine's cores are all busy; `TAM_TEST_SOAK_RESULTS` names a folder for the figures and the picture.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(json.loads(MEASURED.read_text()), Assumed()), encoding="utf-8")


if __name__ == "__main__":
    main()
