"""How good translations are: BLEU and chrF by sacrebleu, and wrong letters.

BLEU (Papineni et al. 2002) counts which sequences of one to four words are also in the reference,
chrF (Popović 2015) does so with letters. Both go from 0 to 100. The signature says exactly what was
counted, so that others can compare (Post 2018, arXiv 1804.08771).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SAMPLES = 1_000
"""Of the bootstrap that an interval comes from (Koehn 2004)."""


def report(found: Sequence[str], expected: Sequence[str]) -> dict[str, Any]:
    """Return BLEU and chrF of translations beside one reference each.

    Each has its ``score`` and its 95 % ``interval`` by bootstrap over the sentences; ``bleu`` also
    the ``brevity_penalty`` and the ``length_ratio``: words found for each word expected.
    ``signatures`` are those of sacrebleu.
    """
    from sacrebleu.metrics import BLEU, CHRF

    result: dict[str, Any] = {"examples": len(found), "signatures": {}}
    for name, metric in (("bleu", BLEU()), ("chrf", CHRF())):
        score = metric.corpus_score(list(found), [list(expected)], n_bootstrap=SAMPLES)
        middle, half = float(score._mean), float(score._ci)
        result[name] = {
            "score": round(score.score, 3),
            "interval": [round(middle - half, 3), round(middle + half, 3)],
        }
        result["signatures"][name] = str(metric.get_signature())
        if name == "bleu":
            result[name]["brevity_penalty"] = round(score.bp, 4)
            result[name]["length_ratio"] = round(score.ratio, 4)
    return result


def compare(
    first: Sequence[str], second: Sequence[str], expected: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return by how much the second translations are better, in BLEU and chrF.

    ``p_value`` is that of sacrebleu's paired bootstrap: how often a difference as large comes from
    which sentences happen to be in the test.
    """
    from sacrebleu.metrics import BLEU, CHRF
    from sacrebleu.significance import PairedTest

    systems = [("first", list(first)), ("second", list(second))]
    metrics = {"BLEU": BLEU(), "chrF2": CHRF()}
    test = PairedTest(systems, metrics, [list(expected)], test_type="bs", n_samples=SAMPLES)
    _, scores = test()
    return {
        name: {
            "difference": round(scores[key][1].score - scores[key][0].score, 3),
            "p_value": round(float(scores[key][1].p_value), 5),
        }
        for name, key in (("bleu", "BLEU"), ("chrf", "chrF2"))
    }


def otherwise(found: Sequence[str], expected: Sequence[str]) -> dict[str, Any]:
    """Return what BLEU becomes of the same translations when it is counted in other ways.

    ``ways`` has a score for each way of cutting a text into words ("13a" is sacrebleu's own way,
    "none" cuts at spaces alone) and for "13a" without capitals; ``four_at_a_time`` the lowest, the
    middle and the highest score of four sentences in a row.
    """
    from sacrebleu.metrics import BLEU

    def score(first: int, last: int, **options: Any) -> float:
        texts = list(found[first:last]), [list(expected[first:last])]
        return round(BLEU(force=True, **options).corpus_score(*texts).score, 3)

    ways = {name: {"tokenize": name} for name in ("13a", "none", "char")}
    ways["13a, no capitals"] = {"lowercase": True}
    fours = sorted(score(first, first + 4) for first in range(0, len(found) - 3, 4))
    return {
        "ways": {name: score(0, len(found), **options) for name, options in ways.items()},
        "four_at_a_time": {
            "groups": len(fours),
            "lowest": fours[0],
            "middle": fours[len(fours) // 2],
            "highest": fours[-1],
        },
    }


def character_error_rate(found: Sequence[str], expected: Sequence[str]) -> float:
    """Return the letters to be put in, taken out or changed, for each letter that is expected."""
    wrong = sum(edit_distance(*pair) for pair in zip(found, expected, strict=True))
    return wrong / sum(map(len, expected))


def edit_distance(first: str, second: str) -> int:
    """Return how many letters have to be put in, taken out or changed (Levenshtein 1966)."""
    row = list(range(len(second) + 1))
    for number, letter in enumerate(first, start=1):
        diagonal, row[0] = row[0], number
        for place, other in enumerate(second, start=1):
            changed = diagonal + (letter != other)
            diagonal, row[place] = row[place], min(changed, row[place] + 1, row[place - 1] + 1)
    return row[-1]
