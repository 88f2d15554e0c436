"""Likelihoods that are sums over what may have happened: still there, or gone since this moment or that."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import logsumexp

from services.metrics.domain.models.histories import Array


def of_sums(
    weights: Array, parts: Array, slopes: Sequence[Array], curves: Mapping[tuple[int, int], Array]
) -> tuple[float, Array, Array]:
    """Σ weight · log Σ exp(part), with gradient and Hessian.

    `parts` has a row for each history and a column for each thing that may have happened; `slopes` are its derivatives
    by each parameter, `curves` the second ones, by pairs i <= j that are not zero.
    """
    whole = logsumexp(parts, axis=1)
    share = np.exp(parts - whole[:, None])
    means = [(share * each).sum(1) for each in slopes]
    size = len(slopes)
    hessian = np.zeros((size, size))
    for i in range(size):
        for j in range(i, size):
            moment = share * slopes[i] * slopes[j]
            if (i, j) in curves:
                moment += share * curves[i, j]
            hessian[i, j] = hessian[j, i] = weights @ (moment.sum(1) - means[i] * means[j])
    return float(weights @ whole), np.array([weights @ each for each in means]), hessian
