"""Curves fitted to time against sequence length, and where two of them cross.

Lengths and seconds have the shape (n,) and are above zero.
"""

from typing import Any

import numpy as np

from attention_course.experiments.benchmarks.common import BenchmarkError, significant

CONFIDENCE = 0.95


def power_law(lengths: Any, seconds: Any) -> dict[str, Any]:
    """Fit seconds = factor · length^exponent, by least squares of the logarithms.

    The ``standard_error`` of the exponent comes from the scatter of the points about the line, its
    95 % ``interval`` from Student's t with n - 2 degrees of freedom. Fewer than three lengths raise
    ``BenchmarkError``.
    """
    from scipy import stats

    x, y = np.log(lengths), np.log(seconds)
    if x.size < 3:
        raise BenchmarkError("An exponent needs at least three lengths, not {count}.", count=x.size)
    line = stats.linregress(x, y)
    margin = stats.t.ppf((1 + CONFIDENCE) / 2, x.size - 2) * line.stderr
    return {
        "exponent": significant(line.slope),
        "standard_error": significant(line.stderr),
        "interval": [significant(line.slope - margin), significant(line.slope + margin)],
        "factor": significant(np.exp(line.intercept)),
    }


def linear_and_quadratic(lengths: Any, seconds: Any) -> dict[str, float]:
    """Fit seconds = a · length + b · length², by least squares of the relative errors.

    Relative, because the longest length would otherwise decide alone. Beside ``a`` and ``b``,
    ``crossing`` is the length a / b at which both terms are equal (None unless both are above
    zero), and ``misfit`` the largest relative error of the fit.
    """
    lengths, seconds = np.asarray(lengths, dtype=float), np.asarray(seconds, dtype=float)
    terms = np.stack([lengths / seconds, lengths**2 / seconds], axis=1)
    (a, b), *_ = np.linalg.lstsq(terms, np.ones_like(seconds), rcond=None)
    return {
        "a": significant(a),
        "b": significant(b),
        "crossing": significant(a / b) if a > 0 and b > 0 else None,
        "misfit": significant(np.abs(terms @ [a, b] - 1).max()),
    }


def crossing(lengths: Any, first: Any, second: Any) -> float | None:
    """Return the length from which ``second`` takes longer than ``first``.

    Between two lengths, the logarithm of their ratio is taken as a straight line over the
    logarithm of the length. None when the second does not overtake the first within the lengths.
    """
    x = np.log(lengths)
    above = np.log(np.asarray(second, dtype=float) / np.asarray(first, dtype=float))
    for left in range(len(x) - 1):
        if above[left] < 0 <= above[left + 1]:
            share = above[left] / (above[left] - above[left + 1])
            return significant(np.exp(x[left] + share * (x[left + 1] - x[left])))
    return None
