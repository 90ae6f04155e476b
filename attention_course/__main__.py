"""The command line: ``python -m attention_course COMMAND``; each command has ``--help``.

A command imports only what it needs, so TensorFlow is loaded for training and evaluation alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from attention_course import __version__, address, assets
from attention_course.errors import AssetError, CourseError, ModelError


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
    try:
        return options.run(options)
    except CourseError as error:
        print(error, file=sys.stderr)
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
        "--output", type=Path, metavar="FOLDER", help="where to write (default: models/)"
    )

    for name, run, summary, folder in (
        ("baselines", _baselines, "measure the baselines on IMDB again: baselines.json", "models"),
        ("timing", _timing, "time one epoch of every sentiment model: timing.json", "models"),
        ("lags", _lags, "learn every pair of lags of chapter 6 again: lag_profiles.json", "data"),
    ):
        command = _add(commands, name, run, summary)
        command.add_argument(
            "--output", type=Path, metavar="FOLDER", help=f"where to write (default: {folder}/)"
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
    from attention_course.training import train

    train(options.name, seed=options.seed, epochs=options.epochs, output=options.output)
    return 0


def _baselines(options: argparse.Namespace) -> int:
    from attention_course import baselines

    test = baselines.write(options.output or _checkout() / "models")
    print(f"logistic regression: {test['nb_logistic_regression']['test']['score']:.4f}")
    return 0


def _timing(options: argparse.Namespace) -> int:
    from attention_course import timing

    for name, seconds in timing.write(options.output or _checkout() / "models")["models"].items():
        print(f"{name}: {seconds['median']:.1f} seconds per epoch")
    return 0


def _lags(options: argparse.Namespace) -> int:
    from attention_course import lag_profiles

    lag_profiles.record(options.output or _checkout() / "data")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from attention_course.models import NAMES

    names = list(NAMES) if options.all else options.names
    if not names:
        raise ModelError("Name the models to evaluate, or pass --all.")
    _known_models(names)
    from attention_course.evaluation import evaluate_cards

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
    from attention_course.checks.files import check_file

    verdict = check_file(options.exercise, options.file)
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
