"""Chapter 1: quiz keys recomputed, Keras as oracle, and what the prose says of the cards."""

import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

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
from attention_course.statistics import mean_interval, wilson_interval

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


def question(name):
    return {one["id"]: one for one in load_quiz(STEM)}[name]


def right_answer(name):
    """The one right entry of a question."""
    (right,) = [answer for answer in question(name)["answers"] if answer.get("correct")]
    return right


def test_quiz_weights_of_a_layer():
    import keras

    layer = keras.layers.SimpleRNN(64)
    layer.build((None, None, 32))
    assert right_answer("weights-of-a-layer")["value"] == layer.count_params()


def holds(name, value, decimals):
    """Whether a question's range is that of all numbers with these decimals, as its words say."""
    low, high = right_answer(name)["range"]
    half = 0.5 * 10**-decimals
    assert f"Give {('two', 'three')[decimals - 2]} decimals" in question(name)["question"]
    return np.allclose((low, high), (round(value, decimals) - half, round(value, decimals) + half))


def test_quiz_second_state():
    assert holds("second-state", np.tanh(0.5 * np.tanh(1.0)), 3)


def test_quiz_interval_of_seeds():
    low, high = mean_interval([0.6, 0.7, 0.8])["interval"]
    assert holds("interval-of-seeds", low, 2)
    wrong = [
        answer["range"]
        for answer in question("interval-of-seeds")["answers"][1:-1]
        if "range" in answer
    ]
    t, s = 4.303, 0.1
    slips = (0.7 - t * s, 0.7 - 1.96 * s / 3**0.5, high, 0.7 - t * s / 3)
    for (bottom, top), slip in zip(wrong, slips, strict=True):
        assert bottom <= slip <= top


def test_quiz_number_of_a_word(vocabulary):
    assert right_answer("number-of-a-word")["value"] == vocabulary.encode("terrible")[1]


def test_quiz_feedback_about_the_wrong_rank(vocabulary):
    # "The model would read the word of rank 388": 391 is the number of that word.
    (word,) = vocabulary.decode([391])
    assert vocabulary.encode(word)[1] - OFFSET == 388


def test_quiz_shape_of_all_states():
    import keras

    one_way = keras.layers.SimpleRNN(256, return_sequences=True)
    layer = keras.layers.Bidirectional(one_way)
    shapes = [str(one.compute_output_shape((8, 200, 100))) for one in (layer, one_way)]
    answers = {answer["answer"] for answer in question("shape-of-all-states")["answers"]}
    assert right_answer("shape-of-all-states")["answer"] == shapes[0]
    assert shapes[1] in answers  # one direction alone


def test_quiz_what_a_neuron_gets():
    cut = U.copy()
    cut[0, 1] = 0
    for old in (0, 1):
        moved = 0.1 * np.eye(2)[old]
        change = exercises.rnn_step(WORDS[3], moved, W, cut, B)
        change = change - exercises.rnn_step(WORDS[3], np.zeros(2), W, cut, B)
        assert (change != 0).tolist() == [True, old == 1]  # neuron 1 no longer hears neuron 0


def test_quiz_reading_in_order():
    other = WORDS.copy()
    other[2] = [0, 0, 1]
    states = [exercises.both_ways(X[np.newaxis], [W, U, B], [W, U, B])[0] for X in (WORDS, other)]
    forward, backward = np.split((states[0] != states[1]), 2, axis=-1)
    changed = {
        f"the {name} half at place {place}": bool(half[place - 1].any())
        for name, half in (("forward", forward), ("backward", backward))
        for place in (1, 2, 3, 4)
    }
    for answer in question("reading-in-order")["answers"]:
        assert answer["correct"] == changed[answer["answer"]]


def test_quiz_softmax_of_one():
    from attention_course.functional import softmax

    assert (softmax(np.random.default_rng(0).normal(size=(50, 1)), axis=-1) == 1).all()


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


def test_a_bidirectional_layer_of_keras_joins_the_ends_of_both_readings():
    import keras

    weights = [[W, U, B], [-W, U.T, 2 * B]]
    for every_state in (True, False):
        one_way = keras.layers.SimpleRNN(2, return_sequences=every_state)
        layer = keras.layers.Bidirectional(one_way)
        layer.build((None, None, 3))
        layer.set_weights([*weights[0], *weights[1]])
        found = np.asarray(layer(WORDS[np.newaxis].astype("float32")))[0]
        ours = exercises.both_ways(WORDS[np.newaxis], *weights)[0]
        # Forwards the last word is read last, backwards the first.
        wanted = ours if every_state else np.concatenate([ours[-1, :2], ours[0, 2:]])
        assert np.abs(found - wanted).max() <= 1e-6


def last_states(T):
    h = np.zeros((1, 2))
    for _ in range(T):
        h = np.tanh((h @ U)[:, np.newaxis] + WORDS @ W + B).reshape(-1, 2)
    return h


def test_the_last_word_moves_the_point_most_and_the_first_least(chapter):
    grid = last_states(4).reshape(4, 4, 4, 4, 2)
    moved_by = []
    for k in range(4):
        choices = np.moveaxis(grid, k, 0)
        pairs = [choices[i] - choices[j] for i in range(4) for j in range(i)]
        moved_by.append(np.mean([np.linalg.norm(pair, axis=-1).mean() for pair in pairs]))
    assert moved_by == sorted(moved_by)
    (cell,) = [cell for cell in chapter.cells if "moves the point by" in cell.source]
    printed = re.findall(r"moves the point by (\d\.\d\d)", cell.outputs[0].text)
    assert printed == [f"{one:.2f}" for one in moved_by]


def test_two_words_keep_states_of_their_own_and_eight_do_not():
    shares = [exercises.told_apart(last_states(T), 2) for T in (2, 4, 6, 8)]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.05


def test_a_wider_layer_puts_the_fall_off(chapter):
    (cell,) = [cell for cell in chapter.cells if "share_alone(last_states" in cell.source]
    rows = re.findall(r"n = \d: +(.*)", cell.outputs[0].text)
    shares = np.array([row.split() for row in rows], float)
    assert shares.shape == (4, 7)
    assert (np.diff(shares, axis=0) >= 0).all()
    assert (shares[:, -1] < 1).all()
    assert (shares[:, 0] == 1).all()


def test_the_seven_programs_of_the_chapter_differ_in_what_is_shown():
    two = np.stack([WORDS, WORDS[[2, 1, 0, 3]]])
    shown = [H[..., 0].round(2) for H in exercises.anonymous(two, W, U, B, seed=1)]
    assert len({one.tobytes() for one in shown}) == len(shown) == 7
    numbers = [exercises.find_bug(two, W, U, B, H) for H in exercises.anonymous(two, W, U, B, 1)]
    assert sorted(numbers) == [*range(7)]
    assert numbers != sorted(numbers)


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
    average = load_card("word_average")
    pairs = baselines["nb_logistic_regression"]["test"]
    for run in card["runs"]:  # each of the three learned something
        assert 0.5 < baselines["constant"]["test"]["interval"][1] < run["test"]["interval"][0]
        assert run["test"]["interval"][1] < average["test"]["interval"][0] - 0.15
    assert average["test"]["interval"][1] < pairs["interval"][0]


def test_three_seeds_promise_nothing_about_the_next_but_lie_below_the_average_of_words(card):
    by_seed = [run["test"]["score"] for run in card["runs"]]
    mean, low, high, against_guessing = exercises.compare(np.array(by_seed), 0.5)
    assert card["scores"]["mean"] == pytest.approx(mean)
    assert card["scores"]["interval"] == pytest.approx([low, high])
    assert f"{low:.2f}" == "0.50"
    assert against_guessing == 0
    average = load_card("word_average")["scores"]
    assert len(average["by_seed"]) == len(by_seed) == 3
    assert high < average["interval"][0]
    assert exercises.compare(np.array(by_seed), average["mean"])[-1] == -1
    narrow = [np.ptp(run["test"]["interval"]) for run in card["runs"]]
    assert np.ptp(by_seed) > 5 * max(narrow)  # seeds differ by far more than other reviews would


def test_the_first_run_alone_went_on_after_ten_epochs_without_gain(card):
    assert card["recipe"]["patience_after_first_seed"] == 10
    epochs = [len(run["history"]["val_loss"]) for run in card["runs"]]
    assert epochs[0] == card["recipe"]["epochs"] == 50
    assert epochs[1:] == [run["kept_epoch"] + 10 for run in card["runs"][1:]]


def test_accuracy_drops_most_where_reviews_begin_to_be_cut(card, baselines):
    assert card["recipe"]["length"] == 200
    assert card["recipe"]["keep"] == "first"
    for run in card["runs"]:
        groups = run["test"]["by_length"]
        assert [groups[2]["words"], groups[3]["words"]] == ["151-200", "201-300"]
        accuracy = np.array([group["accuracy"] for group in groups])
        assert np.diff(accuracy).argmin() == 2
        assert groups[3]["interval"][1] < groups[2]["interval"][0]
        assert 0 < accuracy[0] - accuracy[2] < -np.diff(accuracy)[2]  # before that, a little
    mean = np.mean([[g["accuracy"] for g in run["test"]["by_length"]] for run in card["runs"]], 0)
    assert (mean == np.sort(mean)[::-1]).all()
    words_and_pairs = baselines["nb_logistic_regression"]["test"]["by_length"]
    pairs = [group["accuracy"] for group in words_and_pairs]
    assert np.ptp(pairs) < 0.02
    assert min(pairs[:2]) - max(g["accuracy"] for g in card["test"]["by_length"]) > 0.1


def test_verdicts_that_the_prose_discusses(chapter):
    reader = SentimentReader("simple_rnn")
    not_bad, bad, not_good, good, terrible = reader.probability(
        [
            "Not a bad film.",
            "A bad film.",
            "Not a good film.",
            "A good film.",
            "Terrible. A waste of time.",
        ]
    )
    assert 0.5 < bad < not_bad < not_good < good
    told = f'lifts "A bad film" to {not_bad:.2f} but lowers "A good film" only to {not_good:.2f}.'
    assert any(told in cell.source for cell in chapter.cells)
    assert terrible < 0.5
    empty = float(reader.model(reader.vocabulary.encode_batch([""]))[0, 0])
    assert empty > 0.6


def test_own_reviews_are_neither_easier_nor_harder(card):
    own = reviews.load()
    probability = SentimentReader("simple_rnn").probability(own["text"])
    right = int(((probability > 0.5) == (own["label"] == 1)).sum())
    low, high = wilson_interval(right, len(own))
    assert low < card["test"]["score"] < high
    assert card["test"] == card["runs"][0]["test"]  # the file holds the network of seed 0


def test_without_the_offset_the_network_guesses():
    own, reader = reviews.load(), SentimentReader("simple_rnn")
    encoded = reader.encode(own["text"])
    shifted = np.where(encoded > OFFSET, encoded - OFFSET, encoded)
    right = int(((np.asarray(reader.model(shifted))[:, 0] > 0.5) == (own["label"] == 1)).sum())
    low, high = wilson_interval(right, len(own))
    assert low < 0.5 < high


@pytest.mark.parametrize("text", ["", "  ... !", "Zyzzyva quokkaesque!"])
def test_a_review_without_known_words_gets_one_sentence(text):
    with pytest.raises(DataError) as refusal:
        SentimentReader("simple_rnn").probability([text])
    assert str(refusal.value).count(".") == 1
    assert "\n" not in str(refusal.value)
