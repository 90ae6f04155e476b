"""Benchmarks: the arithmetic, the stored records, and that each benchmark runs.

No test looks at how fast this machine is. The records are what was measured elsewhere; the tests
ask whether they are complete, whether what follows from the rounds does follow, and whether they
bear out what the appendix says about them.
"""

import copy
import itertools
import json
import math
import os
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from attention_course import assets
from attention_course.display import records as report
from attention_course.errors import AssetError
from attention_course.experiments import benchmarks
from attention_course.experiments.benchmarks import book, common, fits, scaling, training
from attention_course.experiments.benchmarks.common import BenchmarkError

ROOT = Path(__file__).resolve().parents[2]


def reduce(monkeypatch, module, **constants):
    """Have a benchmark measure less."""
    for name, value in constants.items():
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def same_process(monkeypatch):
    """Measure in this process: a new one takes seconds to load TensorFlow."""
    monkeypatch.setattr(
        common, "in_fresh_process", lambda function, *arguments, settings: function(*arguments)
    )


# --- numbers -------------------------------------------------------------------------------


def test_a_summary_is_of_the_rounds():
    found = common.summary([3.0, 1.0, 2.00049, 10.0])
    assert found == {
        "median": 2.5,
        "lowest": 1.0,
        "highest": 10.0,
        "rounds": [3.0, 1.0, 2.0, 10.0],
    }


def ratio(of, to):
    return common.ratio(common.summary(of), common.summary(to))


def test_a_ratio_is_taken_round_by_round():
    # Each took twice as long in the second round: the ratio does not notice.
    found = ratio([6.0, 12.0, 6.0], [2.0, 4.0, 2.0])
    assert (found["median"], found["lowest"], found["highest"]) == (3.0, 3.0, 3.0)
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("value", "rounded"), [(0.0123456, 0.01235), (12345.6, 12350.0), (0.0, 0.0), (-1.23456, -1.235)]
)
def test_significant_digits(value, rounded):
    assert common.significant(value) == rounded


# --- rounds --------------------------------------------------------------------------------


def test_rounds_are_interleaved_and_turned_around():
    called = []
    tasks = {name: lambda name=name: called.append(name) for name in "ab"}
    found = common.interleave(tasks, rounds=3, least=1e-9)
    assert "".join(called[:4]) == "aabb"  # not counted: the first call, and how long one takes
    assert "".join(called[4:]) == "abbaab"
    assert {name: len(one["rounds"]) for name, one in found.items()} == {"a": 3, "b": 3}


def test_a_quick_task_is_called_until_it_can_be_timed(monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(common.time, "perf_counter", lambda: next(clock) / 100)
    calls = []
    found = common.interleave({"a": lambda: calls.append(1)}, rounds=2, least=0.05)
    assert len(calls) == 2 + 2 * 5  # one call takes 0.01 on this clock
    assert found["a"]["rounds"] == [0.01 / 5] * 2


def test_another_unit_is_rounded_as_it_is_stored(monkeypatch):
    clock = itertools.count(step=0.00123456)
    monkeypatch.setattr(common.time, "perf_counter", lambda: next(clock))
    found = common.interleave({"a": lambda: None}, rounds=2, least=1e-9, factor=1000)
    assert found["a"] == {"median": 1.235, "lowest": 1.235, "highest": 1.235, "rounds": [1.235] * 2}


def test_the_first_call_does_not_count(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(common.time, "perf_counter", lambda: now[0])
    costs = iter([100.0, *[1.0] * 10])

    def task():
        now[0] += next(costs)

    assert common.interleave({"a": task}, rounds=2, least=0.5)["a"]["rounds"] == [1.0, 1.0]


# --- fits ----------------------------------------------------------------------------------

LENGTHS = np.array([64, 128, 256, 512, 1024, 2048, 4096])


@pytest.mark.parametrize("exponent", [1.0, 1.7, 2.0, 3.0])
def test_the_exponent_of_a_power_law_is_found(exponent):
    found = fits.power_law(LENGTHS, 3e-6 * LENGTHS**exponent)
    assert found["exponent"] == pytest.approx(exponent, abs=1e-3)
    assert found["factor"] == pytest.approx(3e-6, rel=1e-3)
    assert found["standard_error"] < 1e-6


def test_the_interval_contains_the_exponent_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        noise = np.exp(random.normal(scale=0.2, size=len(LENGTHS)))
        low, high = fits.power_law(LENGTHS, 1e-6 * LENGTHS**2.0 * noise)["interval"]
        hits += low <= 2 <= high
    assert 0.91 <= hits / 400 <= 0.98


def test_an_exponent_needs_three_lengths():
    with pytest.raises(BenchmarkError, match="at least three lengths, not 2"):
        fits.power_law([1, 2], [1.0, 2.0])


def test_the_two_terms_and_their_crossing_are_found():
    found = fits.linear_and_quadratic(LENGTHS, 2e-5 * LENGTHS + 4e-8 * LENGTHS**2)
    assert found["a"] == pytest.approx(2e-5)
    assert found["b"] == pytest.approx(4e-8)
    assert found["crossing"] == pytest.approx(500)
    assert found["misfit"] < 1e-6


def test_a_curve_without_a_quadratic_term_has_no_crossing_and_another_curve_a_misfit():
    assert fits.linear_and_quadratic(LENGTHS, LENGTHS - 1e-6 * LENGTHS**2)["crossing"] is None
    assert fits.linear_and_quadratic(LENGTHS, 1e-9 * LENGTHS**3.0)["misfit"] > 0.3


def test_the_length_at_which_one_line_overtakes_another():
    linear, quadratic = 2e-5 * LENGTHS, 4e-8 * LENGTHS**2.0
    assert fits.crossing(LENGTHS, linear, quadratic) == pytest.approx(500, rel=1e-3)
    assert fits.crossing(LENGTHS, quadratic, linear) is None
    assert fits.crossing(LENGTHS[:2], linear[:2], quadratic[:2]) is None


def series(*rounds):
    """The summaries of one part, a curve over the lengths for each round."""
    return [common.summary(times) for times in zip(*rounds, strict=True)]


def test_a_crossing_is_found_in_every_round_anew():
    linear, quadratic = 1e-3 * LENGTHS, 2e-6 * LENGTHS.astype(float) ** 2
    parts = {
        "projections": series(linear, 2 * linear),
        "products": series(quadratic, quadratic),
        "attention": series(quadratic, 1e-6 * linear),
        "layer": series(linear + quadratic, 2 * linear + quadratic),
    }
    found = scaling.crossings(parts, LENGTHS, LENGTHS > 0)
    for way in ("products", "fitted"):
        assert found[way]["rounds"] == pytest.approx([500, 1000], rel=2e-3)
    assert found["attention"] is None, "one of its rounds has no crossing"


# --- running them --------------------------------------------------------------------------


def check_surroundings(record):
    """Every record says what, on which machine, with which versions and how often."""
    assert record["what"]
    assert record["repeats"]
    assert all(value > 0 for value in record["repeats"].values())
    machine = record["machine"]
    assert machine["processor"]
    assert machine["cores"] >= 1
    assert machine["memory_gb"] > 0
    assert set(record["versions"]) == {"python", *common.PACKAGES}
    assert str(ROOT) not in json.dumps(record)


def every_summary(part):
    """Every summary of rounds in a record, wherever it is."""
    if isinstance(part, dict):
        if "rounds" in part and "median" in part:
            yield part
        for value in part.values():
            yield from every_summary(value)
    elif isinstance(part, list):
        for value in part:
            yield from every_summary(value)


def check_summaries(record):
    summaries = list(every_summary(record))
    assert summaries
    for found in summaries:
        again = common.summary(found["rounds"])
        assert {key: found[key] for key in again} == again
        assert found["lowest"] > 0


def check_training(record, names):
    check_surroundings(record)
    check_summaries(record)
    groups = [record["training"], record["inference"]["batch"], record["inference"]["single"]]
    for group in groups:
        assert set(group["models"]) == set(group["ratios"]) == set(names)
        reference = group["models"]["self_attention"]
        for name, found in group["ratios"].items():
            assert found == common.ratio(group["models"][name], reference)
    for found in (record, record["kept"]):
        lengths = found["lengths"]
        slower, faster = (lengths["models"][name] for name in ("lstm_attention", "self_attention"))
        assert lengths["ratios"] == list(map(common.ratio, slower, faster))
        assert len(slower) == len(lengths["lengths"])
        for layer in found["parts"]["layers"].values():
            assert len(layer["forward"]) == len(layer["both"]) == len(lengths["lengths"])
    assert record["kept"]["settings"] == common.KEEP_MEMORY


def check_implementations(record):
    check_surroundings(record)
    check_summaries(record)
    reference = record["ways"][record["reference"]]["times"]
    for way in record["ways"].values():
        assert max(way["difference"]) <= record["tolerance"] == 1e-5
        assert way["ratios"] == list(map(common.ratio, way["times"], reference))
        assert len(way["times"]) == len(record["lengths"])


def check_scaling(record):
    check_surroundings(record)
    check_summaries(record)
    lengths = np.array(record["lengths"])
    assert record["predicted_crossing"] == 2 * record["width"]
    for found in record["libraries"].values():
        medians = {
            part: np.array(report.medians(series)) for part, series in found["parts"].items()
        }
        long, fitted = lengths >= record["long"], lengths >= record["fit_from"]
        assert found["exponent"] == fits.power_law(lengths[long], medians["attention"][long])
        assert found["fit"] == fits.linear_and_quadratic(lengths[fitted], medians["layer"][fitted])
        assert found["crossings"] == scaling.crossings(found["parts"], lengths, fitted)
    pages = record["pages"]
    assert pages["fit"] == fits.power_law(pages["lengths"], report.medians(pages["times"]))
    assert len(record["memory"]["numpy"]) == len(record["memory"]["lengths"])


def check_book(record):
    check_surroundings(record)
    check_summaries(record)
    assert len(record["cold"]["rounds"]) == record["repeats"]["cold_rounds"]
    assert len(record["warm"]["rounds"]) == record["repeats"]["warm_rounds"]
    # As many chapters are executed side by side as there are cores.
    at_once = sum(report.medians(record["pages"].values())) / record["machine"]["cores"]
    assert at_once < record["cold"]["lowest"]


@pytest.mark.slow
@pytest.mark.thorough
def test_training_runs(same_process, monkeypatch):
    from attention_course.experiments.benchmarks import training

    names = ("word_average", "self_attention")
    reduce(monkeypatch, training, LENGTHS=(3,), ROUNDS=2, LEAST=1e-9, BATCH_SIZE=2)
    record = training.measure(names)
    check_training(record, names)


def test_every_model_is_fed_by_the_shape_of_its_inputs():
    """A model may read several arrays, and need not have an embedding."""
    import keras

    from attention_course.experiments.benchmarks import training

    inputs = [keras.Input((5,), dtype="int32"), keras.Input((2, 3))]
    total = keras.ops.sum(keras.ops.cast(inputs[0], "float32"), axis=1, keepdims=True)
    model = keras.Model(inputs, total + keras.ops.sum(inputs[1], axis=(1, 2))[:, None])
    words, features = training.random_words(model, 4)
    assert (words.shape, words.dtype) == ((4, 5), np.dtype("int32"))
    assert (features.shape, features.dtype) == ((4, 2, 3), np.dtype("float32"))
    assert words.min() >= 1, "0 is padding"


def test_implementations_run(monkeypatch):
    from attention_course.experiments.benchmarks import implementations

    reduce(monkeypatch, implementations, LENGTHS=(2, 5), ROUNDS=2, LEAST=1e-9)
    record = implementations.measure()
    check_implementations(record)
    assert set(record["ways"]) == set(implementations.TITLES)


def test_a_way_that_disagrees_is_refused(monkeypatch):
    from attention_course.experiments.benchmarks import implementations

    right = implementations.by_loop
    reduce(monkeypatch, implementations, LENGTHS=(2,))
    monkeypatch.setattr(implementations, "by_loop", lambda *arrays: right(*arrays) + 2e-5)
    with pytest.raises(BenchmarkError, match="Python loop and NumPy.* differ by 2e-05 at length 2"):
        implementations.measure()


def test_scaling_runs(same_process, monkeypatch):
    less = {"LENGTHS": (4, 8, 16), "LONG": 4, "CALLS_COUNT_BELOW": 4, "MEMORY_LENGTHS": (8, 64)}
    reduce(monkeypatch, scaling, **less, WIDTH=4, ROUNDS=2, LEAST=1e-9)
    check_scaling(scaling.measure())


def test_the_parts_of_both_libraries_are_the_same_computation(monkeypatch):
    from attention_course import functional

    reduce(monkeypatch, scaling, WIDTH=4)
    ours, theirs = scaling.numpy_parts(6), scaling.keras_parts(6)
    x, weights = scaling._inputs(6)
    for projected, other in zip(ours["projections"](), theirs["projections"](), strict=True):
        assert np.allclose(projected, other, atol=1e-5)
    assert np.allclose(ours["products"](), theirs["products"](), atol=1e-4)
    assert np.allclose(ours["attention"]()[0], theirs["attention"](), atol=1e-5)
    assert np.allclose(ours["layer"]()[0], theirs["layer"](), atol=1e-5)
    attended = functional.scaled_dot_product_attention(*(x @ W for W in weights[:3]))[0]
    assert np.allclose(ours["layer"]()[0], attended @ weights[3])


def test_numpy_memory_counts_whole_tables(monkeypatch):
    """Three tables of T x T at once, for long sequences; and always the same number."""
    reduce(monkeypatch, scaling, WIDTH=4)
    found = scaling.numpy_memory((256, 512))
    assert [peak / (8 * T**2) for peak, T in zip(found, (256, 512), strict=True)] == [
        pytest.approx(3, abs=0.2),
        pytest.approx(3, abs=0.1),
    ]


@pytest.fixture
def tiny_book(tmp_path, monkeypatch):
    folder = tmp_path / "tiny"
    monkeypatch.setattr(assets, "checkout_root", lambda: folder)
    reduce(monkeypatch, book, COLD_ROUNDS=1, WARM_ROUNDS=1)
    folder.mkdir()
    (folder / "_toc.yml").write_text("format: jb-book\nroot: index\nchapters:\n  - file: one\n")
    (folder / "_config.yml").write_text("title: Tiny\nexecute:\n  execute_notebooks: cache\n")
    (folder / "index.md").write_text("# Tiny\n\nText.\n")
    cell = new_code_cell("print(1)", id="cell")
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / "one.ipynb")
    (folder / "_build").mkdir()
    (folder / "_build" / "old").write_text("")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.thorough
def test_the_book_is_built_cold_and_warm_in_a_copy(tiny_book):
    record = book.measure()
    check_book(record)
    assert set(record["pages"]) == {"one"}
    assert record["warm"]["median"] < record["cold"]["median"]
    assert os.listdir(tiny_book / "_build") == ["old"], "the checkout itself is not touched"


def test_a_book_that_does_not_build_says_so(tiny_book, monkeypatch):
    monkeypatch.setattr(book, "JUPYTER_BOOK", "import sys; sys.exit('A page is missing.')")
    words = r"does not build.*: A page is missing\. Correct it until 'make book' passes\."
    with pytest.raises(BenchmarkError, match=words):
        book.measure()


def test_the_book_needs_a_checkout(monkeypatch):
    monkeypatch.setattr(assets, "checkout_root", lambda: None)
    with pytest.raises(BenchmarkError, match="clone of the course"):
        book.measure()


# --- recording and reading -----------------------------------------------------------------


def test_a_record_is_written_whole_and_under_its_settings(same_process, monkeypatch, tmp_path):
    monkeypatch.setattr(benchmarks, "measure", lambda name: {"what": name})
    path = benchmarks.record("scaling", tmp_path / "new")
    assert json.loads(path.read_text(encoding="utf-8")) == {"what": "scaling"}
    assert [file.name for file in path.parent.iterdir()] == ["scaling.json"]


def test_a_process_gets_its_settings_and_leaves_ours_alone():
    settings = {"TF_NUM_INTRAOP_THREADS": "3"}
    before = dict(os.environ)
    found = common.in_fresh_process(common.header, "a test", settings=settings)
    assert found["settings"]["TF_NUM_INTRAOP_THREADS"] == "3"
    assert dict(os.environ) == before


def test_an_unknown_name_is_refused():
    with pytest.raises(BenchmarkError, match="no benchmark called 'speed'; known are training"):
        benchmarks.known(["speed"])
    with pytest.raises(AssetError, match=r"no file 'benchmarks/spread\.json'"):
        report.load("spread")


def test_the_command_records_what_is_named(monkeypatch, tmp_path, capsys):
    from attention_course import __main__ as cli

    recorded = []

    def record(name, folder):
        recorded.append((name, folder))
        return folder / f"{name}.json"

    monkeypatch.setattr(benchmarks, "record", record)
    assert cli.main(["bench", "scaling", "book", "--output", str(tmp_path)]) == 0
    assert recorded == [("scaling", tmp_path), ("book", tmp_path)]
    assert str(tmp_path / "scaling.json") in capsys.readouterr().out
    assert cli.main(["bench"]) == 0
    assert recorded[2:] == [(name, ROOT / "benchmarks") for name in benchmarks.NAMES]


def test_the_command_refuses_an_unknown_name_before_it_measures(monkeypatch, capsys):
    from attention_course import __main__ as cli

    monkeypatch.setattr(benchmarks, "record", lambda name, folder: pytest.fail("it measures"))
    assert cli.main(["bench", "scaling", "speed"]) == 1
    assert "no benchmark called 'speed'" in capsys.readouterr().err


# --- the stored records --------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored():
    return {name: report.load(name) for name in benchmarks.NAMES}


def test_training_as_stored(stored):
    record = stored["training"]
    check_training(record, training.TIMED)
    assert record["repeats"]["rounds"] >= 5


def test_implementations_as_stored(stored):
    check_implementations(stored["implementations"])
    assert stored["implementations"]["repeats"]["rounds"] >= 5


def test_scaling_as_stored(stored):
    check_scaling(stored["scaling"])
    assert stored["scaling"]["repeats"]["rounds"] >= 5


def test_the_book_as_stored(stored):
    check_book(stored["book"])
    chapters = {f"chapters/{path.stem}" for path in (ROOT / "chapters").glob("[0-9]*.ipynb")}
    # The record may be older than an optional page, which was not built when it was measured.
    optional = {f"optional/{path.stem}" for path in (ROOT / "optional").glob("*.md")}
    assert set(stored["book"]["pages"]) - optional == {*chapters, "benchmarks"}


def crossings_of(record):
    return record["libraries"]["numpy"]["crossings"]


MUTANTS = {
    "a median": ("training", lambda r: r["training"]["models"]["lstm"].update(median=1e-3)),
    "a ratio": ("training", lambda r: r["training"]["ratios"]["lstm"].update(median=9.0)),
    "a ratio of a length": ("training", lambda r: r["lengths"]["ratios"][0].update(highest=9.0)),
    "memory not kept": ("training", lambda r: r["kept"].update(settings={})),
    "a ratio, memory kept": (
        "training",
        lambda r: r["kept"]["lengths"]["ratios"][0].update(median=9.0),
    ),
    "a model left out": ("training", lambda r: r["inference"]["batch"]["models"].pop("lstm")),
    "no version": ("implementations", lambda r: r["versions"].pop("keras")),
    "no repeats": ("implementations", lambda r: r.update(repeats={})),
    "no processor": ("implementations", lambda r: r["machine"].update(processor="")),
    "ways that differ": ("implementations", lambda r: r["ways"]["loop"].update(difference=[1e-4])),
    "an exponent": ("scaling", lambda r: r["libraries"]["keras"]["exponent"].update(exponent=2.0)),
    "a crossing": ("scaling", lambda r: crossings_of(r)["products"].update(median=512)),
    "no crossing": ("scaling", lambda r: crossings_of(r).update(fitted=None)),
    "a fitted term": ("scaling", lambda r: r["libraries"]["numpy"]["fit"].update(a=1.0)),
    "a round left out": ("book", lambda r: r["warm"]["rounds"].pop()),
    "a path": ("book", lambda r: r.update(what=f"built in {ROOT}")),
}
CHECKS = {
    "training": lambda record: check_training(record, training.TIMED),
    "implementations": check_implementations,
    "scaling": check_scaling,
    "book": check_book,
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_record_that_was_changed_by_hand_is_noticed(stored, mutant):
    name, change = MUTANTS[mutant]
    record = copy.deepcopy(stored[name])
    CHECKS[name](record)
    change(record)
    with pytest.raises(AssertionError):
        CHECKS[name](record)


def test_what_compares_libraries_had_one_thread(stored):
    for name in ("implementations", "scaling"):
        assert stored[name]["settings"]["OPENBLAS_NUM_THREADS"] == "1"
        assert stored[name]["settings"]["TF_NUM_INTRAOP_THREADS"] == "1"


@pytest.mark.parametrize("library", ["numpy", "keras"])
def test_long_sequences_take_quadratic_time(stored, library):
    found = stored["scaling"]["libraries"][library]["exponent"]
    assert 1.8 <= found["exponent"] <= 2.2
    low, high = found["interval"]
    assert low < found["exponent"] < high
    assert high - low < 0.6


def test_the_records_bear_out_what_the_appendix_says(stored):
    training, ways = stored["training"], stored["implementations"]["ways"]
    ratios, kept_ratios = (
        report.medians(found["lengths"]["ratios"]) for found in (training, training["kept"])
    )
    assert max(ratios[:-1]) < 1.2 * min(ratios[:-1]), "nearly the same up to 200 words"
    assert 1 < ratios[-1] < 0.65 * min(ratios[:-1]), "about half at 400"
    assert ratios[-1] < kept_ratios[-1] < kept_ratios[0], "and less with memory kept"
    assert max(*ratios, *kept_ratios) < 8, "well below nine, which is that of the layers alone"
    short = [round(ratio) for ratio in (*ratios[:2], *kept_ratios[:2])]
    assert set(short) == {5, 6}, "five or six for short reviews"
    parts, kept = (
        {name: report.medians(layer["both"]) for name, layer in found["parts"]["layers"].items()}
        for found in (training, training["kept"])
    )
    growth = {name: times[-1] / times[0] for name, times in parts.items()}
    assert growth["lstm"] < min(growth["attention_32"], growth["attention_100"])
    narrow = parts["attention_32"]
    assert round(narrow[-1] / narrow[-2]) == 5, "five times as long, though the pairs grow by four"
    assert parts["attention_32"][-1] < parts["attention_100"][-1]
    doubled = {name: times[-1] / times[-2] for name, times in kept.items()}
    assert doubled["lstm"] < 2.2
    assert (
        max(doubled["attention_32"], doubled["attention_100"])
        < 4.2
        < (parts["attention_32"][-1] / parts["attention_32"][-2])
    ), "with memory kept, nothing grows by more than counting said"
    assert kept["lstm"][-1] == pytest.approx(parts["lstm"][-1], rel=0.15)
    assert parts["attention_100"][-1] > parts["lstm"][-1], "the wide layer took longer"
    assert kept["attention_100"][-1] < kept["lstm"][-1], "with memory kept, less"
    alone = [
        (found["lstm"][0] + found["attention_100"][0]) / found["attention_32"][0]
        for found in (parts, kept)
    ]
    assert alone == pytest.approx([9, 9], abs=0.5), "nearly nine, for the layers alone"

    single = training["inference"]["single"]["ratios"]
    batch = {name: one["median"] for name, one in training["inference"]["batch"]["models"].items()}
    recurrent = ("simple_rnn", "rnn_attention", "lstm", "lstm_attention", "bilstm_attention")
    for name in recurrent:
        in_a_batch = batch[name] / batch["self_attention"]
        assert single[name]["median"] > 3 * in_a_batch, "a batch hides the cost of the steps"
    assert training["training"]["ratios"]["lstm_attention"]["median"] < 3.5

    loop = report.medians(ways["loop"]["ratios"])
    assert loop[-1] > 50
    assert ways["keras_ops"]["times"][0]["median"] > ways["numpy"]["times"][0]["median"]
    assert ways["numpy32"]["times"][-1]["median"] < ways["numpy"]["times"][-1]["median"]
    assert ways["scipy"]["ratios"][0]["highest"] < 1, "no checks of the inputs"
    last = [ways[name]["ratios"][-1] for name in ("keras_ops", "keras_layer", "keras_graph")]
    lowest_end = min(ratio["highest"] for ratio in last)
    assert max(ratio["lowest"] for ratio in last) < lowest_end, "they overlap"
    assert ways["keras_graph"]["times"][0]["median"] < ways["keras_ops"]["times"][0]["median"]

    scaling = stored["scaling"]
    counted = scaling["predicted_crossing"]
    for library in scaling["libraries"].values():
        for crossing in library["crossings"].values():
            assert crossing["median"] == pytest.approx(counted, rel=0.25), "within a quarter"
    pages, numpy = scaling["pages"], scaling["libraries"]["numpy"]
    by_length = dict(zip(scaling["lengths"], numpy["parts"]["attention"], strict=True))
    for length, fresh in zip(pages["lengths"], pages["times"], strict=True):
        assert fresh["median"] > by_length[length]["median"], "fresh pages cost time"
    assert pages["fit"]["interval"][0] < numpy["exponent"]["interval"][1], "they overlap"
    memory, longest = scaling["memory"], scaling["memory"]["lengths"][-1]
    assert memory["numpy"][-1] / (8 * longest**2) == pytest.approx(3, abs=0.2)
    assert memory["numpy"][-1] < 6e9
    assert math.isfinite(memory["keras"][-1])
    assert memory["keras"][-1] < memory["numpy"][-1]

    assert stored["book"]["warm"]["median"] < stored["book"]["cold"]["median"]


@pytest.mark.parametrize("name", benchmarks.NAMES)
def test_the_appendix_names_every_record(name):
    """Then the book notices that this file has changed (``attention_course.book.extension``)."""
    text = (ROOT / "benchmarks.md").read_text(encoding="utf-8")
    assert f'report.load("{name}")' in text
