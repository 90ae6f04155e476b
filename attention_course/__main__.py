"""The command line: ``python -m attention_course COMMAND``; each command has ``--help``.

A command imports only what it needs, so TensorFlow is loaded for training and evaluation alone.
"""

from __future__ import annotations

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

from attention_course import __version__, address, assets
from attention_course.errors import AssetError, CourseError, ModelError

# With oneDNN, numbers depend on the processor's kind and do not repeat those on the cards.
TENSORFLOW_SETTINGS = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    Args:
        arguments: Words after the program's name; those of the process by default.

    Returns:
        0 when all went well, 1 after an error or a failed check, 2 for a wrong command line,
        130 after Ctrl-C.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    for name, value in TENSORFLOW_SETTINGS.items():
        os.environ.setdefault(name, value)
    # It takes the models of several seeds, one after the other, for a mistake in the code.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        return options.run(options)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        place = error.filename or "a file"
        print(f"{place}: {error.strerror or error}. Choose another folder.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m attention_course",
        description="Tools of the course on attention mechanisms.",
        epilog="Each command explains itself: python -m attention_course COMMAND --help",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    train = _add(commands, "train", _train, "train a model again and write it with its card")
    train.add_argument("name", metavar="NAME", help="model, such as simple_rnn")
    train.add_argument("--seed", type=_count, help="train this one seed (default: the recipe's)")
    train.add_argument("--epochs", type=_positive, help="epochs (default: the recipe's)")
    train.add_argument(
        "--resume", action="store_true", help="go on with a training that was interrupted"
    )
    train.add_argument(
        "--other-data", action="store_true", help="train although the data is not that of the card"
    )
    train.add_argument(
        "--output", type=Path, metavar="FOLDER", help="where to write (default: models/)"
    )

    sweep = _add(
        commands, "sweep", _sweep, "train seeds and models side by side, here or on many machines"
    )
    sweep.add_argument("names", metavar="NAME", nargs="+", help="models, such as simple_rnn")
    sweep.add_argument(
        "--seeds", type=_count, nargs="+", metavar="N", help="such as 0 1 2 (default: the recipe's)"
    )
    sweep.add_argument("--epochs", type=_positive, help="epochs (default: the recipe's)")
    place = sweep.add_mutually_exclusive_group()
    place.add_argument(
        "--address", metavar="tcp://HOST:PORT", help="a running Dask scheduler, whose workers train"
    )
    place.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="processes on this machine (default: one for each core)",
    )
    sweep.add_argument(
        "--resume", action="store_true", help="go on with a sweep that was interrupted"
    )
    sweep.add_argument(
        "--other-data", action="store_true", help="train although the data is not that of the card"
    )
    sweep.add_argument(
        "--output", type=Path, metavar="FOLDER", help="where to write (default: models/)"
    )

    for name, run, summary, folder in (
        ("baselines", _baselines, "measure the baselines on IMDB again: baselines.json", "models"),
        ("lags", _lags, "learn every pair of lags of chapter 6 again: lag_profiles.json", "data"),
        ("search", _search, "try the settings of ngram_attention again: ngram_search.json", "data"),
    ):
        command = _add(commands, name, run, summary)
        command.add_argument(
            "--output", type=Path, metavar="FOLDER", help=f"where to write (default: {folder}/)"
        )

    bench = _add(commands, "bench", _bench, "measure the benchmarks of the appendix again")
    bench.add_argument("names", metavar="NAME", nargs="*", help="such as scaling (default: all)")
    bench.add_argument(
        "--output", type=Path, metavar="FOLDER", help="where to write (default: benchmarks/)"
    )

    evaluate = _add(
        commands, "evaluate", _evaluate, "measure stored models again and compare with their cards"
    )
    evaluate.add_argument("names", metavar="NAME", nargs="*", help="models, such as simple_rnn")
    evaluate.add_argument("--all", action="store_true", help="every model of the course")

    fetch = _add(commands, "fetch", _fetch, "print where files are, downloading them if needed")
    fetch.add_argument("names", metavar="NAME", nargs="*", help="such as models/simple_rnn.keras")
    fetch.add_argument("--all", action="store_true", help="every file, to work without a network")

    check = _add(commands, "check", _check, "check an answer in a .py or .ipynb file")
    check.add_argument("exercise", metavar="EXERCISE", help="such as 06.attention")
    check.add_argument("file", metavar="FILE", type=Path, help="the file with the answer")
    check.add_argument("--seed", type=int, help="repeat the inputs of an earlier check")

    move = _add(commands, "address", _address, "write the repository's address everywhere")
    move.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        default=address.REPOSITORY,
        help="https://github.com/OWNER/NAME; without it, the present address is written again, "
        "together with the package's version",
    )

    _add(commands, "registry", _registry, "write the sha256 of every file a chapter may fetch")
    return parser


def _add(
    commands: argparse._SubParsersAction,
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=summary, description=summary[:1].upper() + summary[1:] + "."
    )
    parser.set_defaults(run=run)
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def _positive(text: str) -> int:
    if _count(text) == 0:
        raise argparse.ArgumentTypeError("at least 1 is needed")
    return int(text)


def _train(options: argparse.Namespace) -> int:
    _known_models([options.name])
    from attention_course.training.runs import train

    return _resumable(
        lambda: train(
            options.name,
            seed=options.seed,
            epochs=options.epochs,
            output=options.output,
            resume=options.resume,
            other_data=options.other_data,
        )
    )


def _sweep(options: argparse.Namespace) -> int:
    _known_models(options.names)
    from attention_course.training.sweep import sweep

    return _resumable(
        lambda: sweep(
            options.names,
            seeds=options.seeds,
            epochs=options.epochs,
            output=options.output,
            address=options.address,
            workers=options.workers,
            resume=options.resume,
            other_data=options.other_data,
        )
    )


def _resumable(work: Callable[[], object]) -> int:
    """Do work that keeps what is done, and say so when it is interrupted."""
    # To be stopped politely, as a batch system does it, is no different from Ctrl-C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        work()
    except KeyboardInterrupt:
        print("Interrupted: the same command with --resume goes on.", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _baselines(options: argparse.Namespace) -> int:
    from attention_course.training import baselines

    test = baselines.write(options.output or _checkout() / "models")
    print(f"logistic regression: {test['nb_logistic_regression']['test']['score']:.4f}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    from attention_course.experiments import benchmarks

    folder = options.output or _checkout() / "benchmarks"
    for name in benchmarks.known(options.names):
        print(f"{name}: measuring, some minutes", flush=True)
        begun = time.perf_counter()
        path = benchmarks.record(name, folder)
        print(f"{name}: {path} after {time.perf_counter() - begun:.0f} seconds", flush=True)
    return 0


def _lags(options: argparse.Namespace) -> int:
    from attention_course.experiments import lag_profiles

    lag_profiles.record(options.output or _checkout() / "data")
    return 0


def _search(options: argparse.Namespace) -> int:
    from attention_course.experiments import ngram_search

    folder = options.output or _checkout() / "data"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ngram_search.json"
    table = ngram_search.search(path)
    for row in table["tries"]:
        print(f"{row['validation_accuracy']:.4f} {row['validation_loss']:.4f} {row['changed']}")
    print(f"{path} holds all tries; what stood in it was not repeated. --output makes a new one.")
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
    from attention_course.models import recipe

    for name in names:
        recipe(name)


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
    root = _checkout()
    url = address.parse(options.url)
    changed = address.set_address(root, url)
    for path in changed:
        print(path)
    print(f"{len(changed)} files changed; the address is {url}.")
    return 0


def _registry(options: argparse.Namespace) -> int:
    root = _checkout()
    count = assets.write_registry(root)
    print(f"attention_course/{assets.REGISTRY.name} lists {count} files.")
    return 0


def _checkout() -> Path:
    root = assets.checkout_root()
    if root is None:
        raise AssetError(
            "This package was installed without its repository; "
            "run the command in a clone of the course."
        )
    return root


if __name__ == "__main__":
    sys.exit(main())
