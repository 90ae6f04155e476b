"""The kinds of attention against loops written out and against each other."""

import numpy as np
import pytest

from attention_course import functional as F
from attention_course.errors import CourseError
from attention_course.functional import kinds


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def test_scores_pair_by_pair(rng):
    s, h = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
    W, v = rng.normal(size=(8, 6)), rng.normal(size=6)
    for b, i, j in np.ndindex(2, 3, 5):
        one, other = s[b, i], h[b, j]
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        joined = v @ np.tanh(np.concatenate([one, other]) @ W)
        for found, expected in (
            (kinds.scaled_dot_score(s, h), one @ other / 2),
            (kinds.cosine_score(s, h), cosine),
            (kinds.cosine_score(s, h, strength=3), 3 * cosine),
            (kinds.concat_score(s, h, W, v), joined),
        ):
            assert found[b, i, j] == pytest.approx(expected, abs=1e-12)


def test_the_cosine_of_a_zero_vector_is_zero():
    np.testing.assert_array_equal(kinds.cosine_score([[0, 0], [3, 4]], [[0, 0]]), [[0], [0]])


def test_a_location_score_looks_at_no_key(rng):
    query, W = rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 7))
    np.testing.assert_allclose(kinds.location_score(query, W, 5), (query @ W)[..., :5])
    with pytest.raises(CourseError, match="7 places only"):
        kinds.location_score(query, W, 8)


@pytest.mark.parametrize("D", [0, 1, 2, 10])
def test_a_window_lies_around_its_centre(D):
    mask = kinds.window(np.arange(6), 6, D)
    for t, s in np.ndindex(6, 6):
        assert mask[t, s] == (abs(t - s) <= D)
    assert kinds.window([[1.5]], 4, 1).tolist() == [[[False, True, True, False]]]


def test_a_gaussian_is_one_at_its_centre_and_falls_by_sigma(rng):
    centres = rng.uniform(0, 5, (2, 3))
    factors = kinds.gaussian(centres, 6, D=4)
    for b, t, s in np.ndindex(2, 3, 6):
        expected = np.exp(-((s - centres[b, t]) ** 2) / (2 * 2**2))
        assert factors[b, t, s] == pytest.approx(expected, abs=1e-12)
    assert kinds.gaussian([2], 5, D=4)[0, 2] == 1


def test_predicted_places_lie_inside_the_sentence(rng):
    query, W, v = 9 * rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 5)), rng.normal(size=5)
    places = kinds.predicted_places(query, W, v, [7, 2])
    assert places.shape == (2, 3)
    assert (places > 0).all()
    assert (places < [[7], [2]]).all()
    expected = 7 / (1 + np.exp(-v @ np.tanh(W.T @ query[0, 1])))
    assert places[0, 1] == pytest.approx(expected, abs=1e-12)


class TestSparsemax:
    def test_the_threshold_is_where_the_rest_sums_to_one(self, rng):
        """Found by halving an interval; keras.ops.sparsemax of Keras 3.13 gives other sums."""
        for scale in (0.1, 1, 10, 1000):
            scores = scale * rng.normal(size=(4, 3, 7))
            low, high = scores.min(-1, keepdims=True) - 1, scores.max(-1, keepdims=True)
            for _ in range(200):
                middle = (low + high) / 2
                above = np.maximum(scores - middle, 0).sum(-1, keepdims=True) > 1
                low, high = np.where(above, middle, low), np.where(above, high, middle)
            expected = np.maximum(scores - high, 0)
            np.testing.assert_allclose(kinds.sparsemax(scores), expected, atol=1e-9)

    def test_is_the_nearest_point_among_all_weights(self, rng):
        """Any other weights lie farther from the scores (Martins and Astudillo 2016, eq. 2)."""
        for _ in range(20):
            scores = 2 * rng.normal(size=6)
            best = kinds.sparsemax(scores)
            others = rng.dirichlet(np.full(6, 0.4), size=200)
            others = np.vstack([others, 0.99 * best + 0.01 * others])
            distance = np.sum((others - scores) ** 2, axis=1)
            assert np.sum((best - scores) ** 2) <= distance.min() + 1e-12

    def test_is_a_distribution_with_exact_zeros(self, rng):
        weights = kinds.sparsemax(3 * rng.normal(size=(50, 9)))
        np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-12)
        assert (weights >= 0).all()
        assert (weights == 0).mean() > 0.5

    def test_a_forbidden_key_is_as_if_it_were_not_there(self, rng):
        scores, mask = rng.normal(size=(20, 6)), rng.random((20, 6)) < 0.6
        mask[0] = False
        weights = kinds.sparsemax(scores, mask)
        for row, allowed, found in zip(scores, mask, weights, strict=True):
            assert (found[~allowed] == 0).all()
            if allowed.any():
                np.testing.assert_allclose(found[allowed], kinds.sparsemax(row[allowed]))


class TestHardSample:
    def test_draws_with_the_given_probabilities(self, rng):
        weights = np.tile([0.1, 0.0, 0.6, 0.3], (20_000, 1))
        drawn = kinds.hard_sample(weights, rng)
        assert (drawn.sum(axis=1) == 1).all()
        assert set(np.unique(drawn)) == {0, 1}
        np.testing.assert_allclose(drawn.mean(axis=0), weights[0], atol=0.015)

    def test_rows_without_weight_stay_zero(self, rng):
        np.testing.assert_array_equal(kinds.hard_sample([[0, 0], [0, 1]], rng), [[0, 0], [0, 1]])


class TestMonotonic:
    def test_is_what_walking_forward_gives_on_average(self, rng):
        scores = rng.normal(size=(3, 5))
        stop = 1 / (1 + np.exp(-scores))
        walks = 40_000
        counts = np.zeros((3, 5))
        for draws in rng.random((walks, 3, 5)):
            place = 0
            for i in range(3):
                while place < 5 and draws[i, place] >= stop[i, place]:
                    place += 1
                if place == 5:
                    break
                counts[i, place] += 1
        np.testing.assert_allclose(kinds.monotonic(scores), counts / walks, atol=0.01)

    def test_sums_to_no_more_than_one_and_passes_forbidden_keys(self, rng):
        scores = rng.normal(size=(4, 3, 6))
        mask = rng.random((4, 1, 6)) < 0.7
        weights = kinds.monotonic(scores, mask)
        assert (weights >= 0).all()
        assert (weights.sum(axis=-1) <= 1 + 1e-12).all()
        assert (weights[np.broadcast_to(~mask, weights.shape)] == 0).all()
        allowed = mask[0, 0]
        np.testing.assert_allclose(
            weights[0][:, allowed], kinds.monotonic(scores[0][:, allowed]), atol=1e-12
        )

    def test_sure_scores_walk_along_the_diagonal(self):
        scores = np.where(np.eye(4), 50.0, -50.0)
        np.testing.assert_allclose(kinds.monotonic(scores), np.eye(4), atol=1e-12)


def test_local_p_is_global_attention_when_the_window_is_wide(rng):
    """The Gaussian tends to one everywhere, so only the softmax is left."""
    scores = rng.normal(size=(3, 5))
    weights = F.softmax(scores) * kinds.gaussian([1.0, 2.0, 3.0], 5, D=1e6)
    np.testing.assert_allclose(weights, F.softmax(scores), atol=1e-9)
