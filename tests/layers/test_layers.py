"""The Keras layers against their NumPy twins and Keras' own layers; saving and loading."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_course import functional as F
from attention_course.errors import CourseError
from attention_course.layers import (
    AdditiveSelfAttention,
    BahdanauAttention,
    LayerError,
    LearnedPlaces,
    LuongAttention,
    TimeAttention,
)

MASK = np.array([[True] * 5, [False, False, True, True, False]])


def scorers(rng):
    """Each layer built with random weights, beside its score in NumPy."""
    W, U, v = rng.normal(size=(4, 6)), rng.normal(size=(4, 6)), rng.normal(size=6)
    G = rng.normal(size=(4, 4))
    return [
        (
            BahdanauAttention(6, dtype="float64"),
            [W, U, v],
            lambda s, h: F.additive_score(s, h, W, U, v),
        ),
        (LuongAttention(dtype="float64"), [], F.dot_score),
        (LuongAttention("general", dtype="float64"), [G], lambda s, h: F.general_score(s, h, G)),
        (
            LuongAttention("concat", units=6, dtype="float64"),
            [np.vstack([W, U]), v],
            lambda s, h: F.additive_score(s, h, W, U, v),
        ),
    ]


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("masked", [False, True])
def test_agrees_with_numpy(which, masked, states, rng):
    query, values = states
    layer, weights, score = scorers(rng)[which]
    layer.build(query.shape, values.shape)
    layer.set_weights(weights)
    context, alpha = layer(query, values, mask=MASK if masked else None)
    expected = F.masked_softmax(score(query, values), MASK[:, None, :] if masked else None)
    np.testing.assert_allclose(alpha, expected, atol=1e-6)
    np.testing.assert_allclose(context, expected @ values, atol=1e-6)
    # One query alone gives the same as the same query among others.
    one, row = layer(query[:, 1], values, mask=MASK if masked else None)
    np.testing.assert_allclose(one, np.asarray(context)[:, 1], atol=1e-6)
    np.testing.assert_allclose(row, np.asarray(alpha)[:, 1], atol=1e-6)


def test_luong_dot_agrees_with_keras_attention(states):
    query, values = states
    expected = keras.layers.Attention(dtype="float64")([query, values])
    context, _ = LuongAttention("dot", dtype="float64")(query, values)
    np.testing.assert_allclose(context, expected, atol=1e-6)


def test_bahdanau_agrees_with_keras_additive_attention(states, rng):
    query, values = states
    v = rng.normal(size=4)
    theirs = keras.layers.AdditiveAttention(dtype="float64")
    theirs.build([query.shape, values.shape])
    theirs.set_weights([v])
    ours = BahdanauAttention(4, dtype="float64")
    ours.build(query.shape, values.shape)
    ours.set_weights([np.eye(4), np.eye(4), v])
    np.testing.assert_allclose(ours(query, values)[0], theirs([query, values]), atol=1e-6)


@pytest.mark.parametrize("which", range(4))
def test_invariants(which, states, rng):
    query, values = states
    layer = scorers(rng)[which][0]
    before, alpha = (np.asarray(part) for part in layer(query, values, mask=MASK))
    np.testing.assert_allclose(alpha.sum(-1), 1.0, atol=1e-9)
    assert (alpha[1][:, ~MASK[1]] == 0).all()
    changed = np.where(MASK[..., None], values, 77.0)
    np.testing.assert_allclose(layer(query, changed, mask=MASK)[0], before, atol=1e-9)
    nothing = np.zeros_like(MASK)
    context, alpha = layer(query, values, mask=nothing)
    assert (np.asarray(context) == 0).all()
    assert (np.asarray(alpha) == 0).all()


POLICIES = ("float16", "mixed_float16", "bfloat16", "mixed_bfloat16", "float32", "float64")


@pytest.fixture(params=POLICIES)
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BahdanauAttention(3),
        lambda: LuongAttention("dot"),
        lambda: LuongAttention("general"),
        lambda: LuongAttention("concat", units=3),
        lambda: TimeAttention(bounded=False, return_weights=True),
        lambda: AdditiveSelfAttention(3, activation=None, return_weights=True),
    ],
)
@pytest.mark.parametrize("size", [1, 30])
def test_masks_hold_in_every_precision(policy, make, size, rng):
    """The mask has a row as usual, one that allows nothing, and one that allows everything."""
    mask = np.array([[True, False, True, True, False], [False] * 5, [True] * 5])
    x = (size * rng.normal(size=(3, 5, 4))).astype("float32")
    layer = make()
    arguments = (x[:, :2], x) if isinstance(layer, BahdanauAttention | LuongAttention) else (x,)
    inputs = [keras.ops.convert_to_tensor(argument) for argument in arguments]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        context, weights = layer(*inputs, mask=mask)
        total = keras.ops.sum(context)
    gradients = tape.gradient(total, [*inputs, *layer.trainable_variables])
    assert keras.backend.standardize_dtype(weights.dtype) == layer.compute_dtype
    weights, *others = (
        np.asarray(keras.ops.cast(part, "float64")) for part in (weights, context, *gradients)
    )
    assert all(np.isfinite(part).all() for part in (weights, *others))
    axis = mask if weights.ndim == 2 else np.broadcast_to(mask[:, None], weights.shape)
    assert (weights[~axis] == 0).all()
    np.testing.assert_allclose(weights.sum(-1)[[0, 2]], 1, atol=2e-2)
    assert (others[0][1] == 0).all()


@pytest.mark.parametrize(
    "read",
    [
        lambda x: BahdanauAttention(3)(x[:, -1], x)[0],
        lambda x: LuongAttention("dot")(x[:, -1], x)[0],
        lambda x: LuongAttention("general")(x[:, -1], x)[0],
        lambda x: LuongAttention("concat", units=3)(x[:, -1], x)[0],
        lambda x: TimeAttention()(x),
        lambda x: keras.layers.Flatten()(AdditiveSelfAttention(3)(x)),
        lambda x: keras.layers.SimpleRNN(3)(x),
    ],
    ids=["Bahdanau", "dot", "general", "concat", "Time", "AdditiveSelf", "no attention"],
)
@pytest.mark.parametrize("policy", ["mixed_float16"], indirect=True)
def test_a_step_of_training_in_half_precision_stays_finite(policy, read):
    """The first text is padded, the second empty; in ``fit`` the loss is scaled up as well."""
    keras.utils.set_random_seed(2)
    tokens = keras.Input((5,), dtype="int32")
    words = keras.layers.Embedding(10, 4, mask_zero=True)(tokens)
    answer = keras.layers.Dense(1)(read(LearnedPlaces()(words)))
    model = keras.Model(tokens, keras.layers.Activation("linear", dtype="float32")(answer))
    model.compile("adam", loss="mse")
    before = model.get_weights()
    x = np.array([[0, 0, 1, 2, 3], [0] * 5, [9, 8, 7, 6, 5]])
    losses = model.fit(x, np.array([[1.0], [0.0], [-1.0]]), epochs=1, verbose=0).history["loss"]
    after = model.get_weights()
    assert np.isfinite(losses).all()
    assert all(np.isfinite(array).all() for array in (*after, model(x)))
    # A gradient that overflows makes the optimiser skip the step, and nothing is learned.
    assert not np.array_equal(before[0], after[0])


def test_the_mask_of_an_embedding_reaches_the_layer():
    tokens = keras.Input((5,), dtype="int32")
    embedded = keras.layers.Embedding(10, 4, mask_zero=True)(tokens)
    states, last = keras.layers.SimpleRNN(3, return_sequences=True, return_state=True)(embedded)
    _, weights = BahdanauAttention(6)(last, states)
    alpha = keras.Model(tokens, weights)(np.array([[0, 0, 1, 2, 3], [1, 2, 3, 4, 5]])).numpy()
    assert (alpha[0, :2] == 0).all()
    assert (alpha[0, 2:] > 0).all()
    assert (alpha[1] > 0).all()
    np.testing.assert_allclose(alpha.sum(-1), 1.0, atol=1e-6)


class TestTimeAttention:
    def test_the_model_of_chapter_6_has_33_parameters(self):
        model = keras.Sequential(
            [
                keras.Input((20, 1)),
                keras.layers.SimpleRNN(2, return_sequences=True),
                TimeAttention(),
                keras.layers.Dense(1, activation="tanh"),
            ]
        )
        assert [layer.count_params() for layer in model.layers] == [8, 22, 3]

    @pytest.mark.parametrize("bounded", [True, False])
    def test_is_the_formula(self, rng, bounded):
        x, W, b = rng.normal(size=(2, 5, 3)), rng.normal(size=(3, 1)), rng.normal(size=(5, 1))
        layer = TimeAttention(bounded=bounded, return_weights=True, dtype="float64")
        layer.build(x.shape)
        layer.set_weights([W, b])
        context, weights = layer(x)
        scores = (x @ W + b)[..., 0]
        expected = F.softmax(np.tanh(scores) if bounded else scores, axis=1)
        np.testing.assert_allclose(weights, expected, atol=1e-6)
        np.testing.assert_allclose(context, np.einsum("bt,btf->bf", expected, x), atol=1e-6)

    def test_tanh_caps_a_weight(self, rng):
        layer = TimeAttention(return_weights=True, dtype="float64")
        layer.build((1, 20, 2))
        bias = np.full((20, 1), -1e3)
        bias[7] = 1e3
        layer.set_weights([np.zeros((2, 1)), bias])
        _, weights = layer(rng.normal(size=(1, 20, 2)))
        largest = np.exp(1) / (np.exp(1) + 19 * np.exp(-1))
        np.testing.assert_allclose(np.max(weights), largest, atol=1e-6)

    def test_masked_steps_do_not_count(self, rng):
        x = rng.normal(size=(2, 5, 3))
        layer = TimeAttention(return_weights=True, dtype="float64")
        before, weights = layer(x, mask=MASK)
        assert (np.asarray(weights)[~MASK] == 0).all()
        np.testing.assert_allclose(np.sum(weights, axis=1), 1.0, atol=1e-9)
        after, _ = layer(np.where(MASK[..., None], x, 9.0), mask=MASK)
        np.testing.assert_allclose(after, before, atol=1e-9)

    def test_needs_a_known_number_of_steps(self):
        with pytest.raises(LayerError, match="known number of steps"):
            TimeAttention().build((None, None, 2))


class TestLearnedPlaces:
    def test_adds_to_each_word_the_vector_of_its_place(self, rng):
        x, places = rng.normal(size=(2, 5, 3)), rng.normal(size=(5, 3))
        layer = LearnedPlaces(dtype="float64")
        layer.build(x.shape)
        layer.set_weights([places])
        np.testing.assert_allclose(layer(x), x + places, atol=1e-9)

    def test_makes_attention_depend_on_order(self):
        keras.utils.set_random_seed(4)
        tokens = keras.Input((3,), dtype="int32")
        words = keras.layers.Embedding(9, 4, embeddings_initializer="orthogonal")(tokens)

        def model(words):
            attended = keras.layers.Attention()([words, words])
            return keras.Model(tokens, keras.layers.GlobalAveragePooling1D()(attended))

        one_way, other_way = np.array([[1, 2, 3]]), np.array([[3, 2, 1]])
        without, with_places = model(words), model(LearnedPlaces()(words))
        with_places.layers[2].set_weights([np.eye(3, 4)])
        np.testing.assert_allclose(without(one_way), without(other_way), atol=1e-6)
        assert np.abs(np.asarray(with_places(one_way) - with_places(other_way))).max() > 1e-4

    def test_passes_the_mask_on(self):
        tokens = keras.Input((5,), dtype="int32")
        words = LearnedPlaces()(keras.layers.Embedding(10, 4, mask_zero=True)(tokens))
        mean = keras.Model(tokens, keras.layers.GlobalAveragePooling1D()(words))
        placed = keras.Model(tokens, words)
        x = np.array([[0, 0, 1, 2, 3], [0, 4, 5, 6, 7]])
        for row, first in ((0, 2), (1, 1)):
            np.testing.assert_allclose(
                mean(x)[row], np.mean(placed(x)[row, first:], axis=0), atol=1e-6
            )

    @pytest.mark.parametrize("shape", [(None, None, 2), (None, 5, None), (None, 5)])
    def test_needs_a_known_number_of_steps(self, shape):
        with pytest.raises(LayerError, match="known number of steps") as caught:
            LearnedPlaces().build(shape)
        assert str(shape) in str(caught.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: LuongAttention("cosine"), "no score 'cosine'"),
        (lambda: LuongAttention("concat"), "units must be a whole number"),
        (lambda: BahdanauAttention(0), "units must be a whole number"),
        (lambda: LuongAttention("dot").build((2, 3), (2, 5, 4)), 'use "general"'),
    ],
)
def test_wrong_settings_get_one_sentence(make, sentence):
    with pytest.raises(LayerError, match=sentence) as caught:
        make()
    assert isinstance(caught.value, CourseError)


def test_all_layers_survive_saving_and_safe_loading(tmp_path, rng):
    tokens = keras.Input((5,), dtype="int32")
    embedded = LearnedPlaces()(keras.layers.Embedding(10, 4, mask_zero=True)(tokens))
    states, last = keras.layers.SimpleRNN(4, return_sequences=True, return_state=True)(embedded)
    parts = [TimeAttention(bounded=False)(states)]
    parts += TimeAttention(return_weights=True)(states)
    parts += BahdanauAttention(6)(last, states)
    for score, units in (("dot", None), ("general", None), ("concat", 3)):
        parts += LuongAttention(score, units=units)(last, states)
    model = keras.Model(tokens, keras.layers.Concatenate()(parts))
    keras.utils.set_random_seed(3)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.get_weights()])
    path = tmp_path / "attention.keras"
    model.save(path)
    loaded = keras.models.load_model(path, safe_mode=True)
    x = np.array([[0, 1, 2, 3, 4], [0, 0, 0, 9, 8]])
    np.testing.assert_array_equal(loaded(x), model(x))
    names = {type(layer).__name__ for layer in loaded.layers}
    assert {"BahdanauAttention", "LearnedPlaces", "LuongAttention", "TimeAttention"} <= names
