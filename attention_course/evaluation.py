"""Scores with their uncertainty: accuracy, intervals, accuracy by review length."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

_Z95 = 1.959963984540054


def wilson_interval(correct: int, total: int, z: float = _Z95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (Wilson 1927, eq. 10 in Brown et al. 2001).

    Args:
        correct: number of successes.
        total: number of trials, at least 1.
        z: normal quantile; 1.96 gives 95 %.
    """
    if total < 1 or not 0 <= correct <= total:
        raise ValueError(f"{correct} of {total} is no proportion.")
    share = correct / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = (
        z
        / (1 + z * z / total)
        * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    )
    return max(0.0, centre - half), min(1.0, centre + half)


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

    Args:
        probability: of the positive class, shape ``(n,)`` or ``(n, 1)``.
        label: 0 or 1, shape ``(n,)``.
        review_lengths: words per review before truncation, shape ``(n,)``.
    """
    right = (np.ravel(probability) > 0.5) == (np.ravel(label) == 1)
    low, high = wilson_interval(int(right.sum()), right.size)
    report = {
        "score": round(float(right.mean()), 5),
        "metric": "accuracy",
        "interval": [round(low, 5), round(high, 5)],
        "examples": int(right.size),
    }
    if review_lengths is not None:
        report["by_length"] = accuracy_by_length(right, review_lengths)
    return report


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
        if not inside.any():
            continue
        interval = wilson_interval(int(right[inside].sum()), int(inside.sum()))
        groups.append(
            {
                "words": f"{low + 1}-{high}" if high is not None else f"over {low}",
                "examples": int(inside.sum()),
                "accuracy": round(float(right[inside].mean()), 5),
                "interval": [round(value, 5) for value in interval],
            }
        )
    return groups


def evaluate_cards(names: Sequence[str], tolerance: float = 0.001) -> bool:
    """Measure stored models again and print each figure beside its card's.

    Args:
        names: models to evaluate.
        tolerance: largest difference of two accuracies that counts as equal; errors (of any
            magnitude) may differ by ten times this share of themselves.

    Returns:
        True when every model reproduces its card.

    Raises:
        DataError: a data set is not on this machine and cannot be downloaded.
        AssetError, ModelError: a file is missing or damaged.
    """
    from attention_course import cards, models

    agree = True
    for name in names:
        recipe = models.recipe(name)
        card = cards.load_card(name)
        measured = recipe.evaluate(models.load(name), recipe.load_data())["score"]
        stored = card["test"]["score"]
        is_accuracy = "accuracy" in card["test"].get("metric", "")
        allowed = tolerance if is_accuracy else 10 * tolerance * abs(stored)
        same = abs(measured - stored) <= allowed
        agree &= same
        print(
            f"{name}: measured {measured:.5g}, card {stored:.5g}: "
            f"{'equal' if same else 'DIFFERENT'} (tolerance {allowed:.2g})"
        )
    return agree
