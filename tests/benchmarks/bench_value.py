"""Fit BG/NBD and Gamma-Gamma and value a base, beside `lifetimes` 0.11.3 and `clvkit` 0.2.1, on the same data.

python tests/benchmarks/bench_value.py [customers ...]

Bases are CDNOW's sample, as the papers have it, and simulated ones (BG/NBD, days, two years); clvkit is asked up to
30,000 customers. What is timed on all sides, in this order and in one run: the fit from the plain columns, that of the
spend, and the value of everybody in twelve steps of thirty days. Ours runs in a process of its own, whose peak memory
is kept, and also does what happens every few minutes in a shop: the fit of the counted histories anew from where it
was, spend and total value with it. Nothing is kept from one turn to the next: each value is computed from the histories
and the parameters of that turn's fit. Seconds are CPU and wall: where they differ, the machine was shared, or threads
of a library waited for one another. Each is the median of the turns, as many on all sides: what takes a fraction of a
millisecond cannot be timed once. The sides take turns, so that nobody has the machine's good minute alone. Peers live
in environments of their own in the folder for temporary files, made on first use.
"""

import json
import resource
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from stand import store

from services.cli.cdnow import dataset
from services.metrics.domain.models import betageo, gamma_gamma
from services.metrics.domain.models.histories import Histories, counted
from services.metrics.value.domain.buying import Buying
from services.metrics.value.domain.worth import Base, Question, worth

DATASETS = Path(__file__).parents[2] / ".cache" / "datasets"
ENVIRONMENTS = Path(tempfile.gettempdir()) / "tam-peers"
PEERS = {
    "lifetimes": ("lifetimes==0.11.3", "pandas<3", "setuptools<81", "numpy<2", "scipy<1.14"),
    "clvkit": ("clvkit==0.2.1",),
}
# It needs seconds for what takes us milliseconds.
MOST_FOR_CLVKIT = 30_000
# Processes and turns of each, of a base that clvkit is asked for too, and of a greater one.
FEW, MANY = (3, 5), (1, 3)
PEER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd
data = np.load(sys.argv[1]); x, t, age, m = (data[k].astype(float) for k in ("x", "t", "age", "m"))
found = {}
def timed(name, what):
    wall, cpu = time.perf_counter(), time.process_time()
    done = what()
    turn = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    found.setdefault(name, []).append(turn)
    return done
for turn in range(int(sys.argv[2])):
    if sys.argv[3] == "lifetimes":
        from lifetimes import BetaGeoFitter, GammaGammaFitter
        frame = pd.DataFrame({"x": x, "t": t, "age": age, "m": m})
        paid = frame[(frame.x > 0) & (frame.m > 0)]
        bg, gg = BetaGeoFitter(), GammaGammaFitter()
        timed("fit", lambda: bg.fit(frame.x, frame.t, frame.age))
        timed("spend", lambda: gg.fit(paid.x, paid.m))
        value = timed("value", lambda: gg.customer_lifetime_value(
            bg, frame.x, frame.t, frame.age, frame.m, time=12, discount_rate=0.0, freq="D").sum())
        parameters = list(map(float, bg.params_))
    else:
        from clvkit import CustomerBase
        from clvkit.clv import BGNBD, CLV, GammaGamma
        frame = pd.DataFrame({"customer_id": np.arange(len(x)), "frequency": x, "recency": t / 30, "T": age / 30,
                              "monetary_value": m})
        base = CustomerBase(frame, time_unit="D", observation_period_end=pd.Timestamp("2026-01-01"),
                            has_monetary=True, on_negative="net")
        clv = CLV(check_independence=False)
        timed("fit", lambda: clv.transaction_model.fit(base))
        timed("spend", lambda: clv.monetary_model.fit(base))
        clv.time_unit_, clv._cb = "D", base
        value = timed("value", lambda: clv.predict(horizon=12).to_pandas()["clv"].sum())
        parameters = [float(v) for v in clv.transaction_model.params_]
        parameters[1] *= 30
print(json.dumps({"turns": found, "worth": float(value), "parameters": parameters}))
"""
Columns = dict[str, np.ndarray]
Seconds = dict[str, float]


def cdnow() -> Columns:
    """Columns of CDNOW's sample, in days and cents."""
    path = dataset(DATASETS, "lifetimes/datasets/cdnow_customers_summary_with_transactions.csv", 2_358)
    rows = np.genfromtxt(path, delimiter=",", skip_header=1)
    x, t, age = rows[:, 1], rows[:, 2] * 7, rows[:, 3] * 7
    return {
        "x": x.astype(np.int64),
        "t": np.rint(t).astype(np.int64),
        "age": np.rint(age).astype(np.int64),
        "m": np.round(rows[:, 4] * 100),
    }


def a_base(customers: int) -> Columns:
    """Columns of a simulated base: days bought again, day of the last, age, mean amount of those days."""
    dice = np.random.default_rng(3)
    rate, leaving = dice.gamma(0.6, 1 / 40, customers), dice.beta(0.8, 2.5, customers)
    age, clock = dice.integers(30, 730, customers).astype(float), np.zeros(customers)
    x, t, gone = np.zeros(customers, np.int64), np.zeros(customers), np.zeros(customers, bool)
    while True:
        clock = clock + dice.exponential(1 / rate)
        buys = ~gone & (clock < age)
        if not buys.any():
            break
        x, t = x + buys, np.where(buys, clock, t)
        gone |= buys & (dice.random(customers) < leaving)
        clock = np.where(buys, clock, np.inf)
    recency = np.maximum(t.astype(np.int64), x)
    # Gamma-Gamma with p = 6, q = 4, v = 15, in cents.
    nu = dice.gamma(4, 1 / 15, customers)
    means = np.where(x > 0, dice.gamma(np.maximum(6 * x, 1)) / nu / np.maximum(x, 1), 0)
    return {"x": x, "t": recency, "age": np.maximum(age.astype(np.int64), recency), "m": np.round(means * 100)}


class Watch:
    """Seconds of parts in each turn: wall, and CPU of all threads."""

    def __init__(self) -> None:
        self.turns: dict[str, list[Seconds]] = {}

    def __call__(self, name: str, what: Callable[[], Any]) -> Any:
        wall, cpu = perf_counter(), process_time()
        done = what()
        turn = {"wall_s": perf_counter() - wall, "cpu_s": process_time() - cpu}
        self.turns.setdefault(name, []).append(turn)
        return done


def medians(turns: dict[str, list[Seconds]]) -> dict[str, Seconds]:
    """Of each part."""
    return {
        part: {kind: median(each[kind] for each in seconds) for kind in seconds[0]} for part, seconds in turns.items()
    }


def ours(columns: Columns, turns: int) -> dict[str, Any]:
    """Several turns of ours, with what they found."""
    x, t, age, m = (columns[name] for name in ("x", "t", "age", "m"))
    base, means, people = as_in_the_ledger(x, t, age, m)
    asked = Question(0, 360, 0.0)
    watch = Watch()
    for _ in range(turns):
        fit = watch("fit", lambda: betageo.fit(counted(x, t, age), "bg_nbd"))
        spend = watch("spend", lambda: gamma_gamma.fit(*means, weights=people))
        buying, spending = Buying("bg_nbd", fit.parameters), gamma_gamma.Parameters(*spend.parameters)
        value = watch("value", lambda of=buying, by=spending: worth(base, of, by, asked, 1.0))
        watch("refit_and_total", lambda of=fit, by=spending: again(base, means, people, of.parameters, by))
    return {
        "turns": watch.turns,
        "worth": value.value_minor,
        "parameters": list(fit.parameters),
        "histories": len(base.repeats),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def as_in_the_ledger(
    x: np.ndarray, t: np.ndarray, age: np.ndarray, m: np.ndarray
) -> tuple[Base, tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Everybody with one history in one row, as of day 0; repeats and means of those who bought again, and people."""
    packed, place = np.unique((x << 40) | (t << 20) | age, return_inverse=True)
    first = -(packed & ((1 << 20) - 1)).astype(float)
    base = Base(
        (packed >> 40).astype(float),
        first,
        first + ((packed >> 20) & ((1 << 20) - 1)),
        np.bincount(place).astype(float),
        np.bincount(place, weights=x * m),
    )
    paid = (x > 0) & (m > 0)
    spends, people = np.unique((x[paid] << 40) | np.rint(m[paid] * x[paid]).astype(np.int64), return_counts=True)
    often = (spends >> 40).astype(float)
    return base, (often, (spends & ((1 << 40) - 1)) / often), people.astype(float)


def again(
    base: Base,
    means: tuple[np.ndarray, np.ndarray],
    people: np.ndarray,
    start: tuple[float, ...],
    spending: gamma_gamma.Parameters,
) -> float:
    """A refit of a base that has moved by a day, and what all are worth by it."""
    histories: Histories = base.histories(1)
    fit = betageo.fit(histories, "bg_nbd", betageo.Parameters(*start))
    spend = gamma_gamma.fit(*means, start=spending, weights=people)
    buying = Buying("bg_nbd", fit.parameters)
    return worth(base, buying, gamma_gamma.Parameters(*spend.parameters), Question(1, 365, 0.1), 1.0).value_minor


def side(name: str, file: Path, turns: int) -> dict[str, Any]:
    """The turns of one process: of ours, or of a peer by its name."""
    if name == "ours":
        return child((sys.executable, __file__, "--ours", str(file), str(turns)))
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run((python, "-m", "pip", "install", "-q", *PEERS[name]), check=True)
    return child((str(python), "-c", PEER, str(file), str(turns), name))


def child(command: tuple[str, ...]) -> dict[str, Any]:
    """What a process prints last."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def together(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The medians of all turns of these processes, and the most memory that one had; answers are the same in each."""
    parts = runs[0]["turns"]
    turns = {part: [turn for run in runs for turn in run["turns"][part]] for part in parts}
    peaks = {"peak_mb": max(run["peak_mb"] for run in runs)} if "peak_mb" in runs[0] else {}
    return medians(turns) | {name: each for name, each in runs[0].items() if name != "turns"} | peaks


def beside(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """How many times as fast, by CPU and by wall, and how far apart the answers are."""
    ratios = {
        part: {kind: round(theirs[part][kind] / mine[part][kind], 1) for kind in ("cpu_s", "wall_s")}
        for part in ("fit", "spend", "value")
    }
    return ratios | {"worth_off": abs(theirs["worth"] / mine["worth"] - 1)}


def main() -> None:
    """Print and keep the ratios."""
    results: dict[str, Any] = {}
    wanted = {"cdnow": cdnow} | {each: lambda many=int(each): a_base(many) for each in sys.argv[1:] or ["1000000"]}
    with tempfile.TemporaryDirectory() as folder:
        for name, made in wanted.items():
            columns = made()
            file = Path(folder) / "base.npz"
            np.savez(file, **columns)
            processes, turns = FEW if len(columns["x"]) < MOST_FOR_CLVKIT else MANY
            peers = [each for each in PEERS if each == "lifetimes" or len(columns["x"]) < MOST_FOR_CLVKIT]
            runs = [{each: side(each, file, turns) for each in ("ours", *peers)} for _ in range(processes)]
            found = {each: together([run[each] for run in runs]) for each in ("ours", *peers)}
            mine = found["ours"]
            results[name] = {"customers": len(columns["x"]), "ours": mine}
            for each in peers:
                results[name][each] = found[each] | {"ratios": beside(mine, found[each])}
                print(f"{name}: {each} {results[name][each]['ratios']}", flush=True)
            print(f"{name}: refit and total {mine['refit_and_total']}, peak {mine['peak_mb']:.0f} MB", flush=True)
    store("value", results)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        print(json.dumps(ours(dict(np.load(sys.argv[2])), int(sys.argv[3]))))
    else:
        main()
