"""Likelihoods that are sums over what may have happened: still there, or gone since this moment or that."""

from collections.abc import Mapping, Sequence

import numpy as np

from services.metrics.domain.models.histories import Array, dot


def of_sums(
    weights: Array, parts: Array, slopes: Sequence[Array], curves: Mapping[tuple[int, int], Array]
) -> tuple[float, Array, Array]:
    """Σ weight · log Σ exp(part), with gradient and Hessian.

    `parts` has a row for each history and a column for each thing that may have happened; `slopes` are its derivatives
    by each parameter, `curves` the second ones, by pairs i <= j that are not zero.
    """
    highest = parts.max(axis=1)
    share = np.exp(parts - highest[:, None])
    sums = share.sum(1)
    share *= (weights / sums)[:, None]
    weighted = [share * each for each in slopes]
    means = [each.sum(1) for each in weighted]
    size = len(slopes)
    hessian = np.zeros((size, size))
    for i in range(size):
        for j in range(i, size):
            moment = dot(weighted[i], slopes[j]) - float((means[i] * means[j] / weights).sum())
            if (i, j) in curves:
                moment += dot(share, curves[i, j])
            hessian[i, j] = hessian[j, i] = moment
    return float(weights @ (highest + np.log(sums))), np.array([each.sum() for each in means]), hessian
