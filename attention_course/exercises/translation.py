"""Exercises of chapter 8: a translator that could not learn, its loss, a decoder, beam search, AER.

``08.popular`` asks to mend a notebook's loss, ``08.masked_loss`` for a loss without padding,
``08.decoder`` for a decoder with attention in Keras, ``08.beam`` for beam search with a length
penalty, and ``08.aer`` for the alignment error rate of a matrix of weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from attention_course.datasets.grammar import PADDING, START
from attention_course.exercises import in_keras
from attention_course.exercises.alignment import (
    MASKING,
    WEIGHING,
    Table,
    attend,
    each,
    variants,
)
from attention_course.exercises.drawing import Draw
from attention_course.exercises.exercise import Exercise, source, texts
from attention_course.functional import softmax


def _log_softmax(logits: np.ndarray, axis: int | tuple[int, ...] = -1) -> np.ndarray:
    shifted = logits - logits.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _picked(numbers: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """For every word the number that stands at its target."""
    return np.take_along_axis(numbers, targets[..., None], axis=-1)[..., 0]


# --- 08.popular: a notebook with four mistakes ------------------------------------------------


def translator_loss(source, target, E, F, W, U, v, Y):
    """The notebook's loss without its four mistakes, and weights (batch, T, S)."""

    def log_softmax(x):
        x = x - x.max(axis=-1, keepdims=True)
        return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))

    start = np.ones_like(target[:, :1])
    h, s = E[source], F[np.concatenate([start, target[:, :-1]], axis=1)]  # the word before
    scores = np.tanh((s @ U)[:, :, None] + (h @ W)[:, None]) @ v  # every pair
    scores = np.where((source != 0)[:, None], scores, -np.inf)
    weights = np.exp(log_softmax(scores))
    context = weights @ h  # one for each target word
    logs = log_softmax(np.concatenate([context, s], axis=-1) @ Y)
    losses = -np.take_along_axis(logs, target[..., None], axis=-1)[..., 0]
    return losses[target != 0].mean(), weights  # padding is no word


def _translated(
    source: np.ndarray,
    target: np.ndarray,
    E: np.ndarray,
    F: np.ndarray,
    W: np.ndarray,
    U: np.ndarray,
    v: np.ndarray,
    Y: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    return translator_loss(source.astype(int), target.astype(int), E, F, W, U, v, Y)


def _popular_case(draw: Draw) -> tuple:
    """Sentences of different lengths, both sides padded to one length as in the notebook."""
    random = draw.random
    batch, steps = draw.size(most=3, wide=40), draw.length(wide=150)
    words, targets = draw.size(least=3, wide=150), draw.size(least=4, wide=150)
    d_h, d_s, d_a = (draw.size(wide=150) for _ in range(3))
    sentences = []
    for first, last in ((1, words), (START + 1, targets)):
        drawn = random.integers(first, last, (batch, steps))
        count = random.integers(1, steps + 1, (batch, 1))
        sentences.append(draw.layout(np.where(np.arange(steps) < count, drawn, PADDING)))
    E, F = draw.numbers(words, d_h, large=5), draw.numbers(targets, d_s, large=5)
    W, U, v = draw.numbers(d_h, d_a), draw.numbers(d_s, d_a), draw.numbers(d_a, large=10)
    return *sentences, E, F, W, U, v, draw.numbers(d_h + d_s, targets, large=3)


def _shift(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is fed, and what is to be answered."""
    return np.concatenate([np.full_like(target[:, :1], START), target[:, :-1]], axis=1), target


def _weigh(
    scores: np.ndarray,
    allowed: np.ndarray,
    axis: int | tuple[int, int] = -1,
    low: float = -np.inf,
    empty: float = 0.0,
) -> np.ndarray:
    """A softmax of the allowed scores; ``empty`` takes the place of NaN where none is allowed."""
    return np.nan_to_num(softmax(np.where(allowed, scores, low), axis), nan=empty)


def _popular(
    source: np.ndarray,
    target: np.ndarray,
    E: np.ndarray,
    F: np.ndarray,
    W: np.ndarray,
    U: np.ndarray,
    v: np.ndarray,
    Y: np.ndarray,
    feed: Callable = _shift,
    pair: Callable = lambda s, h: s[:, :, None] + h[:, None],
    real: Callable = lambda source: source != PADDING,
    squash: Callable = np.tanh,
    weigh: Callable = _weigh,
    mix: Callable = lambda weights, h: weights @ h,
    join: Callable = lambda context, s: [context, s],
    mean: Callable = lambda losses, before, after: losses[after != PADDING].mean(),
    tell: Callable = lambda weights: weights,
) -> tuple:
    """The loss and the weights, or what the mistakes make of them that the parameters name."""
    source, target = source.astype(int), target.astype(int)
    before, after = feed(target)
    h, s = E[source], F[before]
    scores = squash(pair(s @ U, h @ W)) @ v
    allowed = real(source) if scores.ndim == 2 else real(source)[:, None]
    weights = weigh(scores, allowed)
    logs = _log_softmax(np.concatenate(join(mix(weights, h), s), axis=-1) @ Y)
    return mean(-_picked(logs, after), before, after), tell(weights)


def _for_all(context: np.ndarray, h: np.ndarray) -> np.ndarray:
    """One context (batch, d) for every target word."""
    return np.broadcast_to(context[:, None], h.shape)


#: Who has repaired the rank alone still scores word i of the source for word i of the target.
_BY_POSITION = [
    {"pair": lambda s, h: s + h, "mix": mix}
    for mix in (
        lambda weights, h: _for_all((weights[..., None] * h).sum(axis=1), h),
        lambda weights, h: weights[..., None] * h,
    )
] + each("pair", lambda s, h: np.repeat((s + h)[:, None], s.shape[1], axis=1))
_UNSHIFTED = {"feed": lambda target: (target, target)}
_ALL_COUNT = each(
    "mean",
    lambda losses, before, after: losses.mean(),
    lambda losses, before, after: (losses * (after != PADDING)).sum() / losses.size,
    lambda losses, before, after: (losses * (after != PADDING)).mean(axis=1).mean(),
)


def _sets(*lists: Sequence[dict]) -> list[dict[str, Callable]]:
    """Every way to take one change of each list."""
    return [{k: v for one in some for k, v in one.items()} for some in itertools.product(*lists)]


POPULAR_MISTAKES: Table = {
    # An answer may still have several of the notebook's mistakes: one after the other is told.
    "unshifted": _sets([_UNSHIFTED], [{}, *_BY_POSITION], [{}, *_ALL_COUNT[:2]]),
    "by_position": _sets(_BY_POSITION, [{}, *_ALL_COUNT[:2]]),
    "fed_the_next": each(
        "feed",
        lambda target: (np.append(target[:, 1:], 0 * target[:, :1], axis=1), target),
    ),
    "rolled": each("feed", lambda target: (np.roll(target, 1, axis=1), target)),
    "no_start": each(
        "feed", lambda target: (np.append(0 * target[:, :1], target[:, :-1], axis=1), target)
    ),
    "first_word_lost": _sets(
        each("feed", lambda target: (target[:, :-1], target[:, 1:])), [{}, _ALL_COUNT[0]]
    ),
    "one_context": _sets(
        each(
            "mix",
            lambda weights, h: _for_all((weights @ h).mean(axis=1), h),
            lambda weights, h: _for_all((weights @ h).sum(axis=1), h),
            lambda weights, h: _for_all((weights @ h)[:, 0], h),
            lambda weights, h: _for_all((weights @ h)[:, -1], h),
        ),
        [{}, *_ALL_COUNT[:2]],
    ),
    "weights_turned": each("tell", lambda weights: np.swapaxes(weights, -1, -2)),
    "over_targets": _sets(
        each(
            "weigh",
            partial(_weigh, axis=1),
            partial(_weigh, axis=1, empty=np.nan),
            partial(_weigh, axis=1, low=-1e9),
        ),
        [{}, _ALL_COUNT[0]],
    ),
    "over_pairs": each("weigh", partial(_weigh, axis=(1, 2))),
    "masked_late": each("weigh", lambda scores, allowed: softmax(scores) * allowed),
    "mask_multiplied": each("weigh", lambda scores, allowed: softmax(scores * allowed)),
    "no_tanh": each("squash", lambda hidden: hidden),
    "source_padding": each("real", lambda source: np.full(source.shape, True)),
    "context_behind": each("join", lambda context, s: [s, context]),
    "padding_counts": _ALL_COUNT,
    "fed_padding_counts": each(
        "mean", lambda losses, before, after: losses[before != PADDING].mean()
    ),
    "sentence_means": each(
        "mean",
        lambda losses, before, after: np.mean(
            (losses * (after != PADDING)).sum(axis=1) / (after != PADDING).sum(axis=1)
        ),
    ),
    "loss_summed": each("mean", lambda losses, before, after: losses[after != PADDING].sum()),
    "loss_of_words": each("mean", lambda losses, before, after: losses * (after != PADDING)),
}


def half_mended() -> dict[str, Callable]:
    """The notebook's loss with one of its mistakes left; in all of them the rank is mended.

    Each takes what ``translator_loss`` takes. Where scores are added position by position, the
    weights have the shape (batch, T).
    """
    left = {
        "the target is not shifted": _UNSHIFTED,
        "added position by position": _BY_POSITION[0],
        "padding counts": _ALL_COUNT[0],
    }
    return {name: partial(_popular, **mistake) for name, mistake in left.items()}


# --- 08.masked_loss: padding is no word -------------------------------------------------------


def masked_loss(logits, targets):
    """Mean cross-entropy over the real words of all sentences; 0 where there are none."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    losses = -np.take_along_axis(logs, targets[..., None], axis=-1)[..., 0]
    real = targets != 0
    return (losses * real).sum() / max(real.sum(), 1)


def _masked_loss(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return masked_loss(logits, targets.astype(int))


def _loss_case(draw: Draw) -> tuple:
    batch, steps, words = draw.size(), draw.length(), draw.size(least=2, wide=300)
    drawn = draw.random.integers(1, words, (batch, steps))
    logits = draw.numbers(batch, steps, words, large=2000)
    return logits, draw.layout(np.where(draw.mask(batch, steps), drawn, PADDING))


def _mean_of_real(losses: np.ndarray, real: np.ndarray) -> Any:
    return (losses * real).sum() / max(real.sum(), 1)


def _loss(
    logits: np.ndarray,
    targets: np.ndarray,
    losses: Callable = lambda logits, targets: -_picked(_log_softmax(logits), targets),
    mean: Callable = _mean_of_real,
) -> Any:
    """The loss, or with a mistake in the losses of the words or in their mean."""
    targets = targets.astype(int)
    return mean(losses(logits, targets), targets != PADDING)


def _logs(logarithm: Callable) -> Callable:
    """The losses that another logarithm of the softmax gives."""
    return lambda logits, targets: -_picked(logarithm(logits), targets)


def _per_sentence(losses: np.ndarray, real: np.ndarray) -> np.ndarray:
    return (losses * real).sum(axis=1) / np.maximum(real.sum(axis=1), 1)


def _powers(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


LOSS_MISTAKES: Table = {
    "padding_counted": each("mean", lambda losses, real: losses.mean()),
    "divided_by_all": each("mean", lambda losses, real: (losses * real).mean()),
    "logits_zeroed": [
        {
            "losses": lambda logits, targets: (
                -_picked(_log_softmax(logits * (targets != PADDING)[..., None]), targets)
            ),
            "mean": lambda losses, real: losses.mean(),
        }
    ],
    "sentences_first": each(
        "mean",
        lambda losses, real: _per_sentence(losses, real).mean(),
        lambda losses, real: ((losses * real).sum(axis=1) / real.sum(axis=1)).mean(),
        lambda losses, real: np.nanmean((losses * real).sum(axis=1) / real.sum(axis=1)),
        lambda losses, real: np.nan_to_num(
            np.nanmean((losses * real).sum(axis=1) / real.sum(axis=1))
        ),
    ),
    "per_sentence": each(
        "mean",
        _per_sentence,
        lambda losses, real: (losses * real).sum(axis=1),
        lambda losses, real: (losses * real).sum(axis=1) / real.sum(axis=1),
    ),
    "not_averaged": each(
        "mean", lambda losses, real: losses * real, lambda losses, real: losses[real]
    ),
    "summed": each("mean", lambda losses, real: (losses * real).sum()),
    "divided_by_batch": each("mean", lambda losses, real: (losses * real).sum() / len(real)),
    "nan_if_empty": each("mean", lambda losses, real: losses[real].mean()),
    "one_added": each("mean", lambda losses, real: (losses * real).sum() / (real.sum() + 1)),
    "mask_turned": each("mean", lambda losses, real: _mean_of_real(losses, ~real)),
    "mask_mistaken": each(
        "mean", lambda losses, real: (losses * real).sum() / max((losses * real != 0).sum(), 1)
    ),
    "softmax_twice": each("losses", _logs(lambda logits: _log_softmax(softmax(logits)))),
    "no_softmax": each("losses", _logs(lambda logits: logits), _logs(np.log)),
    "no_logarithm": each("losses", _logs(softmax), lambda *given: 1 + _logs(softmax)(*given)),
    "over_time": each("losses", _logs(lambda logits: _log_softmax(logits, 1))),
    "over_batch": each("losses", _logs(lambda logits: _log_softmax(logits, 0))),
    "over_all": each("losses", _logs(lambda logits: _log_softmax(logits, (0, 1, 2)))),
    "overflow": each(
        "losses",
        _logs(lambda logits: np.log(_powers(logits))),
        _logs(lambda logits: np.log(softmax(logits))),
    ),
    "clipped": each(
        "losses",
        *(
            _logs(partial(lambda least, logits: np.log(np.maximum(softmax(logits), least)), least))
            for least in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-30)
        ),
        _logs(lambda logits: np.log(np.clip(softmax(logits), 1e-7, 1 - 1e-7))),  # as Keras does
        *(
            _logs(partial(lambda added, logits: np.log(softmax(logits) + added), added))
            for added in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-30)
        ),
    ),
    "other_base": each(
        "losses",
        _logs(lambda logits: _log_softmax(logits) / np.log(2)),
        _logs(lambda logits: _log_softmax(logits) / np.log(10)),
    ),
    "padding_word_left_out": each(
        "losses",
        lambda logits, targets: (
            -_picked(
                _log_softmax(np.where(np.arange(logits.shape[-1]) == PADDING, -np.inf, logits)),
                np.maximum(targets, 1),
            )
        ),
    ),
    "one_class_off": each(
        "losses", lambda logits, targets: -_picked(_log_softmax(logits), targets - 1)
    ),
    "squares": each(
        "losses",
        lambda logits, targets: ((np.eye(logits.shape[-1])[targets] - softmax(logits)) ** 2).sum(
            axis=-1
        ),
        lambda logits, targets: ((np.eye(logits.shape[-1])[targets] - softmax(logits)) ** 2).mean(
            axis=-1
        ),
    ),
    "errors_counted": each("losses", lambda logits, targets: logits.argmax(axis=-1) != targets),
    "perplexity": each("mean", lambda losses, real: np.exp(_mean_of_real(losses, real))),
}


# --- 08.decoder: a decoder with attention in Keras --------------------------------------------

DECODER = '''\
import keras
from keras import ops


class Decoder(keras.layers.Layer):
    """A GRU whose state looks at the encoder's states before every step."""

    def __init__(self, units, words, **kwargs):
        super().__init__(**kwargs)
        self.cell = keras.layers.GRUCell(units)
        self.logits = keras.layers.Dense(words)

    def call(self, before, first_state, states, mask=None):
        state, logits, weights = first_state, [], []
        for t in range(before.shape[1]):
            scores = ops.sum(ops.expand_dims(state, 1) * states, axis=-1)
            if mask is not None:
                scores = ops.where(mask, scores, -1e9)
            weights.append(ops.softmax(scores, axis=-1))
            context = ops.sum(ops.expand_dims(weights[-1], -1) * states, axis=1)
            inputs = ops.concatenate([before[:, t], context], axis=-1)
            state, _ = self.cell(inputs, [state])
            logits.append(self.logits(state))
        return ops.stack(logits, axis=1), ops.stack(weights, axis=1)
'''
LETTERS, LENGTH, WIDTH = 6, 4, 16  # of the words that a decoder learns to write backwards
EPOCHS, EXAMPLES, NEW = 4, 1_000, 200
LEARNED = 0.8  # of the letters of new words; without the states a decoder gets four in ten


def probe_decoder(
    make, units, words, before, first, states, mask, weights, target, rate, lesson, epochs
):
    """In the answer's process: what a decoder is made of, what it computes, and what it learns."""
    import keras
    import numpy as np

    before, first, states, target = (
        one.astype("float32") for one in (before, first, states, target)
    )
    one = make(units, words)
    if not isinstance(one, keras.layers.Layer):
        return one
    found, other = one(before, first, states), make(units, words) if rate else one
    if found is None:
        return None
    if not isinstance(found, tuple | list) or len(found) != 2:
        return {"alone": True}
    parts = [getattr(one, name, None) for name in ("cell", "logits")]
    if not all(isinstance(part, keras.layers.Layer) for part in parts):
        return {"parts": [isinstance(part, keras.layers.Layer) for part in parts]}
    own = [weight for part in parts for weight in part.weights]
    seen = {
        "shapes": [list(weight.shape) for weight in own],
        "count": len(one.weights),
        "frozen": len(one.weights) - len(one.trainable_weights),
        "shared": rate and any(weight is w for weight in one.weights for w in other.weights),
        # A GRU's bias has two rows of zeros.
        "stuck": any(np.ptp(w) == 0 for w in map(np.array, own) if w.ndim == 2 < len(w)),
    }
    if seen["shapes"] != [[*weight.shape] for weight in weights] or seen["count"] != len(weights):
        return seen
    for variable, value in zip(own, weights, strict=True):
        variable.assign(value)
    seen |= dict(zip(("logits", "weights"), one(before, first, states), strict=True))
    if not all(hasattr(seen[name], "shape") for name in ("logits", "weights")):
        return {"listed": True}
    masked = one(before, first, states, mask=mask)
    seen |= dict(zip(("masked logits", "masked weights"), masked, strict=True))
    if tuple(seen["logits"].shape) != target.shape:
        return seen

    class Learner(keras.Model):
        """A decoder, and a layer before each input that shows whether a gradient reaches it."""

        def __init__(self, decoder, *widths):
            super().__init__()
            identity = {"use_bias": False, "kernel_initializer": "identity"}
            self.layers_before = [keras.layers.Dense(width, **identity) for width in widths]
            self.decoder = decoder

        def call(self, inputs, training=None):  # without it Keras' layers know of no training
            *inputs, mask = inputs
            made = [layer(one) for layer, one in zip(self.layers_before, inputs, strict=True)]
            return self.decoder(*made, mask=mask)[0]

    if rate:
        learner = Learner(one, before.shape[-1], units, units)
        learner.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True)
        learner([before, first, states, mask])
        learned = [*own, *(layer.kernel for layer in learner.layers_before)]
        begun = [np.array(weight) for weight in learned]
        learner.train_on_batch([before, first, states, mask], target)
        pairs = zip(begun, learned, strict=True)
        seen["slopes"] = [(then - np.array(now)) / rate for then, now in pairs]
    if epochs:
        given, letters, new = lesson[:3], lesson[3], lesson[4:7]
        keras.utils.set_random_seed(0)
        pupil = make(given[1].shape[-1], int(letters.max()) + 1)
        learner = Learner(pupil, *(some.shape[-1] for some in given))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        learner.compile(keras.optimizers.Adam(0.02), loss)
        given, new = ([*some, np.ones(some[2].shape[:2], bool)] for some in (given, new))
        learner.fit(given, letters, batch_size=50, epochs=epochs, verbose=0)
        seen["written"] = learner(new)
    return seen


def reversal(random: np.random.Generator, count: int) -> list[np.ndarray]:
    """Words to be written backwards: what is fed, first state and states, and the letters.

    A state tells a letter and its place and nothing else does, so the next one has to be looked
    up. The encoder's last state is the decoder's first.
    """
    letters, places = 2 * np.eye(LETTERS, WIDTH), 3 * np.eye(LENGTH, WIDTH, LETTERS)
    words = random.integers(0, LETTERS, (count, LENGTH))
    states, written = letters[words] + places, words[:, ::-1]
    start = np.zeros((count, 1, WIDTH))
    before = np.concatenate([start, letters[written[:, :-1]]], axis=1)
    arrays = [one.astype("float32") for one in (before, states[:, -1], states)]
    return [*arrays, written.astype("int32")]


def _decoder_case(draw: Draw) -> tuple:
    """Numbers and a mask; once in a check words to learn from, and where it is short a slope."""
    random, train = draw.random, draw.kind == "long"  # one of the first cases, and no other
    units, width, words = draw.size(wide=20), draw.size(wide=20), draw.size(least=2, wide=30)
    several = 1 if draw.kind == "single" else 2  # steps, so that one hands something to the next
    batch, steps = draw.size(most=3, wide=30), draw.size(several, 5, 9)
    places = draw.length(several, wide=60)
    before, first = draw.numbers(batch, steps, width, large=5), draw.numbers(batch, units, large=5)
    states = draw.numbers(batch, places, units, large=5)
    shapes = ((width + units, 3 * units), (units, 3 * units), (2, 3 * units))
    weights = [random.normal(size=shape) for shape in (*shapes, (units, words), (words,))]
    lesson = [*reversal(random, EXAMPLES), *reversal(random, NEW)] if train else []
    mask, target = draw.mask(batch, places, none=False), random.normal(size=(batch, steps, words))
    if draw.kind == "large":  # scores so low that a mask of -30 would be above them
        first, states = 40 * (1 + abs(first)), -1 - abs(states)
        mask[:, 0], mask[:, -1] = False, True
    rate, epochs = 0.01 if draw.kind in ("plain", "float32") else 0.0, EPOCHS if train else 0
    return units, words, before, first, states, mask, weights, target, rate, lesson, epochs


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _gru(x: np.ndarray, state: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
    """Keras' GRUCell: update gate, reset gate, candidate, with a bias before the reset as well."""
    kernel, loop, bias = weights
    z, r, n = np.split(x @ kernel + bias[0], 3, axis=-1)
    z_loop, r_loop, n_loop = np.split(state @ loop + bias[1], 3, axis=-1)
    z, r = _sigmoid(z + z_loop), _sigmoid(r + r_loop)
    return z * state + (1 - z) * np.tanh(n + r * n_loop)


def _write(
    weights: Sequence[np.ndarray],
    before: np.ndarray,
    first: np.ndarray,
    states: np.ndarray,
    mask: np.ndarray,
    *,
    begin: Callable = lambda first: first,
    ask: Callable = lambda state, first: state,
    score: Callable = lambda query, h: query[:, None] @ np.swapaxes(h, 1, 2),
    join: Callable = lambda word, context: [word, context],
    carry: Callable = lambda new, first: new,
    late: bool = False,
    read: Callable = lambda new, old: new,
    order: Callable = lambda steps: [*range(steps)],
    last: Callable = lambda logits: logits,
    pack: Callable = lambda logits, weights: (np.stack(logits, 1), np.stack(weights, 1)),
    **wrong: Callable,
) -> tuple[np.ndarray, np.ndarray]:
    """The decoder in NumPy, or with the mistakes that the parameters make.

    late    the new state asks, and the cell gets what the last step found
    """
    *cell, kernel, bias = weights
    state, context = begin(first), 0 * states[:, 0]
    logits, looked = {}, {}

    def look(state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = score(ask(state, first), states)  # (batch, 1, S)
        context, weights = attend(scores, mask[:, None], states, **wrong)
        return context[:, 0], weights[:, 0]

    for t in order(before.shape[1]):
        if not late:
            context, looked[t] = look(state)
        new = _gru(np.concatenate(join(before[:, t], context), axis=-1), state, cell)
        if late:
            context, looked[t] = look(new)
        logits[t] = last(read(new, state) @ kernel + bias)
        state = carry(new, first)
    return pack(*([found[t] for t in sorted(found)] for found in (logits, looked)))


def _decoder(
    units: int,
    words: int,
    before: np.ndarray,
    first: np.ndarray,
    states: np.ndarray,
    mask: np.ndarray,
    weights: list[np.ndarray],
    target: np.ndarray,
    rate: float,
    lesson: list[np.ndarray],
    epochs: int,
    *,
    only_masked: bool = False,
    **wrong: Any,
) -> dict[str, np.ndarray]:
    """What the decoder computes without a mask and with one.

    only_masked     nothing is wrong without a mask, as where a layer asks whether there is one
    """
    given = weights, before, first, states
    without = _write(*given, np.ones_like(mask), **({} if only_masked else wrong))
    seen = dict(zip(("logits", "weights"), without, strict=True))
    return seen | dict(
        zip(("masked logits", "masked weights"), _write(*given, mask, **wrong), strict=True)
    )


def _decoder_slopes(
    units: int,
    words: int,
    before: np.ndarray,
    first: np.ndarray,
    states: np.ndarray,
    mask: np.ndarray,
    weights: list[np.ndarray],
    target: np.ndarray,
    *_: Any,
) -> list[np.ndarray]:
    """The gradient of the squared error by the decoder's weights, and by what made its inputs."""

    def soften(scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
        powers = np.exp(scores - scores.real.max(axis=-1, keepdims=True)) * mask
        return powers / powers.sum(axis=-1, keepdims=True)

    def loss(some: list[np.ndarray]) -> Any:
        given = [one @ made for one, made in zip(inputs, some[-3:], strict=True)]
        logits, _ = _write(some[:-3], *given, mask, weigh=soften)
        return ((logits - target) ** 2).mean()

    inputs = before, first, states
    return in_keras.gradient(loss, [*weights, *(np.eye(one.shape[-1]) for one in inputs)])


def _far(found: list[np.ndarray], wanted: list[np.ndarray]) -> bool:
    """Whether gradients differ by more than single precision would make of them."""
    most = max(np.abs(one).max() for one in wanted)
    return any(
        np.abs(one - other).max() > 0.01 * max(np.abs(other).max(), 0.01 * most, 1e-3)
        for one, other in zip(found, wanted, strict=True)
    )


def _explain_decoder(case: tuple, seen: dict, wrong: bool) -> tuple[dict, dict]:
    """What a decoder is made of, and whether it learns."""
    units, words, before, _, states, _, weights, *_, lesson, epochs = case
    wanted = [weight.shape for weight in weights]
    shapes = [tuple(shape) for shape in seen.get("shapes", wanted)]
    logits, looked = (np.shape(seen.get(name)) for name in ("logits", "weights"))
    right = ((*before.shape[:2], words), (*before.shape[:2], states.shape[1]))
    share = 1.0
    if epochs and not wrong:
        written = np.asarray(seen.get("written", 0)).reshape(*lesson[-1].shape, -1)
        share = np.mean(written.argmax(axis=-1) == lesson[-1])
    unlike = {
        "alone": "alone" in seen,
        "listed": "listed" in seen,
        "no_cell": not seen.get("parts", [True])[0],
        "no_logits": not seen.get("parts", [True])[-1],
        "other_weights": shapes != wanted,
        "more_weights": seen.get("count", len(wanted)) != len(wanted),
        "frozen": seen.get("frozen"),
        "shared": seen.get("shared"),
        "stuck": seen.get("stuck"),
        "swapped": logits == right[1] != looked == right[0],
        "other_slopes": "slopes" in seen
        and not wrong
        and _far(seen["slopes"], _decoder_slopes(*case)),
        "not_learned": share < LEARNED,
    }
    values = {
        name: ", ".join(map(str, some)) for name, some in (("wanted", wanted), ("shapes", shapes))
    }
    values |= {"width": before.shape[2], "units": units, "words": words, "share": f"{share:.0%}"}
    return unlike, values | {"count": seen.get("count"), "letters": LETTERS}


DECODER_MISTAKES: Table = {
    "first_state_lost": each("begin", lambda first: 0 * first),
    "state_lost": each("carry", lambda new, first: first, lambda new, first: 0 * new),
    "first_state_asks": each("ask", lambda state, first: first),
    "new_state_asks": [
        {"late": True},
        {"late": True, "join": lambda word, context: [word, 0 * context]},
    ],
    "context_first": each("join", lambda word, context: [context, word]),
    "no_context": each("join", lambda word, context: [word, 0 * context]),
    "no_word": each("join", lambda word, context: [0 * word, context]),
    "old_state_read": each("read", lambda new, old: old),
    "score_scaled": each(
        "score",
        lambda query, h: query[:, None] @ np.swapaxes(h, 1, 2) / h.shape[-1] ** 0.5,
        lambda query, h: query[:, None] @ np.swapaxes(h, 1, 2) / h.shape[-1],
    ),
    "score_tanh": each("score", lambda query, h: np.tanh(query[:, None] @ np.swapaxes(h, 1, 2))),
    "score_cosine": each(
        "score",
        lambda query, h: (
            query[:, None]
            @ np.swapaxes(h, 1, 2)
            / np.linalg.norm(query, axis=-1)[:, None, None]
            / np.linalg.norm(h, axis=-1)[:, None]
        ),
    ),
    "backwards": [
        {"order": lambda steps: [*range(steps)][::-1]},
        {
            "order": lambda steps: [*range(steps)][::-1],
            "pack": lambda *found: tuple(np.stack(one[::-1], 1) for one in found),
        },
    ],
    "softmax_at_the_end": each("last", softmax),
    "time_in_front": each("pack", lambda *found: tuple(np.stack(one) for one in found)),
    "last_step_alone": each(
        "pack",
        lambda logits, weights: (logits[-1], weights[-1]),
        lambda logits, weights: (logits[-1], np.stack(weights, 1)),
    ),
}
#: With one query at a time there are no others to go over.
DECODER_WEIGHING = {
    key: WEIGHING[key]
    for key in (
        "over_batch",
        "not_divided",
        "hard",
        "uniform",
        "scores_returned",
        "plain_mean",
        "plain_sum",
        "largest_only",
    )
}
DECODER_MASKING = {
    key: (*ways, *(partial(way, only_masked=True) for way in ways))
    for key, ways in variants(_decoder, MASKING).items()
    if key not in ("not_low", "masked_late_then_divided")  # no score is so far from the others
}


# --- 08.beam: several sentences begun at a time -----------------------------------------------


def beam(log_probabilities, start, end, width, longest, alpha):
    """The best sentence that beam search finds, and its score: the sum of logs / length^alpha."""

    def score(words, total):
        return total / len(words) ** alpha

    going, finished = [([], 0.0)], []
    for length in range(1, longest + 1):
        longer = [
            ([*words, word], total + log_probability)
            for words, total in going
            for word, log_probability in enumerate(log_probabilities[words[-1] if words else start])
        ]
        longer.sort(key=lambda one: one[1], reverse=True)
        going = []
        for words, total in longer[:width]:
            ended = words[-1] == end or length == longest
            (finished if ended else going).append((words, total))
    words, total = max(finished, key=lambda one: score(*one))
    return words, score(words, total)


ALPHAS = (0.0, 0.5, 0.6, 0.7, 1.0, 1.0, 1.5)
MOST_BEGUN = 4_000  # sentences of a beam that grows at each step because its width is each one's
MARGIN = 1e-4  # between what is kept and what is not, so that rounding decides nothing


def _beam_case(draw: Draw) -> tuple:
    """A chain of words in which some are followed by anything and some by one word alone.

    So a beam that keeps the best at each step may lose the best of all. Tables are drawn until one
    of the mistakes that hardly ever matter makes a difference.
    """
    random = draw.random
    words, longest, width = draw.size(3, 6, 150), draw.length(1, 7, 40), int(random.integers(1, 9))
    alpha, trap = float(random.choice(ALPHAS)), TRAPS[random.integers(len(TRAPS))]
    width = min(width, 2) if longest > 7 else width
    longest = min(longest, 3) if words > 6 else longest  # the mistakes go through it all, too
    if trap in BEAM_MISTAKES["width_capped"] and words <= 6:
        width = words + min(width, 3)
    while width > 1 and width**longest > MOST_BEGUN:
        longest -= 1
    hazards = draw.hazards()
    if words > 6:  # long tables are few, so each is met in an unusual form
        hazards |= {"strided", *(["float32"] if random.random() < 0.5 else [])}
    tries = 40 if words * width * longest < 150 else 4
    for attempt in range(1000):
        start, end = (int(one) for one in random.permutation(words)[:2])
        logits = random.choice([0.2, 4.0], (words, 1)) * random.normal(size=(words, words))
        logits[:, end] += random.choice([-1, 0, 1])
        if draw.kind in ("zeros", "mixed"):  # words that cannot follow another
            logits = np.where(random.random(logits.shape) < 0.2, -np.inf, logits)
            logits[:, end] = np.maximum(logits[:, end], -3)
        case = _log_softmax(logits), start, end, width, longest, alpha
        found, margin = _watched(*case)
        if "float32" in hazards and abs(found[1]) < 0.5:  # the logarithm of almost 1 is rounded
            continue
        if margin > MARGIN and (attempt >= tries or trap(*case)[0] != found[0]):
            break
    draw.joined = True  # another table might have a tie
    return draw.layout(case[0], hazards), *case[1:]


def _watched(*case: Any) -> tuple[tuple[list[int], float], float]:
    """What the search finds, and the least difference by which it decides anything."""
    gaps = [np.inf]

    def keep(longer: list, width: int, _: list) -> list:
        if len(longer) > width and longer[width - 1][1] > -np.inf:
            gaps.append(longer[width - 1][1] - longer[width][1])
        return longer[:width]

    def choose(scores: list[float]) -> int:
        best = sorted(scores)[-2:]
        gaps.append(best[-1] - best[0] if len(best) > 1 else np.inf)
        return int(np.argmax(scores))

    return _search(*case, keep=keep, choose=choose), min(gaps)


def _search(
    table: np.ndarray,
    start: int,
    end: int,
    width: int,
    longest: int,
    alpha: float,
    *,
    copies: Callable = lambda width: 1,
    zero: float = 0.0,
    add: Callable = lambda total, log: total + log,
    keep: Callable = lambda longer, width, finished: longer[:width],
    ends: Callable = lambda word, end: word == end,
    stop: Callable = lambda finished, width: False,
    rivals: Callable = lambda finished, unfinished: finished + unfinished,
    rate: Callable = lambda total, length, alpha: total / length**alpha,
    choose: Callable | None = None,
    tell: Callable = lambda words, total, score: (words, score),
) -> tuple[list[int], float]:
    """Beam search, or with the mistakes that the parameters make.

    keep    which of the sorted continuations stay, given those that are finished
    stop    whether to search no further
    rivals  of which sentences the best is taken
    choose  which of these is the best, given their scores
    tell    what is returned of it
    """
    going, finished = [([], zero)] * copies(width), []
    for _ in range(longest):
        longer = [
            ([*words, word], add(total, log))
            for words, total in going
            for word, log in enumerate(table[words[-1] if words else start])
        ]
        longer.sort(key=lambda one: one[1], reverse=True)
        kept = keep(longer, width, finished)
        finished = finished + [one for one in kept if ends(one[0][-1], end)]
        going = [one for one in kept if not ends(one[0][-1], end)]
        if stop(finished, width):
            break
    found = rivals(finished, going)
    scores = [rate(total, len(words), alpha) for words, total in found]
    best = choose(scores) if choose else int(np.argmax(scores))
    return tell(*found[best], scores[best])


def _competing(
    table: np.ndarray,
    start: int,
    end: int,
    width: int,
    longest: int,
    alpha: float,
    penalised: bool = False,
) -> tuple[list[int], float]:
    """Sentences that have ended keep their places in the beam as long as they are good enough."""

    def score(one: tuple[list[int], float]) -> float:
        return one[1] / max(len(one[0]), 1) ** alpha

    kept = [([], 0.0)]
    for _ in range(longest):
        longer = []
        for words, total in kept:
            if words and words[-1] == end:
                longer.append((words, total))
                continue
            row = table[words[-1] if words else start]
            longer += [([*words, word], total + log) for word, log in enumerate(row)]
        kept = sorted(longer, key=score if penalised else lambda one: one[1], reverse=True)[:width]
    best = max(kept, key=score)
    return best[0], score(best)


def _each_its_own(longer: list, width: int, _: list) -> list:
    """The best continuations of every sentence, as many of each as the beam is wide."""
    counts: dict[tuple, int] = {}
    kept = []
    for words, total in longer:
        before = tuple(words[:-1])
        counts[before] = counts.get(before, 0) + 1
        if counts[before] <= width:
            kept.append((words, total))
    return kept


def _merged(longer: list, width: int | None, _: list) -> list:
    """The best sentence for each last word: in a chain of words nothing better is ever lost."""
    best: dict[int, tuple] = {}
    for words, total in longer:
        best.setdefault(words[-1], (words, total))
    return [*best.values()][:width]


def _until_full(longer: list, width: int, end: int, few: bool) -> list:
    """As many sentences that go on as the beam is wide; with them all that end, or ``few``."""
    kept, going = [], 0
    for place, (words, total) in enumerate(longer):
        if words[-1] == end:
            kept += [(words, total)] if place < width or not few else []
        elif going < width:
            kept.append((words, total))
            going += 1
    return kept


def _filled_up(few: bool) -> Callable:
    def mistake(table: np.ndarray, start: int, end: int, *rest: Any) -> tuple:
        return _search(
            table,
            start,
            end,
            *rest,
            keep=lambda longer, width, _: _until_full(longer, width, end, few),
        )

    return mistake


def _cut_at_end(again: bool) -> Callable:
    """Sentences go on after their end, and what follows it is cut off at last."""

    def mistake(
        table: np.ndarray, start: int, end: int, width: int, longest: int, alpha: float
    ) -> tuple:
        def tell(words: list[int], total: float, score: float) -> tuple:
            cut = words[: words.index(end) + 1] if end in words else words
            logs = [table[a, b] for a, b in itertools.pairwise([start, *cut])]
            return cut, sum(logs) / len(cut) ** alpha if again else score

        never = {"ends": lambda word, end: False}
        return _search(table, start, end, width, longest, alpha, **never, tell=tell)

    return mistake


def _sized(change: Callable) -> Callable:
    """The search with another width and another greatest length."""

    def mistake(table: Any, start: int, end: int, width: int, longest: int, alpha: float) -> tuple:
        return _search(table, start, end, *change(width, longest), alpha)

    return mistake


def _power(length: int, alpha: float) -> float:
    """The penalty of Wu et al. (2016), eq. 14."""
    return ((5 + length) / 6) ** alpha


BEAM_MISTAKES: dict[str, Callable | tuple[Callable, ...]] = {
    "greedy": (
        _sized(lambda width, longest: (1, longest)),
        partial(_search, copies=lambda width: width),
    ),
    "end_ignored": (
        partial(_search, ends=lambda word, end: False),
        _cut_at_end(again=True),
        _cut_at_end(again=False),
    ),
    "unfinished_lost": partial(_search, rivals=lambda finished, unfinished: finished or unfinished),
    "first_finished": (
        partial(_search, stop=lambda finished, width: bool(finished)),
        partial(
            _search,
            stop=lambda finished, width: bool(finished),
            rivals=lambda finished, unfinished: finished or unfinished,
        ),
        partial(
            _search,
            stop=lambda finished, width: bool(finished),
            rivals=lambda finished, unfinished: finished[:1] or unfinished,
        ),
    ),
    "stops_at_width": (
        partial(_search, stop=lambda finished, width: len(finished) >= width),
        partial(
            _search,
            stop=lambda finished, width: len(finished) >= width,
            rivals=lambda finished, unfinished: finished or unfinished,
        ),
    ),
    "finished_compete": (
        _competing,
        partial(_competing, penalised=True),
        partial(
            _search, keep=lambda longer, width, finished: longer[: max(width - len(finished), 0)]
        ),
    ),
    "filled_up": (_filled_up(few=True), _filled_up(few=False)),
    "no_penalty": partial(_search, rate=lambda total, length, alpha: total),
    "alpha_forgotten": partial(_search, rate=lambda total, length, alpha: total / length),
    "multiplied": partial(_search, rate=lambda total, length, alpha: total * length**alpha),
    "start_counted": partial(
        _search, rate=lambda total, length, alpha: total / (length + 1) ** alpha
    ),
    "end_not_counted": partial(
        _search, rate=lambda total, length, alpha: total / max(length - 1, 1) ** alpha
    ),
    "penalty_of_2016": partial(
        _search, rate=lambda total, length, alpha: total / _power(length, alpha)
    ),
    "penalty_too_late": lambda table, start, end, width, longest, alpha: _search(
        table,
        start,
        end,
        width,
        longest,
        0.0,
        tell=lambda words, total, _: (words, total / len(words) ** alpha),
    ),
    "sum_returned": partial(_search, tell=lambda words, total, score: (words, total)),
    "probability_returned": (
        partial(_search, tell=lambda words, total, score: (words, np.exp(score))),
        partial(_search, tell=lambda words, total, score: (words, np.exp(total))),
        partial(_search, zero=1.0, add=lambda total, log: total * np.exp(log)),
    ),
    "probabilities_added": (
        partial(_search, add=lambda total, log: total + np.exp(log)),
        partial(_search, add=lambda total, log: total + np.exp(log), rate=lambda total, *_: total),
    ),
    "logs_multiplied": partial(_search, zero=1.0, add=lambda total, log: total * log),
    "last_log_alone": partial(_search, add=lambda total, log: log),
    "width_for_each": (partial(_search, keep=_each_its_own),),
    "merged": (partial(_search, keep=_merged),),
    "width_capped": (
        lambda table, start, end, width, *rest: _search(
            table, start, end, min(width, len(table)), *rest
        ),
    ),
    "exact": (partial(_search, keep=lambda longer, width, _: _merged(longer, None, _)),),
    "least_probable": partial(_search, keep=lambda longer, width, finished: longer[::-1][:width]),
    "worst_chosen": partial(_search, choose=lambda scores: int(np.argmin(scores))),
    "table_turned": lambda table, *rest: _search(table.T, *rest),
    "one_too_long": _sized(lambda width, longest: (width, longest + 1)),
    "one_too_short": _sized(lambda width, longest: (width, max(longest - 1, 1))),
    "start_in_front": lambda table, start, *rest: _search(
        table, start, *rest, tell=lambda words, total, score: ([start, *words], score)
    ),
    "end_left_out": lambda table, start, end, *rest: _search(
        table,
        start,
        end,
        *rest,
        tell=lambda words, total, score: ([word for word in words if word != end], score),
    ),
}
#: Mistakes that make a difference in one search of twenty or fewer.
TRAPS = [
    one
    for key in (
        "exact",
        "merged",
        "width_for_each",
        "finished_compete",
        "filled_up",
        "width_capped",
    )
    for one in BEAM_MISTAKES[key]
]


# --- 08.aer: how wrong an alignment is --------------------------------------------------------


def alignment_error_rate(weights, sure, possible):
    """Och and Ney's error rate of the links from each target word to its largest weight."""
    found = np.zeros(weights.shape, dtype=bool)
    found[np.arange(len(weights)), weights.argmax(axis=1)] = True
    right = (found & sure).sum() + (found & (sure | possible)).sum()
    return 1 - right / (found.sum() + sure.sum())


def _aer_case(draw: Draw) -> tuple:
    """Weights that lie on sure and possible links more often than chance has it."""
    random = draw.random
    targets, sources = draw.length(wide=300), draw.length(wide=300)
    shape = targets, sources
    place = random.integers(sources, size=targets)
    links = [random.random(shape) < random.choice([0, 0.1, 0.3]) for _ in range(2)]
    for one, most in zip(links, (0.6, 0.4), strict=True):
        one[np.arange(targets), place] |= random.random(targets) < most * random.choice([1, 1, 1.5])
        one &= random.random() > 0.1  # no link at all may be sure, or none possible
    scores = random.normal(size=shape)
    scores[np.arange(targets), place] += random.choice([0, 2, 4])
    if draw.kind in ("zeros", "small", "mixed"):  # several are equally large: the first counts
        rows, other = np.flatnonzero(random.random(targets) < 0.5), random.integers(sources)
        scores[rows, other] = scores[rows].max(axis=1)
    weights = softmax(scores * random.choice([0.3, 1, 3]))
    if draw.kind in ("whole", "part"):
        weights = np.eye(sources, dtype=int)[weights.argmax(axis=1)]
    return draw.layout(weights), *map(draw.layout, links)


def _linked(weights: np.ndarray) -> np.ndarray:
    return np.eye(weights.shape[1], dtype=bool)[weights.argmax(axis=1)]


def _rated(
    weights: np.ndarray,
    sure: np.ndarray,
    possible: np.ndarray,
    link: Callable = _linked,
    rate: Callable = lambda a, s, p: (
        1 - ((a & s).sum() + (a & (s | p)).sum()) / (a.sum() + s.sum())
    ),
) -> Any:
    """The error rate, or with a mistake in the links or in the formula."""
    return rate(link(weights), sure, possible)


def _f_measure(a: np.ndarray, s: np.ndarray, p: np.ndarray) -> float:
    precision = (a & (s | p)).sum() / a.sum()
    recall = (a & s).sum() / s.sum() if s.any() else 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _weighed(w: np.ndarray, s: np.ndarray, p: np.ndarray) -> float:
    """The weights themselves in the place of links."""
    return 1 - (w[s].sum() + w[s | p].sum()) / (w.sum() + s.sum())


AER_MISTAKES: Table = {
    "agreement": each(
        "rate", lambda a, s, p: ((a & s).sum() + (a & (s | p)).sum()) / (a.sum() + s.sum())
    ),
    "possible_alone": each(
        "rate", lambda a, s, p: 1 - ((a & s).sum() + (a & p).sum()) / (a.sum() + s.sum())
    ),
    "sure_taken_out": each(
        "rate", lambda a, s, p: 1 - ((a & s).sum() + (a & p & ~s).sum()) / (a.sum() + s.sum())
    ),
    "possible_ignored": each("rate", lambda a, s, p: 1 - 2 * (a & s).sum() / (a.sum() + s.sum())),
    "possible_as_sure": each(
        "rate",
        lambda a, s, p: 1 - 2 * (a & (s | p)).sum() / (a.sum() + (s | p).sum()),
        lambda a, s, p: 1 - 2 * (a & (s | p)).sum() / (a.sum() + s.sum()),
    ),
    "precision": each(
        "rate",
        lambda a, s, p: 1 - (a & (s | p)).sum() / a.sum(),
        lambda a, s, p: 1 - (a & p).sum() / a.sum(),
        lambda a, s, p: (a & (s | p)).sum() / a.sum(),
    ),
    "sure_precision": each("rate", lambda a, s, p: 1 - (a & s).sum() / a.sum()),
    "recall": each(
        "rate",
        lambda a, s, p: 1 - (a & s).sum() / s.sum(),
        lambda a, s, p: 1 - (a & s).sum() / max(s.sum(), 1),
    ),
    "f_measure": each("rate", lambda a, s, p: 1 - _f_measure(a, s, p), _f_measure),
    "other_divisor": each(
        "rate",
        lambda a, s, p: 1 - ((a & s).sum() + (a & (s | p)).sum()) / (a.sum() + (s | p).sum()),
        lambda a, s, p: 1 - ((a & s).sum() + (a & (s | p)).sum()) / (a.sum() + p.sum()),
        lambda a, s, p: 1 - ((a & s).sum() + (a & (s | p)).sum()) / (2 * a.sum()),
        lambda a, s, p: 1 - ((a & s).sum() + (a & (s | p)).sum()) / (a | s).sum(),
    ),
    "mean_of_two": each(
        "rate",
        lambda a, s, p: 1 - ((a & s).sum() / max(s.sum(), 1) + (a & (s | p)).sum() / a.sum()) / 2,
    ),
    "jaccard": each("rate", lambda a, s, p: 1 - (a & s).sum() / (a | s).sum()),
    "percent": each(
        "rate",
        lambda a, s, p: 100 * (1 - ((a & s).sum() + (a & (s | p)).sum()) / (a.sum() + s.sum())),
    ),
    "source_words_link": each(
        "link",
        lambda w: np.eye(len(w), dtype=bool)[w.argmax(axis=0)].T,
        lambda w: _linked(w) | np.eye(len(w), dtype=bool)[w.argmax(axis=0)].T,
        lambda w: _linked(w) & np.eye(len(w), dtype=bool)[w.argmax(axis=0)].T,
    ),
    "one_link_for_all": each("link", lambda w: w == w.max()),
    "threshold": each(
        "link",
        lambda w: w > 0,
        lambda w: w >= 0.5,
        lambda w: w > 0.5,
        lambda w: w > 1 / w.shape[1],
        lambda w: w > w.mean(),
        lambda w: w > 0.1,
    ),
    "ties_linked": each("link", lambda w: w == w.max(axis=1, keepdims=True)),
    "last_of_equals": each("link", lambda w: _linked(w[:, ::-1])[:, ::-1]),
    "smallest_weight": each("link", lambda w: _linked(-w)),
    "weights_added": [{"link": lambda w: w, "rate": _weighed}],
}


TEXTS = texts("alignment", "translation")
EXERCISES = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            **TEXTS["08.popular"],
            answer="translator_loss",
            text=source(translator_loss),
            solve=_translated,
            case=_popular_case,
            mistakes=variants(_popular, POPULAR_MISTAKES),
        ),
        Exercise(
            **TEXTS["08.masked_loss"],
            answer="masked_loss",
            text=source(masked_loss),
            solve=_masked_loss,
            case=_loss_case,
            mistakes=variants(_loss, LOSS_MISTAKES),
            seconds=30.0,  # an answer may import Keras
        ),
        Exercise(
            **TEXTS["08.decoder"],
            answer="Decoder",
            text=DECODER,
            wants="class",
            solve=_decoder,
            case=_decoder_case,
            probe=probe_decoder,
            demands=in_keras.demands(_explain_decoder),
            mistakes=variants(_decoder, DECODER_MISTAKES)
            | DECODER_MASKING
            | variants(_decoder, DECODER_WEIGHING),
            takes=2,
            count=22,
            **in_keras.SETTINGS,
        ),
        Exercise(**TEXTS["08.beam"], solve=beam, case=_beam_case, mistakes=BEAM_MISTAKES),
        Exercise(
            **TEXTS["08.aer"],
            solve=alignment_error_rate,
            case=_aer_case,
            mistakes=variants(_rated, AER_MISTAKES),
        ),
    )
}
