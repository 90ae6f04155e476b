"""Links and their error rate against loops written out, and what the measure must keep to."""

import numpy as np
import pytest

from attention_course.errors import CourseError
from attention_course.functional.alignment import alignment_error_rate, links


def random_links(rng, count, source=6, target=5):
    return {(int(i), int(j)) for i, j in rng.integers(0, (source, target), (count, 2))}


def test_a_link_is_the_largest_weight_of_a_row():
    weights = [[0.1, 0.6, 0.3], [0.5, 0.2, 0.3], [0.1, 0.2, 0.7]]
    assert links(weights, 3) == {(1, 0), (0, 1), (2, 2)}


def test_padding_the_end_and_rows_of_zeros_give_no_link():
    weights = np.array([[0.1, 0.2, 0.7], [0.0, 0.0, 0.0], [0.9, 0.1, 0.0]])
    assert links(weights, 2) == {(0, 2)}
    assert links(np.zeros((0, 4)), 3) == set()


@pytest.mark.parametrize("weights", [np.ones(3), np.ones((2, 3, 4)), np.ones((2, 3))])
def test_weights_of_another_shape_get_a_sentence(weights):
    with pytest.raises(CourseError, match=r"shape \(T, S\)"):
        links(weights, 4)


def test_the_rate_is_the_formula_of_och_and_ney():
    rng = np.random.default_rng(2)
    for _ in range(50):
        sure, found = ([random_links(rng, 4) for _ in range(3)] for _ in range(2))
        possible = [random_links(rng, 5) | one for one in sure]
        both = [len(a & s) + len(a & p) for a, s, p in zip(found, sure, possible, strict=True)]
        sizes = [len(a) + len(s) for a, s in zip(found, sure, strict=True)]
        expected = 1 - sum(both) / sum(sizes)
        assert alignment_error_rate(found, sure, possible) == pytest.approx(expected, abs=1e-12)
        # Sure links need not be repeated among the possible ones.
        rest = [p - s for s, p in zip(sure, possible, strict=True)]
        assert alignment_error_rate(found, sure, rest) == pytest.approx(expected, abs=1e-12)
        assert 0 <= expected <= 1


def test_the_ends_of_the_scale():
    sure, possible = {(0, 0), (1, 2)}, {(0, 0), (1, 2), (1, 1)}
    assert alignment_error_rate([sure], [sure], [possible]) == 0
    assert alignment_error_rate([possible], [sure], [possible]) == 0
    assert alignment_error_rate([{(5, 5)}], [sure], [possible]) == 1
    assert alignment_error_rate([set()], [sure], [possible]) == 1
    assert alignment_error_rate([set()], [set()], [set()]) == 0


def test_sentences_must_be_as_many_on_each_side():
    with pytest.raises(ValueError, match="shorter|longer"):
        alignment_error_rate([set()], [set(), set()], [set()])
