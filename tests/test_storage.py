"""A file is written whole or not at all."""

import json

import pytest

from attention_course.storage import StorageError, resumed, write_json, write_text, write_whole


def test_json_holds_no_nan_and_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "card.json"
    write_json(path, {"score": 1.0})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"score": float("nan")})
    assert json.loads(path.read_text()) == {"score": 1.0}
    assert [file.name for file in tmp_path.iterdir()] == ["card.json"]


@pytest.mark.parametrize("content", [{"ä": [1, {"b": None}]}, [], "text", {"x": 1e-9}])
@pytest.mark.parametrize("indent", [1, None])
def test_json_is_read_back(tmp_path, content, indent):
    path = tmp_path / "file.json"
    write_json(path, content, indent=indent)
    text = path.read_bytes().decode("utf-8")
    assert json.loads(text) == content
    assert text.endswith("\n")
    assert "\r" not in text
    assert indent or (text.count("\n") == 1 and ": " not in text)


def test_a_write_that_breaks_off_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old\n")

    def broken(partial):
        partial.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, broken)
    assert path.read_text() == "old\n"
    assert [file.name for file in tmp_path.iterdir()] == ["file.txt"]


def test_where_nothing_can_be_written_one_sentence_says_so(tmp_path):
    with pytest.raises(StorageError, match=r"^file\.txt could not be written \(No such file"):
        write_text(tmp_path / "missing" / "file.txt", "text")


def test_a_recording_goes_on_under_the_same_header_alone(tmp_path):
    header = {"seeds": [0, 1], "rows": [], "seconds": {}}
    unfinished = tmp_path / ".record.json.unfinished"
    assert resumed(unfinished, header) is header
    before = {"seeds": [0, 1], "rows": [{"seed": 0}], "seconds": {"0": 1.5}}
    write_json(unfinished, before)
    assert resumed(unfinished, header) == before
    other = {**header, "seeds": [0, 1, 2]}
    assert resumed(unfinished, other) is other
    for damaged in (b'{"seeds": [0', b"[0, 1]", b"\xff"):
        unfinished.write_bytes(damaged)
        assert resumed(unfinished, header) is header
