"""Each kind of attention as a layer against its NumPy twin; masks, half precision, saving."""

import keras
import numpy as np
import pytest

from attention_course import functional as F
from attention_course.functional import kinds
from attention_course.layers import KindOfAttention, LayerError
from attention_course.layers.kinds import CHOICES, SCORES

MASK = np.array([[True] * 5, [True, True, True, False, False]])


def twin(score, s, h, weights):
    """Compute scores in NumPy with the weights of a layer."""
    return {
        "additive": lambda: F.additive_score(s, h, *weights),
        "dot": lambda: F.dot_score(s, h),
        "scaled": lambda: kinds.scaled_dot_score(s, h),
        "general": lambda: F.general_score(s, h, *weights),
        "concat": lambda: kinds.concat_score(s, h, *weights),
        "cosine": lambda: kinds.cosine_score(s, h, *weights),
        "location": lambda: kinds.location_score(s, *weights, T_k=h.shape[1]),
        "uniform": lambda: np.zeros((*s.shape[:2], h.shape[1])),
    }[score]()


def layer_with(score, rng, states, **options):
    layer = KindOfAttention(score, units=6, places=7, **options)
    layer.build(*(part.shape for part in states))
    layer.set_weights([rng.normal(size=one.shape) for one in layer.get_weights()])
    return layer


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("masked", [False, True])
def test_agrees_with_numpy(score, masked, states, rng):
    layer = layer_with(score, rng, states, dtype="float64")
    context, alpha = layer(*states, mask=MASK if masked else None)
    scores = twin(score, *states, layer.get_weights())
    expected = F.masked_softmax(scores, MASK[:, None, :] if masked else None)
    np.testing.assert_allclose(alpha, expected, atol=1e-6)
    np.testing.assert_allclose(context, expected @ states[1], atol=1e-6)


@pytest.mark.parametrize("score", SCORES)
def test_what_a_mask_forbids_changes_nothing(score, states, rng):
    query, values = states
    layer = layer_with(score, rng, states, dtype="float64")
    context, alpha = layer(query, values, mask=MASK)
    assert (np.asarray(alpha)[1, :, 3:] == 0).all()
    other = np.where(MASK[..., None], values, 1e3)
    np.testing.assert_allclose(layer(query, other, mask=MASK)[0], context, atol=1e-9)


@pytest.mark.parametrize("score", SCORES)
def test_half_precision_stays_finite(score, states, rng):
    layer = layer_with(score, rng, states, dtype="mixed_float16")
    context, alpha = layer(*states, mask=MASK)
    assert np.isfinite(np.asarray(context)).all()
    assert (np.asarray(alpha)[1, :, 3:] == 0).all()


@pytest.mark.parametrize("score", SCORES)
def test_saves_and_loads(score, states, rng, tmp_path):
    inputs = [keras.Input(part.shape[1:]) for part in states]
    layer = KindOfAttention(score, units=6, places=7)
    model = keras.Model(inputs, layer(*inputs))
    model.save(tmp_path / "kind.keras")
    loaded = keras.saving.load_model(tmp_path / "kind.keras", compile=False, safe_mode=True)
    for one, other in zip(model(list(states)), loaded(list(states)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)


@pytest.mark.parametrize("score", [score for score in SCORES if score not in ("dot", "scaled")])
def test_every_weight_has_a_gradient(score, states, rng):
    """But for equal weights, which have none to learn."""
    import tensorflow as tf

    layer = layer_with(score, rng, states, dtype="float64")
    with tf.GradientTape() as tape:
        loss = keras.ops.sum(layer(*states)[0] ** 2)
    slopes = tape.gradient(loss, layer.trainable_variables)
    assert bool(slopes) is (score != "uniform")
    assert all(np.abs(slope).max() > 1e-6 for slope in slopes)


def test_bad_settings_get_a_sentence(states):
    query, values = states
    with pytest.raises(LayerError, match="no score='luong'; known are additive, dot"):
        KindOfAttention("luong")
    for score, name in (("additive", "units"), ("concat", "units"), ("location", "places")):
        with pytest.raises(LayerError, match=f"{name} must be a whole number"):
            KindOfAttention(score)
    for score in ("dot", "scaled", "cosine"):
        with pytest.raises(LayerError, match="one width, not 4 and 3"):
            KindOfAttention(score)(query, values[..., :3])


PLACED = [("local-m", 1), ("local-m", 3), ("local-p", 2)]


def numpy_weights(layer, s, h, mask, choose):
    """What a layer should give for each place, from its own weights."""
    named = {one.name: np.asarray(one) for one in layer.weights}
    scores = F.dot_score(s, h)
    allowed = np.broadcast_to(mask[:, None, :], scores.shape)
    if layer.place == "global":
        return choose(scores, allowed)
    if layer.place == "local-m":
        return choose(scores, allowed & kinds.window(np.arange(s.shape[1]), h.shape[1], layer.D))
    centres = kinds.predicted_places(s, named["W_p"], named["v_p"], mask.sum(axis=1))
    chosen = choose(scores, allowed & kinds.window(centres, h.shape[1], layer.D))
    return chosen * kinds.gaussian(centres, h.shape[1], layer.D)


CHOOSERS = {
    "soft": F.masked_softmax,
    "sparse": kinds.sparsemax,
    "monotonic": kinds.monotonic,
    "argmax": lambda scores, allowed: (
        (scores == np.where(allowed, scores, -np.inf).max(-1, keepdims=True)) & allowed
    ).astype(float),
}


@pytest.mark.parametrize("choice", CHOOSERS)
@pytest.mark.parametrize(("place", "D"), [("global", None), *PLACED])
def test_places_and_choices_agree_with_numpy(place, D, choice, states, rng):
    layer = KindOfAttention("dot", 6, place=place, D=D, choice=choice, dtype="float64")
    layer.build(*(part.shape for part in states))
    layer.set_weights([rng.normal(size=one.shape) for one in layer.get_weights()])
    context, alpha = layer(*states, mask=MASK)
    expected = numpy_weights(layer, *states, MASK, CHOOSERS[choice])
    np.testing.assert_allclose(alpha, expected, atol=1e-6)
    np.testing.assert_allclose(context, expected @ states[1], atol=1e-6)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize(("place", "D"), [("global", None), *PLACED])
def test_places_and_choices_save_load_and_keep_masks(place, D, choice, states, tmp_path):
    options = {"units": 6, "place": place, "D": D, "choice": choice}
    inputs = [keras.Input(part.shape[1:]) for part in states]
    mask = keras.Input((5,), dtype="bool")
    model = keras.Model([*inputs, mask], KindOfAttention("dot", **options)(*inputs, mask=mask))
    found = model([*states, MASK])
    assert (np.asarray(found[1])[1, :, 3:] == 0).all()
    model.save(tmp_path / "kind.keras")
    loaded = keras.saving.load_model(tmp_path / "kind.keras", compile=False, safe_mode=True)
    for one, other in zip(found, loaded([*states, MASK]), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize(("place", "D"), [("global", None), *PLACED])
def test_every_choice_stays_finite_in_half_precision(place, D, choice, training, states):
    """Also where most weights are too small for half precision, and scores are high or low."""
    options = {"units": 6, "place": place, "D": D, "choice": choice, "seed": 1}
    layer = KindOfAttention("dot", **options, dtype="mixed_float16")
    for factor in (1, 12, -12):
        query, values = states
        found = layer(factor * query, 12 * values, mask=MASK, training=training)
        assert all(np.isfinite(np.asarray(part)).all() for part in found)
        assert (np.asarray(found[1])[1, :, 3:] == 0).all()


@pytest.mark.parametrize("choice", ["soft", "sparse", "argmax"])
def test_a_forbidden_key_never_beats_a_low_score(choice):
    low, mask = np.full((1, 2, 4), -200.0), np.array([[True, True, False]])
    layer = KindOfAttention("dot", choice=choice, dtype="float64")
    weights = np.asarray(layer(low, np.full((1, 3, 4), 200.0), mask=mask)[1])
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-9)
    assert (weights[..., 2] == 0).all()


def test_hard_draws_in_training_with_the_probabilities_of_soft(rng):
    query, values = rng.normal(size=(1, 1, 4)), rng.normal(size=(1, 5, 4))
    many = np.repeat(query, 8_000, axis=1)
    layer = KindOfAttention("dot", choice="hard", seed=1, dtype="float64")
    mask = np.array([[True, True, False, True, True]])
    _, drawn, log_probability = (np.asarray(p) for p in layer(many, values, mask, training=True))
    soft = F.masked_softmax(F.dot_score(query, values), mask)[0, 0]
    assert (drawn.sum(axis=-1) == 1).all()
    np.testing.assert_allclose(drawn[0].mean(axis=0), soft, atol=0.02)
    np.testing.assert_allclose(log_probability[0], np.log(drawn[0] @ soft), atol=1e-9)
    _, chosen, _ = layer(many, values, mask)
    np.testing.assert_array_equal(np.asarray(chosen)[0].argmax(axis=-1), soft.argmax())


@pytest.mark.parametrize(
    ("choice", "learns"),
    [("soft", True), ("sparse", True), ("monotonic", True), ("gumbel", True), ("argmax", False)],
)
def test_whether_a_gradient_reaches_the_scores(choice, learns, states):
    import tensorflow as tf

    layer = KindOfAttention("general", choice=choice, seed=2, dtype="float64")
    layer.build(*(part.shape for part in states))
    with tf.GradientTape() as tape:
        loss = keras.ops.sum(layer(*states, training=True)[0] ** 2)
    (slope,) = tape.gradient(
        loss, [layer.W.value], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    assert bool(np.abs(slope).max() > 1e-6) is learns


@pytest.mark.parametrize(("place", "learns"), [("local-p", True), ("local-m", False)])
def test_only_a_predicted_place_can_be_learned(place, learns, states):
    import tensorflow as tf

    layer = KindOfAttention("dot", 6, place=place, D=2, dtype="float64")
    layer.build(*(part.shape for part in states))
    assert bool(layer.trainable_variables) is learns
    if learns:
        with tf.GradientTape() as tape:
            loss = keras.ops.sum(layer(*states)[0] ** 2)
        slopes = tape.gradient(loss, layer.trainable_variables)
        assert all(np.abs(slope).max() > 1e-6 for slope in slopes)


def test_bad_places_and_choices_get_a_sentence(states):
    query, values = states
    with pytest.raises(LayerError, match="no place='near'; known are global"):
        KindOfAttention(place="near")
    with pytest.raises(LayerError, match="no choice='best'; known are soft"):
        KindOfAttention(choice="best")
    with pytest.raises(LayerError, match="D must be a whole number"):
        KindOfAttention(place="local-m")
    with pytest.raises(LayerError, match="give all of them"):
        KindOfAttention(place="local-m", D=1)(query[:, 0], values)
