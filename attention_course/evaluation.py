"""Scores with their uncertainty: accuracy, intervals, accuracy by review length, paired tests."""

import base64
import binascii
import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from attention_course.errors import ModelError

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

    The report also says which answers were right, packed by :func:`pack_answers`, so that two
    models can be compared example by example later.

    Args:
        probability: of the positive class, shape ``(n,)`` or ``(n, 1)``.
        label: 0 or 1, shape ``(n,)``.
        review_lengths: words per review before truncation, shape ``(n,)``.
    """
    right = (np.ravel(probability) > 0.5) == (np.ravel(label) == 1)
    report = {**_accuracy(right), "right": pack_answers(right)}
    if review_lengths is not None:
        report["by_length"] = accuracy_by_length(right, review_lengths)
    return report


def _accuracy(right: np.ndarray) -> dict[str, Any]:
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
            raise ValueError(f"{len(packed)} bytes for {report['examples']} examples")
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise ModelError(
            f"The answers of a card are missing or damaged ({error}): restore the card with "
            "'git checkout' or train the model again."
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
    from scipy.stats import binomtest

    first, second = np.ravel(first).astype(bool), np.ravel(second).astype(bool)
    if first.size != second.size or not first.size:
        raise ValueError(f"{first.size} and {second.size} answers are not about the same examples.")
    total = first.size
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    apart = only_first + only_second
    difference = (only_second - only_first) / total
    half = _Z95 * math.sqrt(max(apart / total - difference**2, 0) / total)
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
    """Measure stored models again and compare every figure of their cards' ``test`` part.

    Prints one line for each model and one for each figure that differs.

    Args:
        names: models to evaluate.
        tolerance: largest difference of two shares that counts as equal; errors (of any
            magnitude) may differ by ten times this share of themselves.

    Returns:
        True when every model reproduces its card and no card contradicts itself.

    Raises:
        DataError: a data set is not on this machine and cannot be downloaded.
        AssetError, ModelError: a file is missing or damaged.
    """
    from attention_course import cards, models

    agree = True
    for name in names:
        recipe = models.recipe(name)
        card = cards.load_card(name)
        measured = recipe.evaluate(models.load(name), recipe.load_data())
        wrong = [*contradictions(card), *differences(measured, card["test"], tolerance)]
        agree &= not wrong
        print(
            f"{name}: measured {measured['score']:.5g}, card {card['test']['score']:.5g}: "
            f"{'DIFFERENT' if wrong else 'equal'}"
        )
        for line in wrong:
            print(f"  {line}")
    return agree


def differences(
    measured: Any, stored: Any, tolerance: float = 0.001, place: str = "test"
) -> Iterator[str]:
    """Say where two ``test`` parts differ, in a sentence for each place.

    Args:
        measured, stored: dictionaries, lists, numbers and text, nested alike.
        tolerance: see :func:`evaluate_cards`.
        place: what the sentences call the outermost part.
    """
    if isinstance(stored, dict) and isinstance(measured, dict):
        for key in sorted(stored.keys() | measured.keys()):
            inner = f"{place}.{key}"
            if key not in stored or key not in measured:
                where = "card" if key in stored else "measurement"
                yield f"{inner} stands in the {where} alone"
            elif key == "right":
                apart = (unpack_answers(measured) != unpack_answers(stored)).mean()
                if apart > tolerance:
                    yield f"{inner}: {apart:.2%} of the answers differ"
            else:
                is_error = key in ("score", "train_score") and "error" in stored.get("metric", "")
                allowed = 10 * tolerance * abs(stored[key]) if is_error else tolerance
                yield from differences(measured[key], stored[key], allowed, inner)
    elif isinstance(stored, list) and isinstance(measured, list):
        if len(stored) != len(measured):
            yield f"{place}: {len(measured)} values measured, {len(stored)} on the card"
        for index, (one, other) in enumerate(zip(measured, stored, strict=False)):
            yield from differences(one, other, tolerance, f"{place}[{index}]")
    elif isinstance(stored, float) or isinstance(measured, float):
        if not abs(measured - stored) <= tolerance:  # also NaN
            yield f"{place}: measured {measured:.5g}, card {stored:.5g}"
    elif measured != stored:
        yield f"{place}: measured {measured!r}, card {stored!r}"


def contradictions(card: dict[str, Any]) -> Iterator[str]:
    """Say where a card does not agree with itself or with its model file; needs no data.

    Accuracies and intervals follow from the answers, means from the seeds, the checksum from the
    file.
    """
    from attention_course import assets

    path = assets.fetch(card["file"]["path"])
    if hashlib.sha256(path.read_bytes()).hexdigest() != card["file"]["sha256"]:
        yield f"the sha256 of {card['file']['path']} is not the card's"
    if card["seeds"] != [run["seed"] for run in card["runs"]]:
        yield "the seeds are not those of the runs"
    if card["test"] != card["runs"][0]["test"]:
        yield "the test part is not that of the first run"
    scores = [run["test"]["score"] for run in card["runs"]]
    if card["scores"] != {"by_seed": scores, **mean_interval(scores)}:
        yield "the scores are not those of the runs"
    for run in card["runs"]:
        if run["test"].get("metric") != card["test"].get("metric"):
            yield f"seed {run['seed']}: the metric is not that of the first run"
        losses = run["history"].get("val_loss")
        chosen = card["recipe"]["epoch_kept"] == "lowest val_loss"
        if losses and chosen and losses[run["kept_epoch"] - 1] != min(losses):
            yield f"seed {run['seed']}: the epoch kept is not that of the lowest loss"
        if run["test"].get("metric") == "accuracy":
            yield from (f"seed {run['seed']}: {told}" for told in _accuracy_faults(run["test"]))
    if "baseline" in card:
        yield from (f"baseline: {told}" for told in _accuracy_faults(card["baseline"]["test"]))
    seconds = sum(
        sum(part.get("seconds_per_epoch", []))
        for run in card["runs"]
        for part in (run, run.get("refit", {}))
    )
    if abs(seconds - card["training"]["seconds_total"]) > 0.06:
        yield "the seconds of the epochs do not add up to those of the training"


def _accuracy_faults(report: dict[str, Any]) -> Iterator[str]:
    for key, value in _accuracy(unpack_answers(report)).items():
        if report[key] != value:
            yield f"{key} {report[key]} does not follow from the answers, which give {value}"
    groups = report.get("by_length")
    for group in groups or []:
        right = round(group["accuracy"] * group["examples"])
        ends = [round(end, 5) for end in wilson_interval(right, group["examples"])]
        if group["interval"] != ends:
            yield f"the interval of {group['words']} words does not follow from its accuracy"
    if groups is not None:
        share = sum(g["accuracy"] * g["examples"] for g in groups) / report["examples"]
        if abs(share - report["score"]) > 2e-5:
            yield "the groups by length do not add up to the accuracy"
