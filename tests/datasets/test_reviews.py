"""The course's own reviews: what the chapters rely on, and what a damaged file is told."""

import csv
import itertools
import subprocess
import sys

import pytest

from attention_course.assets import fetch
from attention_course.datasets import reviews
from attention_course.datasets.vocabulary import Vocabulary, tokens
from attention_course.errors import DataError

NEGATIONS = {"not", "no", "never", "nothing", "nobody", "nowhere", "without"}
# Words of the ironic reviews that mean the opposite of what they say.
IRONIC = {
    "r013": "good news",
    "r032": "full marks",
    "r039": "so productive",
    "r041": "convincing performance",
    "r045": "a triumph",
    "r056": "oh no",
    "r060": "great",
    "r087": "brave",
    "r099": "congratulations",
    "r101": "serious complaint",
    "r111": "a disgrace",
    "r116": "what a nuisance",
    "r126": "timeless",
    "r136": "masterpiece",
    "r140": "pros",
    "r148": "terrible",
    "r149": "thrilled",
    "r150": "so sorry",
}
# Praise and blame that stand side by side in the reviews with mixed feelings.
MIXED = {
    "r007": ("cheered", "headache"),
    "r015": ("smiling", "forgettable"),
    "r021": ("exciting", "clumsy"),
    "r026": ("perfect", "embarrassing"),
    "r051": ("fine", "too long"),
    "r067": ("great", "skip"),
    "r068": ("priceless", "wander"),
    "r069": ("hoot", "badly"),
    "r078": ("finest", "complaints"),
    "r082": ("fine", "mess"),
    "r089": ("fun", "rubbish"),
    "r091": ("pretty", "empty"),
    "r097": ("terrific", "dumb"),
    "r118": ("good", "limp"),
    "r120": ("charms", "tired"),
    "r121": ("wonderful", "sags"),
    "r124": ("powerful", "mistake"),
    "r143": ("lovely", "ridiculous"),
    "r151": ("thrilling", "dislike"),
    "r152": ("good", "not his best"),
}
READ_BY_A_MODEL = 199  # words: a model reads 200 numbers, the first of which marks the start


@pytest.fixture(scope="module")
def frame():
    return reviews.load()


@pytest.fixture(scope="module")
def positions(frame):
    """Return for each id the positions of the cues in the text, and the number of tokens."""
    found = {}
    for row in frame.itertuples():
        words, cues = tokens(row.text), set(reviews.split_cues(row.cues))
        found[row.id] = [i for i, word in enumerate(words) if word in cues], len(words)
    return found


def both_labels(frame, identifiers, fewest):
    """Both labels occur at least ``fewest`` times among the reviews named."""
    counts = frame[frame["id"].isin(identifiers)]["label"].value_counts()
    return {0, 1} <= set(counts.index) and counts.min() >= fewest


def test_enough_reviews_half_of_them_positive(frame):
    assert list(frame.columns) == ["id", "text", "label", "cues"]
    assert len(frame) >= 120
    assert frame["label"].mean() == 0.5
    assert set(frame["label"]) == {0, 1}


def test_ids_count_up(frame):
    assert list(frame["id"]) == [f"r{i:03d}" for i in range(1, len(frame) + 1)]


def test_texts_are_plain_characters_and_file_has_unix_lines(frame):
    assert all(text.isascii() and text == " ".join(text.split()) for text in frame["text"])
    assert b"\r" not in fetch(reviews.FILE).read_bytes()


def test_lengths_spread_from_10_to_300_words(frame):
    for lengths in (frame["text"].str.split().map(len), frame["text"].map(tokens).map(len)):
        assert lengths.min() >= 10
        assert lengths.max() <= 300
        shares = [(lengths <= 40).mean(), lengths.between(41, 120).mean(), (lengths > 120).mean()]
        assert shares == pytest.approx([0.40, 0.35, 0.25], abs=0.05)


def test_length_does_not_give_the_label_away(frame):
    lengths = frame["text"].map(tokens).map(len)
    means = lengths.groupby(frame["label"]).mean()
    assert abs(means[1] - means[0]) < 0.1 * lengths.mean()


def test_cues_are_few_distinct_and_in_the_text(frame):
    for row in frame.itertuples():
        cues = reviews.split_cues(row.cues)
        assert 1 <= len(cues) <= 10, row.id
        assert len(cues) == len(set(cues)), row.id
        assert set(cues) <= set(tokens(row.text)), row.id


def test_no_two_reviews_share_five_words_in_a_row(frame):
    owner = {}
    for row in frame.itertuples():
        words = tokens(row.text)
        for run in zip(*(words[i:] for i in range(5)), strict=False):
            other = owner.setdefault(run, row.id)
            assert other == row.id, f"{row.id} and {other} share: {' '.join(run)}"


def test_the_language_is_varied(frame):
    every = list(itertools.chain.from_iterable(frame["text"].map(tokens)))
    assert len(set(every)) >= 2000
    assert len({tuple(tokens(text)[:3]) for text in frame["text"]}) >= 0.9 * len(frame)
    cues = set(itertools.chain.from_iterable(frame["cues"].map(reviews.split_cues)))
    assert len(cues) >= 150


def test_the_models_know_most_of_the_words(frame):
    vocabulary = Vocabulary.load(10_000)
    every = list(itertools.chain.from_iterable(frame["text"].map(tokens)))
    assert sum(map(vocabulary.knows, every)) / len(every) >= 0.94
    known = frame["cues"].map(lambda cues: any(map(vocabulary.knows, reviews.split_cues(cues))))
    assert known.mean() >= 0.95


def test_negation_carries_the_verdict_under_both_labels(frame):
    def negated(cues):
        return any(c in NEGATIONS or c.endswith("n't") for c in reviews.split_cues(cues))

    assert both_labels(frame, frame[frame["cues"].map(negated)]["id"], fewest=12)
    texts = frame["text"].str.lower()
    assert (texts.str.contains(r"\bnot a bad\b") & (frame["label"] == 1)).any()
    assert (texts.str.contains(r"\bnot (?:\w+ )*good\b") & (frame["label"] == 0)).any()


def test_the_verdict_comes_early_or_late_under_both_labels(frame, positions):
    early = [i for i, (where, count) in positions.items() if max(where) < count / 3]
    late = [i for i, (where, count) in positions.items() if min(where) >= count * 2 / 3]
    assert both_labels(frame, early, fewest=7)
    assert both_labels(frame, late, fewest=10)


def test_truncation_hides_some_verdicts_and_spares_others(frame, positions):
    long = {i: where for i, (where, count) in positions.items() if count > READ_BY_A_MODEL}
    hidden = [i for i, where in long.items() if min(where) >= READ_BY_A_MODEL]
    spared = [i for i, where in long.items() if max(where) < READ_BY_A_MODEL]
    assert both_labels(frame, hidden, fewest=3)
    assert both_labels(frame, spared, fewest=3)


def test_irony_says_the_opposite_outside_its_cues(frame):
    assert both_labels(frame, IRONIC, fewest=6)
    rows = frame.set_index("id")
    for identifier, phrase in IRONIC.items():
        assert phrase in " ".join(tokens(rows.loc[identifier, "text"])), identifier
        assert not set(tokens(phrase)) & set(reviews.split_cues(rows.loc[identifier, "cues"]))


def test_mixed_feelings_hold_praise_and_blame_but_one_verdict(frame):
    assert both_labels(frame, MIXED, fewest=8)
    rows = frame.set_index("id")
    for identifier, (praise, blame) in MIXED.items():
        text = " ".join(tokens(rows.loc[identifier, "text"]))
        assert praise in text, identifier
        assert blame in text, identifier
        cues = reviews.split_cues(rows.loc[identifier, "cues"])
        other = blame if rows.loc[identifier, "label"] else praise
        assert not set(tokens(other)) & set(cues), identifier


def test_split_cues():
    assert reviews.split_cues("not bad") == ["not", "bad"]
    assert reviews.split_cues("") == []
    with pytest.raises(DataError, match="not float"):
        reviews.split_cues(float("nan"))


def test_importing_reviews_loads_no_heavy_package():
    code = (
        "import sys, attention_course.datasets.reviews; "
        "print(sorted({'pandas', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr


HEADER = ["id", "text", "label", "cues"]
GOOD = ["r001", "Not a bad film, they said.", "1", "not bad"]


def write(path, *rows):
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
    return path


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([], "row 1: the columns must be id, text, label, cues, not nothing"),
        ([HEADER[:3], GOOD[:3]], "row 1: the columns must be .*, not id, text, label;"),
        ([HEADER], "row 2: there is no review below the header"),
        ([HEADER, GOOD, GOOD[:3]], "row 3: it has 3 fields instead of 4"),
        ([HEADER, GOOD, [*GOOD, "more"]], "row 3: it has 5 fields instead of 4"),
        ([HEADER, GOOD, [" ", *GOOD[1:]]], "row 3: the id is empty"),
        ([HEADER, GOOD, GOOD], "row 3: the id r001 is already used in row 2"),
        ([HEADER, ["r001", "", "1", "bad"]], "row 2: the text of r001 holds no word"),
        ([HEADER, ["r001", " ?! ", "1", "bad"]], "row 2: the text of r001 holds no word"),
        ([HEADER, [*GOOD[:2], "2", "bad"]], "row 2: the label of r001 is '2', neither 0 nor 1"),
        ([HEADER, [*GOOD[:2], "", "bad"]], "row 2: the label of r001 is '', neither 0 nor 1"),
        ([HEADER, [*GOOD[:3], " "]], "row 2: r001 has no cue"),
        ([HEADER, [*GOOD[:3], "not good"]], "row 2: the cue 'good' is not in the text of r001"),
        ([HEADER, [*GOOD[:3], "Not"]], "row 2: the cue 'Not' is not in the text of r001"),
    ],
)
def test_a_damaged_file_is_told_its_row_and_the_remedy(tmp_path, rows, problem):
    path = write(tmp_path / "own.csv", *rows)
    with pytest.raises(DataError, match=problem) as caught:
        reviews.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, row ")
    assert "correct that row" in message
    assert "\n" not in message


def test_a_good_file_of_a_teacher_is_read_with_or_without_a_mark(tmp_path):
    path = write(tmp_path / "own.csv", HEADER, GOOD)
    plain = reviews.load(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    marked = reviews.load(str(path))
    assert plain.to_dict("records") == marked.to_dict("records")
    assert plain.to_dict("records") == [dict(zip(HEADER, [*GOOD[:2], 1, "not bad"], strict=True))]


def test_the_course_file_is_named_as_in_the_repository(tmp_path, monkeypatch):
    path = write(tmp_path / "reviews.csv", HEADER, GOOD, GOOD)
    monkeypatch.setattr(reviews.assets, "fetch", lambda name: path)
    with pytest.raises(DataError, match=r"^data/reviews\.csv, row 3: the id r001"):
        reviews.load()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"id,text,label,cues\nr001,caf\xe9 film,1,film\n", "is not a CSV file in UTF-8"),
        (b'id,text,label,cues\nr001,"a film,1,film\n', "is not a CSV file in UTF-8"),
    ],
)
def test_a_file_that_is_no_csv(tmp_path, content, problem):
    path = tmp_path / "own.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        reviews.load(path)
    assert "save it as one" in str(caught.value)


def test_a_missing_file_or_a_folder(tmp_path):
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read") as caught:
            reviews.load(path)
        assert str(path) in str(caught.value)
