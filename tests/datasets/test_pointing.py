"""Tasks with a known alignment: where an answer stands, and what a window can hold of it."""

import numpy as np
import pytest

from attention_course.datasets import pointing
from attention_course.errors import DataError


@pytest.fixture(params=pointing.TASKS)
def task(request):
    return request.param


def test_every_answer_stands_at_its_place(task):
    drawn = pointing.draw(task, 300, seed=2)
    found = np.take_along_axis(drawn.symbols, drawn.places, axis=1)
    assert (found == drawn.answers)[drawn.real].all()
    lengths = drawn.real.sum(axis=1)
    assert {*lengths} == {*range(pointing.SHORTEST, pointing.LONGEST + 1)}
    assert (drawn.real == (np.arange(pointing.LONGEST) < lengths[:, None])).all()
    assert (drawn.places < lengths[:, None]).all()
    for part in (drawn.labels, drawn.symbols, drawn.hints, drawn.answers, drawn.places):
        assert part.dtype == np.int32
        assert (part[~drawn.real] == 0).all()
        assert part.min() == 0


def test_the_hint_and_the_place_say_where():
    for row in range(50):
        for task in pointing.TASKS:
            drawn = pointing.draw(task, 50, seed=4)
            length = drawn.real[row].sum()
            for t in range(length):
                hint, place = drawn.hints[row, t], drawn.places[row, t]
                expected = {
                    "drift": min(max(t + hint - pointing.DRIFT, 0), length - 1),
                    "reversal": length - 1 - t,
                    "look_up": [*drawn.labels[row, :length]].index(hint)
                    if task == "look_up"
                    else None,
                }[task]
                assert place == expected
                assert task != "reversal" or hint == length - pointing.SHORTEST


def test_labels_differ_within_a_source(task):
    drawn = pointing.draw(task, 100, seed=1)
    for labels, real in zip(drawn.labels, drawn.real, strict=True):
        assert len({*labels[real]}) == real.sum()


def test_symbols_say_nothing_but_their_own(task):
    """All are equally frequent, wherever the answer stands."""
    drawn = pointing.draw(task, 6_000, seed=3)
    counts = np.bincount(drawn.answers[drawn.real], minlength=pointing.SYMBOLS)
    np.testing.assert_allclose(counts / counts.sum(), 1 / pointing.SYMBOLS, atol=0.01)


def test_a_seed_repeats_them(task):
    one, same, other = (pointing.draw(task, 20, seed) for seed in (5, 5, 6))
    assert np.array_equal(one.symbols, same.symbols)
    assert not np.array_equal(one.symbols, other.symbols)


def test_a_ceiling_is_what_an_oracle_in_the_window_reaches(task):
    """It answers rightly from inside the window and guesses outside."""
    drawn = pointing.draw(task, 4_000, seed=8)
    generator = np.random.default_rng(0)
    last = 0.0
    for D in (0, 2, 5, pointing.LONGEST):
        inside = np.abs(drawn.places - np.arange(pointing.LONGEST)) <= D
        guess = generator.integers(pointing.SYMBOLS, size=drawn.answers.shape)
        right = np.where(inside, drawn.answers, guess) == drawn.answers
        assert pointing.ceiling(drawn, D) == pytest.approx(right[drawn.real].mean(), abs=0.01)
        assert pointing.ceiling(drawn, D) >= last
        last = pointing.ceiling(drawn, D)
    assert last == 1


def test_what_the_windows_of_the_tasks_hold():
    ceilings = {task: pointing.ceiling(pointing.draw(task, 2_000, 0), 2) for task in pointing.TASKS}
    assert ceilings["drift"] == 1
    assert ceilings["reversal"] < ceilings["look_up"] < 0.6


def test_a_window_may_look_elsewhere_than_at_the_queries_own_place(task):
    drawn = pointing.draw(task, 2_000, 0)
    assert pointing.ceiling(drawn, 0, drawn.places) == 1
    own = np.broadcast_to(np.arange(pointing.LONGEST), drawn.places.shape)
    assert pointing.ceiling(drawn, 2, own) == pointing.ceiling(drawn, 2)


def test_in_look_up_no_place_between_two_keys_holds_more_than_the_middle():
    """The place is drawn for itself, so a centre can only depend on the length to any purpose."""
    drawn = pointing.draw("look_up", 4_000, seed=9)
    lengths = drawn.real.sum(axis=1)
    for D in (1, 2, 4):
        middle = pointing.ceiling(drawn, D, (lengths[:, None] - 1) // 2 + 0.5)
        centres = np.zeros((len(lengths), 1))
        for length in {*lengths}:
            mine = drawn.real & (lengths == length)[:, None]
            between = np.arange(length) + 0.5
            hits = [(np.abs(drawn.places[mine] - p) <= D).sum() for p in between]
            centres[lengths == length] = between[np.argmax(hits)]
        assert pointing.ceiling(drawn, D, centres) == pytest.approx(middle, abs=0.015)
        share = np.minimum(2 * D, lengths).sum() / lengths.sum()
        assert middle == pytest.approx(share + (1 - share) / pointing.SYMBOLS, abs=0.015)


@pytest.mark.parametrize(
    ("arguments", "words"), [(("copy", 5, 0), "no task 'copy'"), (("drift", 0, 0), "at least one")]
)
def test_bad_input_gets_a_sentence(arguments, words):
    with pytest.raises(DataError, match=words):
        pointing.draw(*arguments)
