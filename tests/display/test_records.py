"""Records as the appendix shows them."""

import pytest

from attention_course import assets
from attention_course.display import records as report
from attention_course.errors import AssetError
from attention_course.experiments.benchmarks import common


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.016804, "0.0168"),
        (0.00012345, "0.000123"),
        (0.9996, "1.00"),
        (45.33, "45.3"),
        (99.96, "100"),
        (5875.2, "5,880"),
    ],
)
def test_printed_numbers_have_three_digits_and_no_power_of_ten(value, text):
    assert float(report.number(value).replace(",", "")) == pytest.approx(value, rel=5e-3)
    if value:
        assert report.number(value) == text


def test_a_spread_names_median_lowest_and_highest():
    assert report.spread(common.summary([45.33, 44.53, 60.46])) == "45.3 (44.5–60.5)"
    assert (
        report.spread(common.ratio(common.summary([2.0, 3.0]), common.summary([2.0, 3.0])))
        == "1.00"
    )


def test_where_it_was_measured_is_said_in_short_lines():
    record = common.header("a test", warm_rounds=3)
    text = report.surroundings(record)
    for part in (record["machine"]["processor"], *record["versions"].values(), "warm rounds: 3"):
        assert part in text.replace("\n ", "")
    assert max(len(line) for line in text.splitlines()) <= report.WIDTH


def test_a_damaged_record_is_refused(monkeypatch, tmp_path):
    path = tmp_path / "book.json"
    path.write_text("{")
    monkeypatch.setattr(assets, "fetch", lambda name: path)
    with pytest.raises(AssetError, match=r"book\.json is damaged.*attention_course bench book"):
        report.load("book")
