"""The audit of model cards: measure again, compare, and find what contradicts itself."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from attention_course import assets, models
from attention_course.models import cards
from attention_course.statistics import (
    accuracy,
    mean_interval,
    unpack_answers,
    wilson_interval,
)
from attention_course.training.recipes import recipe as find_recipe


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
    agree = True
    for name in names:
        recipe = find_recipe(name)
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
    for key, value in accuracy(unpack_answers(report)).items():
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
