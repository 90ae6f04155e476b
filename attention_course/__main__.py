"""The command line: ``python -m attention_course COMMAND``; each command has ``--help``.

A command imports only what it needs, so TensorFlow is loaded for training and evaluation alone.
"""

import sys

if __name__ == "__main__":  # a file random.py in the current folder must not stand for Python's own
    sys.path.append(sys.path.pop(0))

import argparse
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from attention_course import __version__, assets, environment
from attention_course.errors import AssetError, CourseError, ModelError
from attention_course.storage import write_text
from attention_course.words import tr, trn


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in ``arguments``, by default those of the process; return the exit status.

    It is 0 when all went well, 1 after an error or a failed check, 2 for a wrong command line and
    130 after Ctrl-C.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    for name, value in environment.TENSORFLOW.items():
        os.environ.setdefault(name, value)
    # It takes the models of several seeds, one after the other, for a mistake in the code.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    run, folder = vars(options).pop("run"), vars(options).pop("folder", None)
    try:
        if folder:
            options.output = options.output or _checkout() / folder
        return run(options)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        told = {"file": error.filename or "-", "reason": error.strerror or error}
        print(tr("{file}: {reason}. Choose another folder.", **told), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(tr("Interrupted."), file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m attention_course",
        description=tr("Tools of the course on attention mechanisms."),
        epilog=tr("Each command explains itself: python -m attention_course COMMAND --help"),
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    train = _add(commands, "train", _train, tr("train a model again and write it with its card"))
    train.add_argument("name", metavar="NAME", help=tr("model, such as simple_rnn"))
    seed = tr("train this one seed (default: the recipe's)")
    train.add_argument("--seed", dest="seeds", metavar="SEED", nargs=1, type=_count, help=seed)
    _add_training(train)

    summary = tr("train seeds and models side by side, here or on many machines")
    sweep = _add(commands, "sweep", _sweep, summary)
    sweep.add_argument("names", metavar="NAME", nargs="+", help=tr("models, such as simple_rnn"))
    seeds = tr("such as 0 1 2 (default: the recipe's)")
    sweep.add_argument("--seeds", type=_count, metavar="N", nargs="+", help=seeds)
    _add_training(sweep)
    place = sweep.add_mutually_exclusive_group()
    scheduler = tr("a running Dask scheduler, whose workers train")
    place.add_argument("--address", metavar="tcp://HOST:PORT", help=scheduler)
    workers = tr("processes on this machine (default: one for each core)")
    place.add_argument("--workers", type=_positive, metavar="N", help=workers)

    summary = tr("measure the baselines on IMDB again: baselines.json")
    _add_output(_add(commands, "baselines", _baselines, summary), "models")
    summary = tr("learn every pair of lags of chapter 6 again: lag_profiles.json")
    _add_output(_add(commands, "lags", _lags, summary), "data")
    summary = tr("train the networks of the recall task at every lag again: recall_search.json")
    _add_output(_add(commands, "recall", _recall, summary), "data")
    summary = tr("make the attention weights of trained models equal: uniform_weights.json")
    _add_output(_add(commands, "uniform", _uniform, summary), "data")
    summary = tr("train every kind of attention of chapter 7 again: kinds.json")
    _add_output(_add(commands, "kinds", _kinds, summary), "data")
    summary = tr("learn the subwords of the verses again: verses_subwords.json")
    _add_output(_add(commands, "subwords", _subwords, summary), "data")
    summary = tr("translate phrases and verses without a network: translation_baselines.json")
    _add_output(_add(commands, "simple_translators", _simple_translators, summary), "data")
    summary = tr("translate the verses by beam search again: beam_search.json")
    _add_output(_add(commands, "beam", _beam, summary), "data")
    summary = tr("have the translators write some sentences again: translations.json")
    _add_output(_add(commands, "translations", _translations, summary), "data")
    summary = tr("try the settings of ngram_attention again: ngram_search.json")
    _add_output(_add(commands, "search", _search, summary), "data")

    summary = tr("measure the benchmarks of the appendix again")
    bench = _add(commands, "bench", _bench, summary)
    such = tr("such as scaling (default: all)")
    bench.add_argument("names", metavar="NAME", nargs="*", help=such)
    _add_output(bench, "benchmarks")

    summary = tr("measure stored models again and compare with their cards")
    evaluate = _add(commands, "evaluate", _evaluate, summary)
    evaluate.add_argument("names", metavar="NAME", nargs="*", help=tr("models, such as simple_rnn"))
    evaluate.add_argument("--all", action="store_true", help=tr("every model of the course"))

    summary = tr("print where files are, downloading them if needed")
    fetch = _add(commands, "fetch", _fetch, summary)
    such = tr("such as models/simple_rnn.keras")
    fetch.add_argument("names", metavar="NAME", nargs="*", help=such)
    every = tr("every file, to work without a network")
    fetch.add_argument("--all", action="store_true", help=every)

    check = _add(commands, "check", _check, tr("check an answer in a .py or .ipynb file"))
    check.add_argument("exercise", metavar="EXERCISE", help=tr("such as 06.attention"))
    check.add_argument("file", metavar="FILE", type=Path, help=tr("the file with the answer"))
    repeat = tr("repeat the inputs of an earlier check")
    check.add_argument("--seed", type=int, metavar="N", help=repeat)

    move = _add(commands, "address", _address, tr("write the address, and the commit for Colab"))
    url = tr("https://github.com/OWNER/NAME; without it, the present one")
    move.add_argument("url", metavar="URL", nargs="?", help=url)

    summary = tr("write the sha256 of every file a chapter may fetch")
    _add(commands, "registry", _registry, summary)
    return parser


def _add(
    commands: argparse._SubParsersAction,
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
) -> argparse.ArgumentParser:
    described = summary[:1].upper() + summary[1:] + "."
    parser = commands.add_parser(name, help=summary, description=described)
    parser.set_defaults(run=run)
    return parser


def _add_training(parser: argparse.ArgumentParser) -> None:
    """Add what every training can be told."""
    epochs = tr("epochs (default: the recipe's)")
    parser.add_argument("--epochs", type=_positive, metavar="N", help=epochs)
    parser.add_argument("--resume", action="store_true", help=tr("go on with what was interrupted"))
    other = tr("train although the data is not that of the card")
    parser.add_argument("--other-data", action="store_true", help=other)
    _add_output(parser, "models")


def _add_output(parser: argparse.ArgumentParser, folder: str) -> None:
    parser.set_defaults(folder=folder)
    summary = tr("where to write (default: {folder}/)", folder=folder)
    parser.add_argument("--output", type=Path, metavar="FOLDER", help=summary)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(tr("{number} is negative", number=text))
    return number


def _positive(text: str) -> int:
    if _count(text) == 0:
        raise argparse.ArgumentTypeError(tr("at least 1 is needed"))
    return int(text)


def _train(options: argparse.Namespace) -> int:
    _known_models([options.name])
    from attention_course.training.runs import train

    return _resumable(train, options)


def _sweep(options: argparse.Namespace) -> int:
    _known_models(options.names)
    from attention_course.training.sweep import sweep

    return _resumable(sweep, options)


def _resumable(work: Callable[..., object], options: argparse.Namespace) -> int:
    """Do work that keeps what is done, and say so when it is interrupted."""
    # To be stopped politely, as a batch system does it, is no different from Ctrl-C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        work(**vars(options))
    except KeyboardInterrupt:
        print(tr("Interrupted: the same command with --resume goes on."), file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _baselines(options: argparse.Namespace) -> int:
    from attention_course.training import baselines

    test = baselines.write(options.output)
    score = test["nb_logistic_regression"]["test"]["score"]
    print(tr("logistic regression: {score:.4f}", score=score))
    return 0


def _bench(options: argparse.Namespace) -> int:
    from attention_course.experiments import benchmarks

    for name in benchmarks.known(options.names):
        print(tr("{name}: measuring, some minutes", name=name), flush=True)
        begun = time.perf_counter()
        path = benchmarks.record(name, options.output)
        told = {"name": name, "path": path, "seconds": time.perf_counter() - begun}
        print(tr("{name}: {path} after {seconds:.0f} seconds", **told), flush=True)
    return 0


def _lags(options: argparse.Namespace) -> int:
    from attention_course.experiments import lag_profiles

    lag_profiles.record(options.output)
    return 0


def _recall(options: argparse.Namespace) -> int:
    from attention_course.experiments import recall_search

    recall_search.record(options.output)
    return 0


def _uniform(options: argparse.Namespace) -> int:
    from attention_course.experiments import uniform_weights

    uniform_weights.record(options.output)
    return 0


def _kinds(options: argparse.Namespace) -> int:
    from attention_course.experiments import kinds

    kinds.record(options.output)
    return 0


def _subwords(options: argparse.Namespace) -> int:
    from attention_course.training import subwords

    subwords.record(options.output)
    return 0


def _simple_translators(options: argparse.Namespace) -> int:
    from attention_course.experiments import translation_baselines

    translation_baselines.record(options.output)
    return 0


def _beam(options: argparse.Namespace) -> int:
    from attention_course.experiments import beam_search

    beam_search.record(options.output)
    return 0


def _translations(options: argparse.Namespace) -> int:
    from attention_course.experiments import translations

    translations.record(options.output)
    return 0


def _search(options: argparse.Namespace) -> int:
    from attention_course.experiments import ngram_search

    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "ngram_search.json"
    table = ngram_search.search(path)
    for row in table["tries"]:
        accuracy, loss = row["validation_accuracy"], row["validation_loss"]
        print(f"{accuracy:.4f} {loss:.4f} {row['changed']}")
    print(
        tr(
            "{path} holds all tries; what stood in it was not repeated. --output makes a new one.",
            path=path,
        )
    )
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from attention_course.models import NAMES

    names = list(NAMES) if options.all else options.names
    if not names:
        raise ModelError("Name the models to evaluate, or pass --all.")
    _known_models(names)
    from attention_course.training.audit import evaluate_cards

    return 0 if evaluate_cards(names) else 1


def _known_models(names: Sequence[str]) -> None:
    """Refuse an unknown name before TensorFlow takes its seconds to load."""
    from attention_course.models import family

    for name in names:
        family(name)


def _fetch(options: argparse.Namespace) -> int:
    names = list(assets.read_registry()) if options.all else options.names
    if not names:
        raise AssetError("Name the files to fetch, or pass --all.")
    for name in names:
        print(assets.fetch(name))
    return 0


def _check(options: argparse.Namespace) -> int:
    from attention_course.exercises.files import check_file

    verdict = check_file(options.exercise, options.file, seed=options.seed)
    print(verdict)
    return 0 if verdict.passed else 1


def _address(options: argparse.Namespace) -> int:
    from attention_course.book import address

    root = _checkout()
    url = address.parse(options.url) if options.url else address.present(root)
    commit = address.newest(root)
    changes = address.changes(root, url, commit)
    for path, text in changes.items():  # before anything is printed, which may fail half-way
        write_text(path, text)
    print(tr("The address is {url}, and Colab installs commit {commit}.", url=url, commit=commit))
    for path in changes:
        print(path.relative_to(root).as_posix())
    print(trn("{count} file changed.", "{count} files changed.", len(changes)))
    return 0


def _registry(options: argparse.Namespace) -> int:
    root = _checkout()
    count = assets.write_registry(root)
    name = f"attention_course/{assets.REGISTRY.name}"
    print(trn("{name} lists {count} file.", "{name} lists {count} files.", count, name=name))
    return 0


def _checkout() -> Path:
    root = assets.checkout_root()
    if root is None:
        raise AssetError(
            "This package was installed without its repository: run the command in a clone of the "
            "course, or pass --output FOLDER if it writes files."
        )
    return root


if __name__ == "__main__":
    sys.exit(main())
