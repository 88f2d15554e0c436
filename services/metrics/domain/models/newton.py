"""Maximise a log-likelihood by damped Newton steps on the logarithms of its parameters, all of them positive."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# A log-likelihood with its gradient and Hessian, in the parameters themselves.
Likelihood = Callable[[Array], tuple[float, Array, Array]]

MAX_STEPS = 200
LONGEST_STEP = 1.5
# What one observation's gradient may be on average: far below what the data can tell apart.
TOLERANCE = 1e-10
# Beyond this a parameter has run away: the likelihood is flat there.
FARTHEST = 15.0


class Fit(NamedTuple):
    """Where the likelihood is highest. `covariance` is of the logarithms of the parameters; None: it is not definite.

    `problem` says in a word why the parameters are not identified; None: they are.
    """

    parameters: tuple[float, ...]
    log_likelihood: float
    covariance: Array | None
    gradient: float
    steps: int
    problem: str | None

    @property
    def standard_errors(self) -> tuple[float, ...] | None:
        """Of the parameters themselves, by the delta method."""
        if self.covariance is None:
            return None
        spread = np.sqrt(np.diag(self.covariance))
        return tuple(float(value * error) for value, error in zip(self.parameters, spread, strict=True))


def maximise(likelihood: Likelihood, start: Array, observations: float) -> Fit:
    """Climb from `start`. A fit with a `problem` is not to be used."""
    theta = np.log(start)
    value, gradient, hessian = _in_logs(likelihood, theta)
    steps = 0
    enough = TOLERANCE * max(observations, 1.0)
    while np.abs(gradient).max() > enough and steps < MAX_STEPS and np.abs(theta).max() < FARTHEST:
        steps += 1
        move = _ascent(gradient, hessian)
        share = min(1.0, LONGEST_STEP / np.abs(move).max())
        for _ in range(40):
            ahead = _in_logs(likelihood, theta + share * move)
            # Where rounding is all that is left to gain, the gradient decides.
            if ahead[0] >= value or (_is_level(ahead[0], value) and _norm(ahead[1]) < _norm(gradient)):
                break
            share /= 2
        else:
            break
        theta = theta + share * move
        value, gradient, hessian = ahead
    return _fit(theta, value, gradient, hessian, steps, enough)


def _fit(theta: Array, value: float, gradient: Array, hessian: Array, steps: int, enough: float) -> Fit:
    ascending = np.linalg.eigvalsh(-hessian)
    is_definite = bool(ascending[0] > 1e-9 * max(ascending[-1], 1.0))
    problem = None
    if np.abs(theta).max() >= FARTHEST:
        problem = "boundary"
    elif not is_definite:
        problem = "flat"
    elif _norm(gradient) > 1e4 * enough:
        problem = "no_optimum"
    return Fit(
        tuple(map(float, np.exp(theta))),
        float(value),
        np.asarray(np.linalg.inv(-hessian), np.float64) if is_definite else None,
        _norm(gradient),
        steps,
        problem,
    )


def _in_logs(likelihood: Likelihood, theta: Array) -> tuple[float, Array, Array]:
    parameters = np.exp(theta)
    value, gradient, hessian = likelihood(parameters)
    gradient = parameters * gradient
    return value, gradient, np.outer(parameters, parameters) * hessian + np.diag(gradient)


def _ascent(gradient: Array, hessian: Array) -> Array:
    """Newton's step, turned uphill where the likelihood curves the wrong way."""
    values, vectors = np.linalg.eigh(-hessian)
    floor = 1e-8 * max(float(np.abs(values).max()), 1e-300)
    return np.asarray(vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(values), floor)), dtype=np.float64)


def _is_level(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-12 * abs(other)


def _norm(gradient: Array) -> float:
    return float(np.abs(gradient).max())
