"""Attention in NumPy against SciPy, Keras, loops written out, and properties it must have."""

import numpy as np
import pytest
import scipy.special

from attention_course import functional as F
from attention_course.errors import CourseError


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture
def qkv(rng):
    """Queries, keys and values of different lengths and widths: nothing fits by accident."""
    return rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 6))


class TestSoftmax:
    @pytest.mark.parametrize("axis", [-1, 0, 1, (0, 1)])
    def test_agrees_with_scipy(self, rng, axis):
        x = rng.normal(scale=20, size=(3, 4, 5))
        np.testing.assert_allclose(F.softmax(x, axis), scipy.special.softmax(x, axis), rtol=1e-12)

    def test_does_not_overflow(self):
        np.testing.assert_array_equal(F.softmax([1e308, 0.0]), [1.0, 0.0])

    def test_a_constant_added_to_all_scores_changes_nothing(self, rng):
        x = rng.normal(size=(3, 4))
        np.testing.assert_allclose(F.softmax(x + 123.0), F.softmax(x), atol=1e-12)

    def test_words_are_no_numbers(self):
        with pytest.raises(F.InputError, match="array of numbers"):
            F.softmax(["a", "b"])


class TestMaskedSoftmax:
    def test_equals_minus_infinity_before_the_softmax(self, rng):
        scores, mask = rng.normal(size=(3, 5)), rng.random((3, 5)) < 0.6
        mask[:, 0] = True
        expected = scipy.special.softmax(np.where(mask, scores, -np.inf), axis=-1)
        np.testing.assert_allclose(F.masked_softmax(scores, mask), expected, rtol=1e-12)

    def test_a_row_without_any_allowed_key_is_zero(self):
        weights = F.masked_softmax(np.ones((2, 3)), [[False] * 3, [True, True, False]])
        np.testing.assert_array_equal(weights, [[0, 0, 0], [0.5, 0.5, 0]])

    def test_forbidden_scores_may_be_huge_or_infinite(self):
        weights = F.masked_softmax([[0.0, 1e308, np.inf, 0.0]], [True, False, False, True])
        np.testing.assert_array_equal(weights, [[0.5, 0, 0, 0.5]])

    def test_zeros_and_ones_will_do(self):
        np.testing.assert_array_equal(F.masked_softmax([[1.0, 2.0]], [[1, 0]]), [[1, 0]])

    @pytest.mark.parametrize("mask", [[[0.0, -np.inf]], [[2, 1]], [["a", "b"]]])
    def test_refuses_what_is_no_mask(self, mask):
        with pytest.raises(F.InputError, match="True where attention is allowed"):
            F.masked_softmax([[1.0, 2.0]], mask)

    def test_refuses_a_mask_of_another_shape(self):
        with pytest.raises(F.InputError, match=r"shape \(3, 2\) does not fit"):
            F.masked_softmax(np.ones((2, 3)), np.ones((3, 2), bool))


class TestScores:
    def test_additive_score_is_the_formula_pair_by_pair(self, rng):
        s, h = rng.normal(size=(3, 4)), rng.normal(size=(5, 2))
        W, U, v = rng.normal(size=(4, 6)), rng.normal(size=(2, 6)), rng.normal(size=6)
        scores = F.additive_score(s, h, W, U, v)
        expected = [[v @ np.tanh(W.T @ si + U.T @ hj) for hj in h] for si in s]
        np.testing.assert_allclose(scores, expected, rtol=1e-12)

    def test_general_score_is_the_formula_pair_by_pair(self, rng):
        s, h, W = rng.normal(size=(3, 4)), rng.normal(size=(5, 2)), rng.normal(size=(4, 2))
        expected = [[si @ W @ hj for hj in h] for si in s]
        np.testing.assert_allclose(F.general_score(s, h, W), expected, rtol=1e-12)

    def test_a_single_query_gives_a_vector_of_scores(self, rng):
        s, h = rng.normal(size=(3, 4)), rng.normal(size=(5, 4))
        W, U, v = rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)
        for score in (
            F.dot_score,
            lambda q, k: F.general_score(q, k, W),
            lambda q, k: F.additive_score(q, k, W, U, v),
        ):
            assert score(s[1], h).shape == (5,)
            np.testing.assert_allclose(score(s[1], h), score(s, h)[1], rtol=1e-12)

    def test_widths_that_do_not_fit_are_named(self, rng):
        s, h = rng.normal(size=(3, 4)), rng.normal(size=(5, 2))
        with pytest.raises(F.InputError, match="4 features and a key has 2"):
            F.dot_score(s, h)
        with pytest.raises(F.InputError, match=r"W must have shape \(4, 2\)"):
            F.general_score(s, h, np.ones((2, 4)))
        with pytest.raises(F.InputError, match=r"U must have shape \(2, 6\)"):
            F.additive_score(s, h, np.ones((4, 6)), np.ones((4, 6)), np.ones(6))
        with pytest.raises(F.InputError, match="different batches"):
            F.dot_score(np.ones((2, 3, 4)), np.ones((5, 3, 4)))
        with pytest.raises(F.InputError, match="not one number"):
            F.dot_score(3.0, h)

    def test_additive_scores_agree_with_keras(self, rng):
        import keras

        s, h = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
        layer = keras.layers.AdditiveAttention(use_scale=True, dtype="float64")
        layer.build([s.shape, h.shape, h.shape])
        layer.set_weights([rng.normal(size=4)])
        _, weights = layer([s, h, h], return_attention_scores=True)
        # Keras' layer has no projections: W and U are the identity.
        scores = F.additive_score(s, h, np.eye(4), np.eye(4), layer.get_weights()[0])
        np.testing.assert_allclose(F.softmax(scores), weights, atol=1e-6)


class TestScaledDotProductAttention:
    def test_equals_loops_over_queries_and_keys(self, qkv):
        query, key, value = qkv
        output, weights = F.scaled_dot_product_attention(query, key, value)
        for b in range(2):
            for i in range(3):
                e = np.array([np.exp(query[b, i] @ key[b, j] / 2.0) for j in range(5)])
                alpha = e / e.sum()
                np.testing.assert_allclose(weights[b, i], alpha, rtol=1e-12)
                expected = sum(alpha[j] * value[b, j] for j in range(5))
                np.testing.assert_allclose(output[b, i], expected, rtol=1e-12)

    @pytest.mark.parametrize("masked", [False, True])
    def test_agrees_with_keras_attention(self, qkv, masked):
        import keras

        query, key, value = qkv
        layer = keras.layers.Attention(dtype="float64")  # unscaled by default
        mask = np.array([[True] * 5, [True, True, False, True, False]])
        expected, scores = layer(
            [query, value, key],  # Keras' order
            mask=[None, mask] if masked else None,
            return_attention_scores=True,
        )
        output, weights = F.scaled_dot_product_attention(
            query, key, value, mask[:, None, :] if masked else None, scale=False
        )
        np.testing.assert_allclose(output, expected, atol=1e-6)
        np.testing.assert_allclose(weights, scores, atol=1e-6)

    def test_rows_sum_to_one_and_outputs_stay_between_the_values(self, qkv):
        output, weights = F.scaled_dot_product_attention(*qkv)
        np.testing.assert_allclose(weights.sum(-1), 1.0, atol=1e-12)
        assert (weights > 0).all()
        value = qkv[2]
        assert (output <= value.max(1, keepdims=True)).all()
        assert (output >= value.min(1, keepdims=True)).all()

    def test_one_query_may_be_a_vector(self, qkv):
        query, key, value = (x[0] for x in qkv)
        output, weights = F.scaled_dot_product_attention(query, key, value)
        one, row = F.scaled_dot_product_attention(query[2], key, value)
        np.testing.assert_allclose(one, output[2], rtol=1e-12)
        np.testing.assert_allclose(row, weights[2], rtol=1e-12)

    def test_the_order_of_keys_and_values_does_not_matter(self, qkv, rng):
        query, key, value = qkv
        order = rng.permutation(5)
        output, weights = F.scaled_dot_product_attention(*qkv)
        mixed, moved = F.scaled_dot_product_attention(query, key[:, order], value[:, order])
        np.testing.assert_allclose(mixed, output, atol=1e-12)
        np.testing.assert_allclose(moved, weights[..., order], atol=1e-12)

    def test_the_content_of_padding_does_not_matter(self, qkv, rng):
        query, key, value = qkv
        mask = F.padding_mask([5, 3], 5)
        before, _ = F.scaled_dot_product_attention(query, key, value, mask)
        key, value = key.copy(), value.copy()
        key[1, 3:], value[1, 3:] = rng.normal(size=(2, 4)) * 1e6, -1e6
        after, weights = F.scaled_dot_product_attention(query, key, value, mask)
        np.testing.assert_array_equal(after, before)
        assert (weights[1, :, 3:] == 0).all()

    def test_a_future_token_leaves_earlier_outputs_alone(self, rng):
        x = rng.normal(size=(1, 6, 4))
        mask = F.causal_mask(6)
        before, _ = F.scaled_dot_product_attention(x, x, x, mask)
        changed = x.copy()
        changed[:, 4] += 10
        after, _ = F.scaled_dot_product_attention(changed, changed, changed, mask)
        np.testing.assert_array_equal(after[:, :4], before[:, :4])
        assert (np.abs(after[:, 4:] - before[:, 4:]).max(-1) > 1e-3).all()

    def test_a_fully_masked_query_gets_nothing(self, qkv):
        mask = np.ones((2, 3, 5), bool)
        mask[0, 1] = False
        output, weights = F.scaled_dot_product_attention(*qkv, mask)
        assert (weights[0, 1] == 0).all()
        assert (output[0, 1] == 0).all()
        np.testing.assert_allclose(np.delete(weights.sum(-1).ravel(), 1), 1.0, atol=1e-12)

    def test_wrong_numbers_of_values_are_named(self, qkv):
        query, key, value = qkv
        with pytest.raises(F.InputError, match="5 keys but the values have shape"):
            F.scaled_dot_product_attention(query, key, value[:, :4])
        with pytest.raises(F.InputError, match="different batches"):
            F.scaled_dot_product_attention(query, key, np.ones((3, 5, 2)))

    def test_an_input_error_is_both_kinds(self):
        assert issubclass(F.InputError, CourseError)
        assert issubclass(F.InputError, ValueError)


class TestMasks:
    def test_padding_mask(self):
        expected = [[[True, True, False]], [[False, False, False]], [[True, True, True]]]
        np.testing.assert_array_equal(F.padding_mask([2, 0, 3], 3), expected)
        before = [[[False, True, True]]]
        np.testing.assert_array_equal(F.padding_mask(2, 3, padding="pre"), before)

    def test_causal_mask(self):
        expected = [[True, False, False], [True, True, False], [True, True, True]]
        np.testing.assert_array_equal(F.causal_mask(3), expected)

    def test_masks_combine(self):
        both = F.causal_mask(3) & F.padding_mask([2], 3)
        expected = [[[True, False, False], [True, True, False], [True, True, False]]]
        np.testing.assert_array_equal(both, expected)

    @pytest.mark.parametrize("lengths", [[4], [-1], [1.5], [[1]]])
    def test_impossible_lengths(self, lengths):
        with pytest.raises(F.InputError, match="from 0 to T = 3"):
            F.padding_mask(lengths, 3)

    def test_unknown_padding_and_no_positions(self):
        with pytest.raises(F.InputError, match="'post' or 'pre'"):
            F.padding_mask([1], 3, padding="left")
        with pytest.raises(F.InputError, match="positions"):
            F.causal_mask(0)


class TestHeads:
    def test_head_i_holds_slice_i(self, rng):
        x = rng.normal(size=(2, 3, 8))
        parts = F.split_heads(x, 4)
        assert parts.shape == (2, 4, 3, 2)
        for i in range(4):
            np.testing.assert_array_equal(parts[:, i], x[..., 2 * i : 2 * i + 2])

    @pytest.mark.parametrize("shape", [(3, 6), (2, 3, 6), (2, 2, 3, 6)])
    @pytest.mark.parametrize("heads", [1, 2, 3, 6])
    def test_combining_undoes_splitting(self, rng, shape, heads):
        x = rng.normal(size=shape)
        np.testing.assert_array_equal(F.combine_heads(F.split_heads(x, heads)), x)

    @pytest.mark.parametrize("heads", [4, 0, -1, 2.0])
    def test_heads_must_divide_the_features(self, heads):
        with pytest.raises(F.InputError, match="6 features cannot be cut"):
            F.split_heads(np.ones((3, 6)), heads)

    def test_combining_needs_heads(self):
        with pytest.raises(F.InputError, match="heads, T, d_head"):
            F.combine_heads(np.ones((3, 6)))


class TestMultiHead:
    @pytest.fixture
    def parts(self, rng):
        x_q, x_kv = rng.normal(size=(2, 3, 8)), rng.normal(size=(2, 5, 8))
        return x_q, x_kv, *(rng.normal(size=(8, 8)) for _ in range(4))

    @pytest.mark.parametrize("masked", [False, True])
    def test_agrees_with_keras(self, parts, masked):
        import keras

        x_q, x_kv, W_q, W_k, W_v, W_o = parts
        layer = keras.layers.MultiHeadAttention(2, 4, use_bias=False, dtype="float64")
        layer.build(x_q.shape, x_kv.shape)
        by_head = [W.reshape(8, 2, 4) for W in (W_q, W_k, W_v)]
        layer.set_weights([*by_head, W_o.reshape(2, 4, 8)])
        mask = F.padding_mask([5, 2], 5) if masked else None
        allowed = None if mask is None else np.broadcast_to(mask, (2, 3, 5))
        expected, scores = layer(x_q, x_kv, attention_mask=allowed, return_attention_scores=True)
        output, weights = F.multi_head_attention(*parts, heads=2, mask=mask)
        np.testing.assert_allclose(output, expected, atol=1e-6)
        np.testing.assert_allclose(weights, scores, atol=1e-6)

    def test_one_head_is_plain_attention(self, parts):
        x_q, x_kv, W_q, W_k, W_v, W_o = parts
        output, weights = F.multi_head_attention(*parts, heads=1)
        plain, same = F.scaled_dot_product_attention(x_q @ W_q, x_kv @ W_k, x_kv @ W_v)
        np.testing.assert_allclose(output, plain @ W_o, rtol=1e-9)
        np.testing.assert_allclose(weights[:, 0], same, rtol=1e-12)

    def test_self_attention_moves_with_its_words(self, parts, rng):
        x, matrices = parts[1], parts[2:]
        order = rng.permutation(5)
        output, _ = F.multi_head_attention(x, x, *matrices, heads=4)
        mixed, _ = F.multi_head_attention(x[:, order], x[:, order], *matrices, heads=4)
        np.testing.assert_allclose(mixed, output[:, order], atol=1e-10)

    def test_a_causal_mask_serves_batches_and_single_sequences(self, parts):
        x, matrices = parts[1], parts[2:]
        mask = F.causal_mask(5)
        output, weights = F.multi_head_attention(x, x, *matrices, heads=2, mask=mask)
        alone, _ = F.multi_head_attention(x[1], x[1], *matrices, heads=2, mask=mask)
        np.testing.assert_allclose(output[1], alone, atol=1e-12)
        assert (weights[..., ~mask] == 0).all()

    def test_a_matrix_that_does_not_fit_is_named(self, parts):
        x_q, x_kv, W_q, W_k, W_v, _ = parts
        with pytest.raises(F.InputError, match=r"W_o must have shape \(8, any\)"):
            F.multi_head_attention(x_q, x_kv, W_q, W_k, W_v, np.ones((4, 8)), heads=2)
        with pytest.raises(F.InputError, match="x_q must have shape"):
            F.multi_head_attention(x_q[0, 0], x_kv, W_q, W_k, W_v, W_k, heads=2)


def test_the_module_loads_no_tensorflow():
    import subprocess
    import sys

    code = "import sys, attention_course.functional; print('tensorflow' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
