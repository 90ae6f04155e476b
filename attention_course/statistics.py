"""Scores with their uncertainty: accuracy, intervals, accuracy by review length, paired tests."""

import base64
import binascii
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from attention_course.errors import ModelError
from attention_course.words import tr


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of ``correct`` successes in ``total`` trials, at least 1.

    See Wilson (1927) and Brown et al. (2001), equation 10 there.
    """
    from scipy.stats import binomtest

    if total < 1 or not 0 <= correct <= total:
        raise ValueError(tr("{correct} of {total} is no proportion.", correct=correct, total=total))
    low, high = binomtest(correct, total).proportion_ci(method="wilson")
    return float(low), float(high)


def mean_interval(values: Sequence[float]) -> dict[str, Any]:
    """Return the mean of ``values`` and its 95 % interval by Student's t over seeds.

    With a single value there is no spread to measure, and the interval is ``None``.
    """
    numbers = np.asarray(values, dtype=float)
    mean = float(numbers.mean())
    if len(numbers) < 2:
        return {"mean": mean, "interval": None}
    from scipy.stats import t

    half = float(t.ppf(0.975, len(numbers) - 1) * numbers.std(ddof=1) / math.sqrt(len(numbers)))
    return {"mean": mean, "interval": [mean - half, mean + half]}


def accuracy_report(
    probability: ArrayLike, label: ArrayLike, review_lengths: ArrayLike | None = None
) -> dict[str, Any]:
    """Return accuracy with its 95 % interval, and by review length when lengths are given.

    The report also says which answers were right, packed by :func:`pack_answers`, so that two
    models can be compared example by example later.

    Args:
        probability: of the positive class, shape ``(n,)`` or ``(n, 1)``.
        label: 0 or 1, shape ``(n,)``.
        review_lengths: words per review before truncation, shape ``(n,)``.
    """
    right = (np.ravel(probability) > 0.5) == (np.ravel(label) == 1)
    report = {**accuracy(right), "right": pack_answers(right)}
    if review_lengths is not None:
        report["by_length"] = accuracy_by_length(right, review_lengths)
    return report


def accuracy(right: np.ndarray) -> dict[str, Any]:
    """Return the share of right answers, bool ``(n,)``, rounded, with its 95 % interval."""
    low, high = wilson_interval(int(right.sum()), right.size)
    return {
        "score": round(float(right.mean()), 5),
        "metric": "accuracy",
        "interval": [round(low, 5), round(high, 5)],
        "examples": int(right.size),
    }


def pack_answers(right: ArrayLike) -> str:
    """Return truth values ``(n,)`` as text: eight to a byte, in base64."""
    return base64.b64encode(np.packbits(np.ravel(right).astype(bool))).decode("ascii")


def unpack_answers(report: dict[str, Any]) -> np.ndarray:
    """Return which answers of an accuracy report were right, bool of shape ``(examples,)``.

    Raises:
        ModelError: the report holds no answers, or they do not fit its number of examples.
    """
    try:
        packed = base64.b64decode(report["right"], validate=True)
        if len(packed) != -(-report["examples"] // 8):
            told = {"bytes": len(packed), "count": report["examples"]}
            raise ValueError(tr("{bytes} bytes for {count} examples", **told))
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise ModelError(
            "The answers of a card are missing or damaged ({reason}): restore the card with "
            "'git checkout' or train the model again.",
            reason=error,
        ) from error
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=report["examples"])
    return bits.astype(bool)


def mcnemar(first: ArrayLike, second: ArrayLike) -> dict[str, Any]:
    """Compare two classifiers on the same examples (McNemar 1947, in its exact form).

    Only examples that one of them got right and the other wrong tell them apart. If neither is
    better, each of these falls to either side like a fair coin.

    Args:
        first, second: whether each example was answered rightly, shape ``(n,)``, same order.

    Returns:
        ``only_first`` and ``only_second`` (counts), ``difference`` (accuracy of the second minus
        that of the first) with its 95 % ``interval`` (Wald, for paired proportions), and
        ``p_value`` (two-sided, binomial).
    """
    from scipy.stats import binomtest, norm

    first, second = np.ravel(first).astype(bool), np.ravel(second).astype(bool)
    if first.size != second.size or not first.size:
        sizes = {"first": first.size, "second": second.size}
        raise ValueError(
            tr("{first} and {second} answers are not about the same examples.", **sizes)
        )
    total = first.size
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    apart = only_first + only_second
    difference = (only_second - only_first) / total
    half = float(norm.ppf(0.975) * math.sqrt(max(apart / total - difference**2, 0) / total))
    return {
        "only_first": only_first,
        "only_second": only_second,
        "difference": difference,
        "interval": [difference - half, difference + half],
        "p_value": float(binomtest(only_first, apart).pvalue) if apart else 1.0,
    }


def accuracy_by_length(
    right: ArrayLike, lengths: ArrayLike, edges: Sequence[int] = (0, 100, 150, 200, 300, 500)
) -> list[dict[str, Any]]:
    """Return accuracy and its interval for reviews of ``edges[i]+1 .. edges[i+1]`` words.

    The last group has no upper end. Empty groups are left out.
    """
    right, lengths = np.ravel(right).astype(bool), np.ravel(lengths)
    groups = []
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        inside = lengths > low if high is None else (lengths > low) & (lengths <= high)
        if inside.any():
            found = accuracy(right[inside])
            groups.append(
                {
                    "words": f"{low + 1}-{high}" if high is not None else f"over {low}",
                    "examples": found["examples"],
                    "accuracy": found["score"],
                    "interval": found["interval"],
                }
            )
    return groups
