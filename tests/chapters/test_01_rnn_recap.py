"""Chapter 1: quiz keys recomputed, Keras as oracle, encoding, wrong answers to the exercises."""

import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from proof import accepts, refuses

from attention_course import models
from attention_course.assets import fetch
from attention_course.datasets import reviews
from attention_course.datasets.vocabulary import OFFSET, Vocabulary
from attention_course.display.quiz import load_quiz
from attention_course.errors import DataError
from attention_course.exercises import rnn as exercises
from attention_course.interactive import FigureError
from attention_course.interactive.rnn_steps import show_rnn_steps
from attention_course.models.cards import load_card
from attention_course.models.reader import SentimentReader
from attention_course.statistics import wilson_interval

STEM = "01_rnn_recap"
CHAPTER = Path(__file__).parents[2] / "chapters" / f"{STEM}.ipynb"

WORDS = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=float)
W = np.array([[1.0, -0.5], [0.5, 0.5], [-0.5, 1.0]])
U = np.array([[0.5, -1.0], [1.0, 0.5]])
B = np.array([0.0, 0.5])


@pytest.fixture(scope="module")
def chapter():
    return nbformat.read(CHAPTER, as_version=4)


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary.load(num_words=10_000)


def keras_states(X, W, U, b, mask=None):
    """All states of Keras' SimpleRNN with these weights, shape (batch, T, n)."""
    import keras

    layer = keras.layers.SimpleRNN(len(b), return_sequences=True)
    layer.build((None, None, X.shape[-1]))
    layer.set_weights([W, U, b])
    return keras.ops.convert_to_numpy(layer(X.astype("float32"), mask=mask))


# --- the quiz ---------------------------------------------------------------------------------


def right_answer(name):
    """The one right entry of a numeric question."""
    question = {question["id"]: question for question in load_quiz(STEM)}[name]
    (right,) = [answer for answer in question["answers"] if answer.get("correct")]
    return right


def test_quiz_weights_of_a_layer():
    import keras

    layer = keras.layers.SimpleRNN(64)
    layer.build((None, None, 32))
    assert right_answer("weights-of-a-layer")["value"] == layer.count_params()


def test_quiz_second_state():
    low, high = right_answer("second-state")["range"]
    exact = np.tanh(0.5 * np.tanh(1.0))
    assert low < exact < high
    assert low < round(exact, 3) < high
    assert high - low < 0.005


def test_quiz_number_of_a_word(vocabulary):
    assert right_answer("number-of-a-word")["value"] == vocabulary.encode("terrible")[1]


def test_quiz_feedback_about_the_wrong_rank(vocabulary):
    # "The model would read the word of rank 388": 391 is the number of that word.
    (word,) = vocabulary.decode([391])
    assert vocabulary.encode(word)[1] - OFFSET == 388


def test_quiz_shape_of_all_states():
    import keras

    question = {question["id"]: question for question in load_quiz(STEM)}["shape-of-all-states"]
    (right,) = [answer for answer in question["answers"] if answer["correct"]]
    layer = keras.layers.SimpleRNN(256, return_sequences=True)
    assert right["answer"] == str(layer.compute_output_shape((8, 200, 100)))


def test_quiz_reading_in_order():
    question = {question["id"]: question for question in load_quiz(STEM)}["reading-in-order"]
    other = WORDS.copy()
    other[2] = [0, 0, 1]
    states = [exercises.rnn_forward(X[np.newaxis], W, U, B)[0] for X in (WORDS, other)]
    changed = (states[0] != states[1]).any(axis=1)
    assert [answer["correct"] for answer in question["answers"]] == changed.tolist()


# --- what the chapter says --------------------------------------------------------------------


def test_four_words_by_hand_equal_keras():
    by_hand, h = [], np.zeros(2)
    for x in WORDS:
        h = np.tanh(x @ W + h @ U + B)
        by_hand.append(h)
    assert np.abs(keras_states(WORDS[np.newaxis], W, U, B)[0] - by_hand).max() <= 1e-6


def test_the_exercise_solution_equals_keras():
    random = np.random.default_rng(3)
    X, kernel = random.normal(size=(5, 7, 4)), random.normal(size=(4, 6)) / 2
    recurrent, bias = random.normal(size=(6, 6)) / 3, random.normal(size=6)
    ours = exercises.rnn_forward(X, kernel, recurrent, bias)
    assert np.abs(keras_states(X, kernel, recurrent, bias) - ours).max() <= 1e-6


def test_every_neuron_hears_every_neuron():
    h = np.array([0.2, -0.4])
    for i in range(2):
        nudged = h + 0.1 * np.eye(2)[i]
        change = exercises.rnn_step(WORDS[0], nudged, W, U, B)
        assert (change != exercises.rnn_step(WORDS[0], h, W, U, B)).all()


@pytest.mark.parametrize("front", [True, False])
@pytest.mark.parametrize("content", [0.0, 7.0])
def test_a_mask_makes_padding_harmless_whatever_it_holds(front, content):
    padding = np.full((2, 3), content)
    parts = [padding, WORDS] if front else [WORDS, padding]
    real = np.array([[False] * 2 + [True] * 4 if front else [True] * 4 + [False] * 2])
    masked = keras_states(np.vstack(parts)[np.newaxis], W, U, B, mask=real)
    plain = keras_states(WORDS[np.newaxis], W, U, B)
    assert np.abs(masked[0, -1] - plain[0, -1]).max() <= 1e-6


def test_without_a_mask_padding_behind_the_text_does_more_harm():
    zeros = np.zeros((2, 3))
    last = [
        exercises.rnn_forward(np.vstack(parts)[np.newaxis], W, U, B)[0, -1]
        for parts in ([WORDS], [zeros, WORDS], [WORDS, zeros])
    ]
    in_front, behind = (np.abs(state - last[0]).max() for state in last[1:])
    assert 0 < in_front < behind


def last_state(sentence, factor=1.0):
    """Last state after reading the given rows of WORDS, with all of U multiplied by a factor."""
    return exercises.rnn_forward(WORDS[np.newaxis, list(sentence)], W, factor * U, B)[0, -1]


def moved(place, factor=1.0):
    """How far each other word in one place moves the last state of "not a bad film"."""
    whole, distances = [0, 1, 2, 3], []
    for word in {0, 1, 2, 3} - {whole[place]}:
        changed = [*whole[:place], word, *whole[place + 1 :]]
        distances.append(np.linalg.norm(last_state(changed, factor) - last_state(whole, factor)))
    return distances


def test_what_the_text_says_of_the_figure():
    assert min(moved(3)) > 3 * max(moved(0))  # place 4 moves the end further, whichever words
    same = exercises.rnn_forward(WORDS[np.newaxis, [3] * 4], W, U, B)[0]
    assert len(np.unique(same.round(2), axis=0)) == 4  # one word, four states
    assert max(max(moved(place, 0)) for place in (0, 1, 2)) == 0 < min(moved(3, 0))
    film = [3, 1, 2, 3]
    apart = [
        np.linalg.norm(last_state(film, factor) - last_state(range(4), factor))
        for factor in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert apart == sorted(apart)
    assert [round(float(apart[place]), 4) for place in (1, 4)] == [0.0024, 0.2626]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"U": U[:1]}, r"\(1, 2\)"),
        ({"W": W.T}, "W, U and b of shapes"),
        ({"b": np.zeros(3)}, r"\(3,\)\.$"),
        ({"vectors": WORDS[:3]}, "one vector of d numbers for each"),
        ({"words": ["bad", "film"], "vectors": WORDS[:2]}, "it got 2 words"),
        ({"vectors": WORDS / 2}, "only zeros and ones"),
    ],
)
def test_the_figure_refuses_what_it_cannot_draw(change, reason):
    words = ["not", "a", "bad", "film"]
    with pytest.raises(FigureError, match=reason):
        show_rnn_steps(**{"words": words, "vectors": WORDS, "W": W, "U": U, "b": B, **change})


def test_the_strong_loop_keeps_only_the_sign():
    ends = []
    for first in (0.1, 1, 5, -1):
        h = np.tanh(first)
        for _ in range(11):
            h = np.tanh(2 * h)
        ends.append(round(float(h), 4))
    assert ends == [0.9575, 0.9575, 0.9575, -0.9575]


def test_ranks_on_the_diagram_are_those_of_the_vocabulary(vocabulary):
    numbers = vocabulary.encode("not a bad film")
    drawing = (CHAPTER.parents[1] / "images" / "text_to_numbers.svg").read_text(encoding="utf-8")
    shown = [int(number) for number in re.findall(r'y="(?:153|255|355)">(\d+)</text>', drawing)]
    ranks = [number - OFFSET for number in numbers[1:]]
    assert shown == ranks + numbers + [0, 0, 0] + numbers


def test_hints_on_the_page_are_the_hints_of_the_package(chapter):
    prose = "\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")
    shown = re.findall(r"<details><summary>Hint \d+</summary>\s*(.*?)\s*</details>", prose, re.S)
    stored = [hint for exercise in exercises.EXERCISES.values() for hint in exercise.hints]
    assert shown == stored


# --- what the prose says of the trained model -------------------------------------------------


@pytest.fixture(scope="module")
def card():
    return load_card("simple_rnn")


@pytest.fixture(scope="module")
def baselines():
    return json.loads(fetch("models/baselines.json").read_text(encoding="utf-8"))


def test_curves_start_at_guessing_rise_together_and_part(card):
    history = card["runs"][0]["history"]
    fitted, held_back = np.array(history["accuracy"]), np.array(history["val_accuracy"])
    assert len(fitted) == 50
    assert np.abs(np.r_[fitted[:2], held_back[:2]] - 0.5).max() < 0.02  # two epochs of guessing
    assert np.ptp([fitted[4], held_back[4]]) < 0.05  # still together
    assert fitted[-1] > 0.95
    assert 0.66 < np.median(held_back[6:]) < 0.73
    assert 0.55 < min(held_back[12:17]) < 0.62  # a sharp drop near epoch 15
    assert held_back.max() - held_back[card["runs"][0]["kept_epoch"] - 1] < 0.02


def test_loss_is_lowest_after_epoch_nine_and_then_grows(card):
    loss = np.array(card["runs"][0]["history"]["val_loss"])
    assert card["runs"][0]["kept_epoch"] == 9 == loss.argmin() + 1
    assert loss[-10:].min() > 1.3 * loss.min()


def test_it_trained_and_trained_badly(card, baselines):
    average = load_card("word_average")["test"]
    pairs = baselines["nb_logistic_regression"]["test"]
    assert 0.5 < baselines["constant"]["test"]["interval"][1] < card["test"]["interval"][0]
    assert card["test"]["interval"][1] < average["interval"][0] - 0.15
    assert average["interval"][1] < pairs["interval"][0]


def test_accuracy_sinks_with_length_before_anything_is_cut(card, baselines):
    groups = card["test"]["by_length"]
    accuracy = [group["accuracy"] for group in groups]
    assert accuracy == sorted(accuracy, reverse=True)
    assert groups[2]["words"] == "151-200"
    assert groups[2]["interval"][1] < groups[0]["interval"][0]
    words_and_pairs = baselines["nb_logistic_regression"]["test"]["by_length"]
    pairs = [group["accuracy"] for group in words_and_pairs]
    assert np.ptp(pairs) < 0.02
    assert min(pairs[:2]) - max(accuracy) > 0.1


def test_verdicts_that_the_prose_discusses():
    reader = SentimentReader("simple_rnn")
    not_bad, bad, not_good, terrible = reader.probability(
        ["Not a bad film.", "A bad film.", "Not a good film.", "Terrible. A waste of time."]
    )
    assert 0.5 < bad < not_bad < not_good
    assert terrible < 0.5
    empty = float(reader.model(reader.vocabulary.encode_batch([""]))[0, 0])
    assert empty > 0.6


def test_own_reviews_are_neither_easier_nor_harder(card):
    own = reviews.load()
    probability = SentimentReader("simple_rnn").probability(own["text"])
    right = int(((probability > 0.5) == (own["label"] == 1)).sum())
    low, high = wilson_interval(right, len(own))
    assert low < card["test"]["score"] < high


@pytest.mark.parametrize("text", ["", "  ... !", "Zyzzyva quokkaesque!"])
def test_a_review_without_known_words_gets_one_sentence(text):
    with pytest.raises(DataError) as refusal:
        SentimentReader("simple_rnn").probability([text])
    assert str(refusal.value).count(".") == 1
    assert "\n" not in str(refusal.value)


def test_vectors_carry_sentiment_and_not_royalty(chapter):
    (cell,) = [cell for cell in chapter.cells if "def on_axis" in cell.source]
    namespace = {"np": np, "place": {}}
    exec(cell.source, namespace)
    tables = []
    for name in ("simple_rnn", "rnn_attention"):
        layer = models.load(name).get_layer("embedding")
        tables.append(layer.get_weights()[0])
    words = Vocabulary.load(10_000).decode(range(4, 10_000))
    namespace["place"].update({word: i for i, word in enumerate(words)})
    others = namespace["others"]
    held_out = others["praise"] + others["blame"]
    assert not set(held_out) & set(namespace["good"] + namespace["bad"])
    sides = np.array([1] * 6 + [-1] * 6)
    here, there = (namespace["on_axis"](table, held_out) for table in tables)
    assert [word for word, x, side in zip(held_out, here, sides, strict=True) if x * side < 0] == [
        "subtle"
    ]
    assert (there * sides > 0).all()
    king, queen = namespace["on_axis"](tables[0], ["king", "queen"])
    assert king < -0.5 < 0.5 < queen
    assert np.abs(namespace["on_axis"](tables[1], ["king", "queen"])).max() < 0.2


# --- the exercises ----------------------------------------------------------------------------


def test_step_accepts_other_ways_of_writing_it():
    def joined(x, h, W, U, b):
        return np.tanh(np.concatenate([x, h, [1.0]]) @ np.vstack([W, U, b]))

    def with_loops(x, h, W, U, b):
        new = []
        for j in range(len(b)):
            total = b[j] + sum(x[i] * W[i, j] for i in range(len(x)))
            total += sum(h[i] * U[i, j] for i in range(len(h)))
            new.append(np.tanh(total))
        return new

    accepts("01.rnn_step", joined, with_loops)


def test_step_refuses_mutants():
    refuses(
        "01.rnn_step",
        {
            "no tanh": (lambda x, h, W, U, b: x @ W + h @ U + b, "tanh around it is missing"),
            "no bias": (lambda x, h, W, U, b: np.tanh(x @ W + h @ U), "bias b is missing"),
            "no memory": (lambda x, h, W, U, b: np.tanh(x @ W + b), "ignores the previous"),
            "no input": (lambda x, h, W, U, b: np.tanh(h @ U + b), "ignores the current"),
            "U turned over": (lambda x, h, W, U, b: np.tanh(x @ W + U @ h + b), "wrong way round"),
            "own memory only": (
                lambda x, h, W, U, b: np.tanh(x @ W + h * np.diag(U) + b),
                "only its own old value",
            ),
            "bias outside": (lambda x, h, W, U, b: np.tanh(x @ W + h @ U) + b, "outside the tanh"),
            "sigmoid": (lambda x, h, W, U, b: 1 / (1 + np.exp(-x @ W - h @ U - b)), "sigmoid"),
            "constant": (lambda x, h, W, U, b: np.full(len(b), 0.5), "whatever the inputs are"),
            "one sum for all": (
                lambda x, h, W, U, b: np.full(len(b), np.tanh((x @ W + h @ U + b).sum())),
                "equal numbers at every place",
            ),
            "buffer of the state's type": (
                lambda x, h, W, U, b: np.tanh(x @ W + h @ U + b).astype(h.dtype, copy=False),
                "should be",
            ),
            "one neuron squeezed": (
                lambda x, h, W, U, b: np.squeeze(np.tanh(x @ W + h @ U + b)),
                "np.squeeze",
            ),
            "tanh from exp": (
                lambda x, h, W, U, b: (
                    1 - 2 / (1 + np.exp(2 * (x @ W + h @ U + b))) ** 1
                    if np.abs(x @ W + h @ U + b).max() < 300
                    else np.full(len(b), np.nan)
                ),
                "Only large numbers",
            ),
            "rounded": (
                lambda x, h, W, U, b: np.round(np.tanh(x @ W + h @ U + b), 5),
                "rounded",
            ),
            "wrong shape": (
                lambda x, h, W, U, b: np.tanh(x @ W + h @ U + b)[np.newaxis],
                "should have the shape",
            ),
            "NaN": (lambda x, h, W, U, b: np.full(len(b), np.nan), "NaN"),
            "exception": (
                lambda x, h, W, U, b: np.tanh(W @ x + U @ h + b),
                "stops with ValueError",
            ),
            "string": (lambda x, h, W, U, b: "tanh", "string"),
            "half of it": (
                lambda x, h, W, U, b: np.tanh(x @ W + h @ U + b) / 2,
                "should be",
            ),
        },
    )


def test_forward_accepts_other_ways_of_writing_it():
    def one_sentence_at_a_time(X, W, U, b):
        result = np.empty((*X.shape[:2], len(b)))
        for i, sentence in enumerate(X):
            h = np.zeros(len(b))
            for t, x in enumerate(sentence):
                h = result[i, t] = np.tanh(b + h @ U + x @ W)
        return result

    accepts("01.rnn", one_sentence_at_a_time, lambda *parts: keras_states(*parts))


def test_forward_refuses_mutants():
    right = exercises.rnn_forward

    def over_the_batch(X, W, U, b):
        return right(X.swapaxes(0, 1), W, U, b).swapaxes(0, 1)

    def leaking(X, W, U, b):
        flat = X.reshape(1, -1, X.shape[-1])
        return right(flat, W, U, b).reshape(*X.shape[:2], -1)

    def from_ones(X, W, U, b):
        first = right(X, W, U, b).copy()
        h = np.ones((len(X), len(b)))
        for t in range(X.shape[1]):
            h = first[:, t] = np.tanh(X[:, t] @ W + h @ U + b)
        return first

    def zeros_first(X, W, U, b):
        zeros = np.zeros((len(X), 1, len(b)))
        return np.concatenate([zeros, right(X, W, U, b)], axis=1)

    def shifted(X, W, U, b):
        return zeros_first(X, W, U, b)[:, :-1]

    def keeping():
        last = {}

        def forward(X, W, U, b):
            h = last.get((len(X), len(b)), np.zeros((len(X), len(b))))
            states = []
            for t in range(X.shape[1]):
                h = last[len(X), len(b)] = np.tanh(X[:, t] @ W + h @ U + b)
                states.append(h)
            return np.stack(states, axis=1)

        return forward

    refuses(
        "01.rnn",
        {
            "last state only": (lambda *a: right(*a)[:, -1], "one state per sentence"),
            "zeros included": (zeros_first, "leave out the zeros"),
            "time first": (lambda *a: right(*a).swapaxes(0, 1), "changed places"),
            "loop over the batch": (over_the_batch, "over the sentences"),
            "state not reset": (leaking, "leaks"),
            "starts from ones": (from_ones, "zeros, not ones"),
            "backwards": (
                lambda X, W, U, b: right(X[:, ::-1], W, U, b)[:, ::-1],
                "from the last word",
            ),
            "stored backwards": (lambda *a: right(*a)[:, ::-1], "reverse order"),
            "last state repeated": (
                lambda X, W, U, b: np.repeat(right(X, W, U, b)[:, -1:], X.shape[1], axis=1),
                "all your states are the last one",
            ),
            "no memory": (lambda X, W, U, b: np.tanh(X @ W + b), "ignores the previous"),
            "no bias": (lambda X, W, U, b: right(X, W, U, 0 * b), "bias b is missing"),
            "U turned over": (lambda X, W, U, b: right(X, W, U.T, b), "wrong way round"),
            "own memory only": (
                lambda X, W, U, b: right(X, W, np.diag(np.diag(U)), b),
                "only its own old value",
            ),
            "one step late": (shifted, "one step late"),
            "one step more": (
                lambda X, W, U, b: right(np.concatenate([X, X[:, -1:]], axis=1), W, U, b),
                "the first T are right",
            ),
            "exchanged when square": (
                lambda X, *weights: (
                    right(X, *weights).swapaxes(0, 1)
                    if X.shape[0] == X.shape[1]
                    else right(X, *weights)
                ),
                "the shape cannot tell",
            ),
            "buffer of the words' type": (
                lambda X, W, U, b: right(X, W, U, b).astype(X.dtype),
                "Only inputs with whole numbers",
            ),
            "reset every ten words": (
                lambda X, W, U, b: np.concatenate(
                    [right(X[:, t : t + 10], W, U, b) for t in range(0, X.shape[1], 10)], axis=1
                ),
                "Only long inputs",
            ),
            "kept between calls": (keeping(), "from one call to the next"),
        },
    )


def test_encode_accepts_other_ways_of_writing_it():
    def with_arrays(text, word_index, num_words, length):
        found = np.array([word_index.get(word, np.inf) for word in text.lower().split()]) + 3
        found = np.where(found < num_words, found, 2)
        found = np.concatenate([[1], found])[:length]
        return np.pad(found, (length - len(found), 0)).astype(int)

    accepts("01.encode", with_arrays)


def test_encode_solution_agrees_with_the_vocabulary(vocabulary):
    # Both must read a text in the same way; the exercise works without punctuation.
    text = "Not a bad film and the ending is one I never saw coming"
    words = vocabulary.tokens(text)
    word_index = {word: vocabulary.encode(word)[1] - OFFSET for word in words}
    for length in (5, 13, 20):
        expected = vocabulary.encode_batch([text], length)[0].tolist()
        assert exercises.encode(text, word_index, 10_000, length) == expected


def test_encode_refuses_mutants():
    def numbered(words, ranks, limit, unknown=2):
        found = [ranks[word] + 3 if word in ranks else unknown for word in words]
        return [number if number < limit else unknown for number in found]

    def mutant(change):
        def encode(text, ranks, limit, length):
            body = [1, *numbered(text.lower().split(), ranks, limit)]
            return change(body, text, ranks, limit, length)

        return encode

    def pad(body, length):
        return [0] * (length - len(body)) + body

    def no_offset(body, text, ranks, limit, length):
        found = [ranks.get(word, limit) for word in text.lower().split()]
        return pad([1, *(rank if rank < limit else 2 for rank in found)][:length], length)

    refuses(
        "01.encode",
        {
            "no offset": (mutant(no_offset), "offset of 3 is missing"),
            "no start mark": (
                mutant(lambda body, t, r, m, length: pad(body[1:][:length], length)),
                "start mark",
            ),
            "padded behind": (
                mutant(lambda body, t, r, m, length: (body + [0] * length)[:length]),
                "behind",
            ),
            "keeps the end": (
                mutant(lambda body, t, r, m, length: pad(body[-length:], length)),
                "at its start",
            ),
            "never cut": (mutant(lambda body, t, r, m, length: pad(body, length)), "do not cut"),
            "never padded": (mutant(lambda body, t, r, m, length: body[:length]), "do not pad"),
            "capitals": (
                mutant(
                    lambda b, text, ranks, limit, length: pad(
                        [1, *numbered(text.split(), ranks, limit)][:length], length
                    )
                ),
                "lower case",
            ),
            "unknown left out": (
                mutant(
                    lambda body, t, r, m, length: pad([n for n in body if n != 2][:length], length)
                ),
                "leave unknown words out",
            ),
            "unknown is 0": (
                mutant(
                    lambda body, t, r, m, length: pad(
                        [0 if n == 2 else n for n in body][:length], length
                    )
                ),
                "means padding",
            ),
            "any number allowed": (
                mutant(
                    lambda b, text, ranks, limit, length: pad(
                        [1, *numbered(text.lower().split(), ranks, np.inf)][:length], length
                    )
                ),
                "do not use num_words",
            ),
            "one number too many": (
                mutant(
                    lambda b, text, ranks, limit, length: pad(
                        [1, *numbered(text.lower().split(), ranks, limit + 1)][:length], length
                    )
                ),
                "num_words through",
            ),
            "KeyError": (
                lambda text, ranks, limit, length: [ranks[word] for word in text.lower().split()],
                "stops with KeyError",
            ),
            "a matrix": (
                mutant(lambda body, t, r, m, length: [pad(body[:length], length)]),
                "should have the shape",
            ),
            "only zeros": (lambda text, ranks, limit, length: [0] * length, "whatever the inputs"),
            "floats": (
                mutant(lambda body, t, r, m, length: np.pad(body[:length], 9).astype(float)),
                "only whole numbers",
            ),
            "a list in the list": (
                mutant(lambda body, t, r, m, length: [[0] * (length - len(body)), *body]),
                "lists stand beside numbers",
            ),
            "extended": (
                mutant(lambda body, t, r, m, length: [0].extend(body[:length])),
                "returns None",
            ),
            "each word once": (
                mutant(lambda body, t, r, m, length: pad([*dict.fromkeys(body)][:length], length)),
                "should",
            ),
            "ten thousand at most": (
                lambda text, ranks, limit, length: exercises.encode(
                    text, ranks, min(limit, 10_000), length
                ),
                "should be",
            ),
            "ten zeros at most": (
                mutant(lambda body, t, r, m, length: pad(body[:length], length)[-len(body) - 10 :]),
                "should have the shape",
            ),
            "the mark for length 0": (
                mutant(lambda body, t, r, m, length: pad(body[: max(length, 1)], length)),
                "should have the shape (0,)",
            ),
        },
    )
