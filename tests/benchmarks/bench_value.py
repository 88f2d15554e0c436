"""Fit BG/NBD and Gamma-Gamma and value a base, beside `lifetimes` 0.11.3 on the same data in the same run.

python tests/benchmarks/bench_value.py [customers]

The peer runs in an environment of its own under `.cache/peers`, made on first use. Bases are simulated (BG/NBD, days,
two years); what is timed on both sides is the fit from the plain columns, and the value of twelve months of everybody.
"""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from stand import store

from services.metrics.domain.models import betageo, gamma_gamma
from services.metrics.domain.models.histories import counted
from services.metrics.value.domain.buying import Buying
from services.metrics.value.domain.worth import Base, Question, worth

PEERS = Path(__file__).parents[2] / ".cache" / "peers"
PEER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd
from lifetimes import BetaGeoFitter, GammaGammaFitter
data = np.load(sys.argv[1]); x, t, age, m = (data[k].astype(float) for k in ("x", "t", "age", "m"))
frame = pd.DataFrame({"x": x, "t": t, "age": age, "m": m})
start = time.perf_counter(); bg = BetaGeoFitter(); bg.fit(frame.x, frame.t, frame.age)
fit = time.perf_counter() - start
paid = frame[(frame.x > 0) & (frame.m > 0)]
start = time.perf_counter(); gg = GammaGammaFitter(); gg.fit(paid.x, paid.m); spend = time.perf_counter() - start
start = time.perf_counter()
value = gg.customer_lifetime_value(bg, frame.x, frame.t, frame.age, frame.m, time=12, discount_rate=0.0, freq="D").sum()
print(json.dumps({"fit_s": fit, "spend_fit_s": spend, "value_s": time.perf_counter() - start, "value": float(value),
                  "parameters": list(map(float, bg.params_)), "likelihood": -float(bg._negative_log_likelihood_)
                  if hasattr(bg, "_negative_log_likelihood_") else None}))
"""


def a_base(customers: int) -> dict[str, np.ndarray]:
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


def ours(columns: dict[str, np.ndarray]) -> dict[str, float | list[float]]:
    """Seconds of each part; the value is that of twelve times thirty days."""
    x, t, age, m = (columns[name] for name in ("x", "t", "age", "m"))
    start, cpu = perf_counter(), process_time()
    fit = betageo.fit(counted(x, t, age), "bg_nbd")
    fitted, fit_cpu = perf_counter() - start, process_time() - cpu
    start = perf_counter()
    paid = (x > 0) & (m > 0)
    spend = gamma_gamma.fit(x[paid].astype(float), m[paid])
    spent = perf_counter() - start
    # As the ledger has it: everybody with one history in one row.
    packed, place = np.unique(np.stack((x, t, age)), axis=1, return_inverse=True)
    place = place.ravel()
    base = Base(
        packed[0].astype(float),
        (730 - packed[2]).astype(float),
        (730 - packed[2] + packed[1]).astype(float),
        np.bincount(place).astype(float),
        np.bincount(place, weights=x * m),
    )
    start = perf_counter()
    value = worth(
        base,
        Buying("bg_nbd", fit.parameters),
        gamma_gamma.Parameters(*spend.parameters),
        Question(730, 360, 0.0),
        1.0,
    )
    return {
        "fit_s": fitted,
        "fit_cpu_us_per_customer": 1e6 * fit_cpu / len(x),
        "spend_fit_s": spent,
        "value_s": perf_counter() - start,
        "value": value.value_minor,
        "parameters": list(fit.parameters),
        "histories": len(base.repeats),
    }


def peer(columns: dict[str, np.ndarray]) -> dict[str, float]:
    """The same by lifetimes."""
    python = PEERS / "bin" / "python"
    if not python.exists():
        venv.create(PEERS, with_pip=True)
        needed = ("lifetimes==0.11.3", "pandas<3", "setuptools<81", "numpy<2", "scipy<1.14")
        subprocess.run((python, "-m", "pip", "install", "-q", *needed), check=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "base.npz"
        np.savez(file, **columns)
        done = subprocess.run((python, "-c", PEER, file), capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print and keep the ratios."""
    results = {}
    for customers in [int(each) for each in sys.argv[1:]] or [2_357, 23_570, 1_000_000]:
        columns = a_base(customers)
        ours(columns)
        mine, theirs = ours(columns), peer(columns)
        ratios = {name: round(theirs[name] / float(mine[name]), 1) for name in ("fit_s", "spend_fit_s", "value_s")}  # type: ignore[arg-type]
        off = abs(theirs["value"] / float(mine["value"]) - 1)  # type: ignore[arg-type]
        print(f"{customers:>9,} customers: {ratios} times as fast; value off by {off:.1e}", flush=True)
        results[str(customers)] = {"ours": mine, "lifetimes": theirs, "ratios": ratios}
    store("value", results)


if __name__ == "__main__":
    main()
