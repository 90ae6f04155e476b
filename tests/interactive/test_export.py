"""The self-attention model without Keras: as arrays, as a script for the book, in an output."""

import base64
import gzip
import io
import json
import re
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from attention_course import assets, environment
from attention_course.datasets import reviews
from attention_course.datasets.vocabulary import tokens
from attention_course.errors import AssetError, ModelError
from attention_course.interactive import export, review

MB = 1e6
TEXTS = reviews.load().text.tolist()


@pytest.fixture(scope="module")
def model():
    return export.ReviewModel.load()


@pytest.fixture(scope="module")
def packed(model):
    return export.pack(model)


def unpacked(packed):
    """The embedding as the page gets it."""
    integers = np.frombuffer(base64.b64decode(packed["embedding"]), dtype="<i2")
    return packed["step"] * integers.reshape(-1, packed["width"])


# --- the model --------------------------------------------------------------------------------


def test_it_says_what_keras_says(model):
    from attention_course.models.reader import SentimentReader

    by_keras = SentimentReader("self_attention").probability(TEXTS)
    ours = [model.read(text)[0] for text in TEXTS]
    np.testing.assert_allclose(ours, by_keras, atol=1e-6)


def test_weights_belong_to_the_start_mark_and_the_words(model):
    probability, weights = model.read("not a bad film")
    assert 0 < probability < 1
    assert weights.shape == (5,)
    assert weights.sum() == pytest.approx(1)
    assert weights.argmax() == 3


def test_only_the_end_of_a_long_review_is_read(model):
    end = "a wonderful film " * 200
    assert model.read("terrible " * 999 + end)[0] == model.read("awful " + end)[0]
    assert model.read("terrible " + end)[1].shape == (model.length,)


def test_neither_tensorflow_nor_keras_is_loaded():
    code = (
        "import sys; from attention_course.interactive import export, review; "
        "export.script(export.ReviewModel.load()); print(*{'tensorflow', 'keras'} & {*sys.modules})"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""


# --- what the page gets -----------------------------------------------------------------------


def test_sixteen_bits_are_enough(model, packed):
    """Probability and weights of every review move by far less than 1e-4."""
    rounded = export.ReviewModel(
        model.vocabulary, model.length, unpacked(packed), model.kernel, model.bias
    )
    for text in TEXTS:
        before, after = model.read(text), rounded.read(text)
        assert abs(before[0] - after[0]) < 5e-5
        assert np.abs(before[1] - after[1]).max() < 1e-5


def test_eight_bits_would_not_be(model):
    """The bound above can be missed."""
    step = np.abs(model.embedding).max() / 127
    rounded = export.ReviewModel(
        model.vocabulary,
        model.length,
        step * np.round(model.embedding / step),
        model.kernel,
        model.bias,
    )
    assert max(abs(model.read(text)[0] - rounded.read(text)[0]) for text in TEXTS) > 1e-4


def test_every_word_keeps_its_number(model, packed):
    assert len(set(packed["words"])) == len(packed["words"]) == len(model.embedding) - 4
    for rank in (0, 1, 100, len(packed["words"]) - 1):
        assert model.vocabulary.encode(packed["words"][rank]) == [1, rank + 4]


def test_the_separators_are_all_of_them(packed):
    for sign in map(chr, range(sys.maxunicode + 1)):
        assert (tokens(f"a{sign}b") == ["a", "b"]) == (sign in packed["separators"]), hex(ord(sign))


def test_the_script_is_small_and_always_the_same(model):
    script = export.script(model)
    assert script.isascii()
    assert script == export.script(export.ReviewModel.load())
    assert len(gzip.compress(script.encode())) < len(script) < MB
    packed = re.fullmatch(r"window\.attentionCourseReviewModel = (\{.*\});\n", script)[1]
    assert json.loads(packed) == export.pack(model)


def test_another_model_has_another_address(model):
    other = export.ReviewModel(
        model.vocabulary, model.length, model.embedding, model.kernel, model.bias + 1e-3
    )
    assert export.version(export.script(other)) != export.version(export.script(model))


# --- damage -----------------------------------------------------------------------------------


def keras_file(path, **arrays):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, array in arrays.items():
            file[f"layers/{name.replace('__', '/vars/')}"] = array
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", content.getvalue())


def cut_off(path):
    path.write_bytes(assets.fetch("models/self_attention.keras").read_bytes()[:1000])


def no_weights(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")


def no_hdf5(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"no weights")


def other_layers(path):
    keras_file(path, lstm__0=np.zeros((3, 3)))


def other_shapes(path):
    keras_file(
        path,
        embedding__0=np.zeros((5000, 32)),
        dense__0=np.zeros((16, 1)),
        dense__1=np.zeros(1),
    )


@pytest.mark.parametrize("damage", [cut_off, no_weights, no_hdf5, other_layers, other_shapes])
def test_a_damaged_model_gets_one_sentence(damage, tmp_path, monkeypatch):
    path = tmp_path / "self_attention.keras"
    damage(path)
    fetch = assets.fetch
    monkeypatch.setattr(
        assets, "fetch", lambda name: path if name.endswith(".keras") else fetch(name)
    )
    with pytest.raises(ModelError, match=r"models/self_attention\.keras .*(git checkout|train)"):
        export.ReviewModel.load()


# --- the book ---------------------------------------------------------------------------------


def application(folder, format="html"):
    return SimpleNamespace(outdir=folder, builder=SimpleNamespace(format=format))


def test_the_book_gets_the_script(model, tmp_path):
    path = tmp_path / "_static" / export.SCRIPT
    export._write(application(tmp_path), None)
    assert path.read_text(encoding="ascii") == export.script(model)
    changed = path.stat().st_mtime_ns
    export._write(application(tmp_path), None)
    assert path.stat().st_mtime_ns == changed
    path.write_text("window.attentionCourseReviewModel = {};", encoding="ascii")
    export._write(application(tmp_path), None)
    assert path.read_text(encoding="ascii") == export.script(model)


def test_no_script_after_a_failure_or_for_another_format(tmp_path):
    export._write(application(tmp_path), RuntimeError("no pages"))
    export._write(application(tmp_path, "latex"), None)
    assert not list(tmp_path.iterdir())


def test_the_book_uses_the_extension(checkout):
    assert export.__name__ in (checkout / "_config.yml").read_text(encoding="utf-8")
    connected = []
    export.setup(SimpleNamespace(connect=lambda *event: connected.append(event)))
    assert connected == [("build-finished", export._write)]


def shown(monkeypatch, in_the_book):
    """The output of the chapter's cell, and the data in it."""
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
    if in_the_book:
        monkeypatch.setenv(environment.BOOK_VARIABLE, "1")
    else:
        monkeypatch.delenv(environment.BOOK_VARIABLE, raising=False)
    review.show_review()
    (bundle,) = bundles
    data = re.search(r"build, (\{.*\})\);\n\}\)\(\);", bundle["text/html"])[1]
    return bundle, json.loads(data.replace("<\\/", "</"))


def test_in_the_book_the_output_names_the_script(model, monkeypatch):
    bundle, data = shown(monkeypatch, in_the_book=True)
    script = export.script(model)
    assert "model" not in data
    assert data["script"] == f"{export.SCRIPT}?v={export.version(script)}"
    assert data["bytes"] == len(script)
    assert len(bundle["text/html"]) < 0.1 * MB
    probability, weights = model.read(data["proof"]["text"])
    assert data["proof"]["probability"] == probability
    assert f"{probability:.3f}" in bundle["text/plain"]
    assert f"{weights.max():.3f}" in bundle["text/plain"]


def test_elsewhere_the_output_holds_the_model(monkeypatch, packed):
    bundle, data = shown(monkeypatch, in_the_book=False)
    assert data["model"] == packed
    assert "script" not in data
    assert len(gzip.compress(bundle["text/html"].encode())) < MB


def test_examples_are_the_courses_own_and_the_second_turns_the_first_around():
    first, second = (tokens(text) for text in review.EXAMPLES[:2])
    assert first != second
    assert sorted(first) == sorted(second)
    assert "not a bad film" in review.EXAMPLES


def test_a_missing_model_gets_one_sentence(monkeypatch):
    def missing(name):
        raise AssetError(f"{name} is missing")

    monkeypatch.setattr(assets, "fetch", missing)
    with pytest.raises(AssetError, match="is missing"):
        review.show_review()
