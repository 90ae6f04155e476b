"""The IMDB loader, on small files of the same form, and on the real one where it is present."""

import zipfile

import numpy as np
import pytest

from attention_course.datasets import imdb
from attention_course.errors import DataError

needs_imdb = pytest.mark.skipif(
    not imdb.available(),
    reason=f"the IMDB reviews are not on this machine; set {imdb.PATH_VARIABLE} to test with them",
)


def write_npz(path, **changes):
    """Write a file of the form of Keras' imdb.npz: six training and four test reviews."""
    rows = [[1, 2, 3], [4, 5], [6], [7, 8, 9, 10], [11], [12, 13]]
    arrays = {
        "x_train": np.array(rows, dtype=object),
        "y_train": np.array([0, 1, 0, 1, 0, 1]),
        "x_test": np.array(rows[:4], dtype=object),
        "y_test": np.array([1, 0, 1, 0]),
    } | changes
    np.savez_compressed(path, **arrays)
    return path


@pytest.fixture
def no_keras_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv(imdb.PATH_VARIABLE, raising=False)
    return tmp_path


def test_same_order_as_keras(tmp_path, monkeypatch):
    keras_imdb = pytest.importorskip("keras.datasets.imdb")
    path = write_npz(tmp_path / "imdb.npz")
    monkeypatch.setattr(
        "keras.src.datasets.imdb.get_file", lambda *args, **kwargs: str(path), raising=True
    )
    (x_train, y_train), (x_test, y_test) = keras_imdb.load_data(num_words=8)
    reviews = imdb.load(path)
    assert reviews.y_train.tolist() == y_train.tolist()
    assert reviews.y_test.tolist() == y_test.tolist()
    for ours, theirs in ((reviews.x_train, x_train), (reviews.x_test, x_test)):
        encoded = imdb.encode(ours, num_words=8, length=6)
        assert [[n for n in row if n] for row in encoded.tolist()] == [list(row) for row in theirs]


def test_hash_is_of_the_content_not_of_the_file(tmp_path):
    compressed = imdb.load(write_npz(tmp_path / "a.npz"))
    arrays = dict(np.load(tmp_path / "a.npz", allow_pickle=True))
    np.savez(tmp_path / "b.npz", **arrays)
    assert imdb.load(tmp_path / "b.npz").sha256 == compressed.sha256
    changed = write_npz(tmp_path / "c.npz", y_test=np.array([1, 0, 1, 1]))
    assert imdb.load(changed).sha256 != compressed.sha256


def test_a_folder_may_be_named(tmp_path):
    write_npz(tmp_path / "imdb.npz")
    assert len(imdb.load(tmp_path).x_train) == 6


def test_environment_variable_comes_before_keras_cache(no_keras_cache, monkeypatch):
    path = write_npz(no_keras_cache / "mine.npz")
    monkeypatch.setenv(imdb.PATH_VARIABLE, str(path))
    assert imdb.find(download=False) == path


def test_keras_cache_is_found(no_keras_cache):
    folder = no_keras_cache / "keras" / "datasets"
    folder.mkdir(parents=True)
    path = write_npz(folder / "imdb.npz")
    assert imdb.find(download=False) == path


def test_absent_data_is_one_sentence(no_keras_cache):
    assert not imdb.available()
    with pytest.raises(DataError, match=imdb.PATH_VARIABLE):
        imdb.find(download=False)


def test_failed_download_is_one_sentence(no_keras_cache, monkeypatch):
    pytest.importorskip("keras")

    def no_network(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("keras.datasets.imdb.load_data", no_network)
    with pytest.raises(DataError, match="could not be downloaded"):
        imdb.load()


def test_a_path_that_does_not_exist_is_not_silently_replaced(no_keras_cache):
    with pytest.raises(DataError, match="no such file"):
        imdb.find(no_keras_cache / "nowhere.npz")


class Evil:
    """Pickles as a call of print, which stands for any code."""

    def __reduce__(self):
        return print, ("code ran",)


def test_a_pickle_that_runs_code_is_refused(tmp_path, capsys):
    rows = np.empty(6, dtype=object)
    rows[:] = [[1]] * 5 + [Evil()]
    path = write_npz(tmp_path / "imdb.npz", x_train=rows)
    with pytest.raises(DataError, match=r"builtins\.print"):
        imdb.load(path)
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "change",
    [
        {"y_train": np.array([0, 1])},
        {"y_test": np.array([0, 1, 2, 1])},
        {"x_train": np.array([], dtype=object), "y_train": np.array([])},
    ],
    ids=["fewer labels", "a third label", "no reviews"],
)
def test_reviews_and_labels_that_do_not_fit_are_refused(tmp_path, change):
    with pytest.raises(DataError, match="damaged"):
        imdb.load(write_npz(tmp_path / "imdb.npz", **change))


def test_other_files_are_refused(tmp_path):
    text = tmp_path / "imdb.npz"
    text.write_text("not a zip file")
    with pytest.raises(DataError, match="delete it"):
        imdb.load(text)
    whole = write_npz(tmp_path / "whole.npz").read_bytes()
    text.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="delete it"):
        imdb.load(text)
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("x_train.npy", b"")
    with pytest.raises(DataError, match="delete it"):
        imdb.load(text)


@needs_imdb
def test_real_data_is_keras_imdb():
    reviews = imdb.load()
    first = imdb.encode(reviews.x_train[:1], num_words=10_000, length=250)[0]
    assert [n for n in first.tolist() if n][:6] == [1, 14, 22, 16, 43, 530]
    assert reviews.y_train[0] == 1
    assert (len(reviews.y_train), len(reviews.y_test)) == (25_000, 25_000)
    assert reviews.y_train.mean() == reviews.y_test.mean() == 0.5
