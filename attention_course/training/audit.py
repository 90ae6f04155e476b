"""The audit of model cards: measure again, compare, and find what contradicts itself."""

from collections.abc import Iterator, Sequence
from typing import Any

from attention_course import assets, models
from attention_course.models import cards
from attention_course.statistics import accuracy, mean_interval, unpack_answers, wilson_interval
from attention_course.training.recipes import recipe as find_recipe
from attention_course.words import mark, tr


def evaluate_cards(names: Sequence[str]) -> bool:
    """Measure the named models again and compare every figure of their cards' ``test`` part.

    Prints one line for each model and one for each figure that differs. Returns True when every
    model reproduces its card and no card contradicts itself.

    Raises:
        DataError: a data set is not on this machine and cannot be downloaded.
        AssetError, ModelError: a file is missing or damaged.
    """
    agree = True
    for name in names:
        recipe = find_recipe(name)
        card = cards.load_card(name)
        measured = recipe.evaluate(models.load(name), recipe.load_data())
        wrong = [*contradictions(card), *differences(measured, card["test"])]
        agree &= not wrong
        numbers = {"name": name, "found": measured["score"], "card": card["test"]["score"]}
        different = mark("{name}: measured {found:.5g}, card {card:.5g}: DIFFERENT")
        equal = mark("{name}: measured {found:.5g}, card {card:.5g}: equal")
        print(tr(different if wrong else equal, **numbers))
        for line in wrong:
            print(f"  {line}")
    return agree


def differences(
    measured: Any, stored: Any, tolerance: float = 0.001, place: str = "test"
) -> Iterator[str]:
    """Say where two ``test`` parts differ, in a sentence for each place.

    Args:
        measured, stored: dictionaries, lists, numbers and text, nested alike.
        tolerance: largest difference of two shares that counts as equal; errors (of any
            magnitude) may differ by ten times this share of themselves.
        place: what the sentences call the outermost part.
    """
    if isinstance(stored, dict) and isinstance(measured, dict):
        for key in sorted(stored.keys() | measured.keys()):
            inner = f"{place}.{key}"
            if key not in measured:
                yield tr("{place} stands in the card alone", place=inner)
            elif key not in stored:
                yield tr("{place} stands in the measurement alone", place=inner)
            elif key == "right":
                apart = (unpack_answers(measured) != unpack_answers(stored)).mean()
                if apart > tolerance:
                    yield tr("{place}: {share:.2%} of the answers differ", place=inner, share=apart)
            else:
                metric = stored.get("metric", "")
                allowed = tolerance
                if key in ("score", "train_score") and "error" in metric:
                    allowed = 10 * tolerance * abs(stored[key])
                if key in ("bleu", "chrf") or (key == "score" and metric == "BLEU"):
                    allowed = 100 * tolerance  # from 0 to 100, other scores from 0 to 1
                yield from differences(measured[key], stored[key], allowed, inner)
    elif isinstance(stored, list) and isinstance(measured, list):
        if len(stored) != len(measured):
            numbers = {"place": place, "found": len(measured), "card": len(stored)}
            yield tr("{place}: {found} values measured, {card} on the card", **numbers)
        for index, (one, other) in enumerate(zip(measured, stored, strict=False)):
            yield from differences(one, other, tolerance, f"{place}[{index}]")
    elif isinstance(stored, float) or isinstance(measured, float):
        if not abs(measured - stored) <= tolerance:  # also NaN
            numbers = {"place": place, "found": measured, "card": stored}
            yield tr("{place}: measured {found:.5g}, card {card:.5g}", **numbers)
    elif measured != stored:
        both = {"place": place, "found": measured, "card": stored}
        yield tr("{place}: measured {found!r}, card {card!r}", **both)


def contradictions(card: dict[str, Any]) -> Iterator[str]:
    """Say where a card does not agree with itself or with its model file; needs no data.

    Accuracies and intervals follow from the answers, means from the seeds, the checksum from the
    file.
    """
    path = assets.fetch(card["file"]["path"])
    if assets.file_sha256(path) != card["file"]["sha256"]:
        yield tr("the sha256 of {file} is not the card's", file=card["file"]["path"])
    if card["seeds"] != [run["seed"] for run in card["runs"]]:
        yield tr("the seeds are not those of the runs")
    if card["test"] != card["runs"][0]["test"]:
        yield tr("the test part is not that of the first run")
    scores = [run["test"]["score"] for run in card["runs"]]
    if card["scores"] != {"by_seed": scores, **mean_interval(scores)}:
        yield tr("the scores are not those of the runs")
    for run in card["runs"]:
        seed = run["seed"]
        if run["test"].get("metric") != card["test"].get("metric"):
            yield tr("seed {seed}: the metric is not that of the first run", seed=seed)
        losses = run["history"].get("val_loss")
        chosen = card["recipe"]["epoch_kept"] == "lowest val_loss"
        if losses and chosen and losses[run["kept_epoch"] - 1] != min(losses):
            yield tr("seed {seed}: the epoch kept is not that of the lowest loss", seed=seed)
        if run["test"].get("metric") == "accuracy":
            for told in _accuracy_faults(run["test"]):
                yield tr("seed {seed}: {told}", seed=seed, told=told)
    if "baseline" in card:
        for told in _accuracy_faults(card["baseline"]["test"]):
            yield tr("baseline: {told}", told=told)
    seconds = sum(sum(cards.epoch_seconds(run)) for run in card["runs"])
    if abs(seconds - card["training"]["seconds_total"]) > 0.06:
        yield tr("the seconds of the epochs do not add up to those of the training")


def _accuracy_faults(report: dict[str, Any]) -> Iterator[str]:
    for key, value in accuracy(unpack_answers(report)).items():
        if report[key] != value:
            told = {"key": key, "card": report[key], "value": value}
            yield tr("{key} {card} does not follow from the answers, which give {value}", **told)
    groups = report.get("by_length")
    for group in groups or []:
        right = round(group["accuracy"] * group["examples"])
        ends = [round(end, 5) for end in wilson_interval(right, group["examples"])]
        if group["interval"] != ends:
            words = group["words"]
            yield tr("the interval of {words} words does not follow from its accuracy", words=words)
    if groups is not None:
        share = sum(g["accuracy"] * g["examples"] for g in groups) / report["examples"]
        if abs(share - report["score"]) > 2e-5:
            yield tr("the groups by length do not add up to the accuracy")
