"""Train many seeds or models at once, on this machine's cores or on several machines.

The engine is Dask's ``distributed``; ``CONTRIBUTING.md`` says why.

What is sent to a worker is a model's name, a seed, and what has to be the same on both sides. The
worker finds recipe and data by the name, and sends weights and record back. This module loads
neither TensorFlow nor ``distributed`` when it is imported: a scheduler unpacks what passes through
it, and needs no more than this package.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from attention_course import environment
from attention_course.errors import CourseError, DataError
from attention_course.models import cards
from attention_course.words import tr, trn

if TYPE_CHECKING:
    import numpy as np
    from distributed import Client

    from attention_course.training.recipe import Splits
    from attention_course.training.runs import Training

PATIENCE = 10
"""Seconds to wait for a scheduler to answer, and for its first worker."""

_one_at_a_time = threading.Lock()


class SweepError(CourseError):
    """The engine is missing or not to be reached, or a part of a sweep failed."""


class Unit(NamedTuple):
    """What one worker does at a time: one seed of one model."""

    name: str
    seed: int

    def __str__(self) -> str:
        return tr("{name}, seed {seed}", name=self.name, seed=self.seed)


def sweep(
    names: Sequence[str],
    seeds: Sequence[int] | None = None,
    epochs: int | None = None,
    *,
    output: Path,
    address: str | None = None,
    workers: int | None = None,
    resume: bool = False,
    other_data: bool = False,
) -> None:
    """Train every seed of every model, and write each model and card when its seeds are there.

    Prints a line for every finished unit. Whatever has arrived is kept under ``.unfinished`` in
    the output folder, so that an interrupted sweep goes on with ``resume``.

    Args:
        names: of the models; one that is named twice is trained once.
        seeds, epochs, output, resume, other_data: as for :class:`runs.Training`, whose errors are
            raised before anything is trained.
        address: of a running scheduler; None starts worker processes here.
        workers: how many of those; by default one for each core.

    Raises:
        SweepError: the engine cannot be had, or units failed; the other units are kept.
    """
    from attention_course.training.runs import Training

    engine = _engine()
    models = [Training(name, seeds, epochs, output, resume) for name in dict.fromkeys(names)]
    waiting: dict[Unit, Training] = {}
    for model in models:
        model.begin(_data(model.recipe.name), other_data)
        for seed in model.seeds:
            unit = Unit(model.recipe.name, seed)
            if seed in model.results:
                told = _told(model.results[seed][1])
                print(tr("{unit}: {told}, from before", unit=unit, told=told), flush=True)
            else:
                waiting[unit] = model
    total = sum(len(model.seeds) for model in models)
    failed: dict[Unit, str] = {}
    if waiting:
        with _connect(engine, address, min(workers or environment.cores(), len(waiting))) as client:
            side_by_side = len(client.nthreads())
            with closing(_outcomes(engine, client, waiting, address is None)) as arriving:
                for unit, outcome in arriving:
                    model = waiting.pop(unit)  # a second result of one unit would be a KeyError
                    if isinstance(outcome, str):
                        failed[unit] = outcome
                        print(tr("{unit}: failed", unit=unit), flush=True)
                        continue
                    weights, run = outcome
                    run["side_by_side"] = side_by_side  # the seconds on the card depend on it
                    model.keep(unit.seed, weights, run)
                    done = sum(len(model.results) for model in models)
                    told = {"unit": unit, "told": _told(run), "done": done, "all": total}
                    print(tr("{unit}: {told}, {done} of {all}", **told), flush=True)
    # Not before the engine is closed: some models train a little more for their card.
    for model in models:
        if len(model.results) == len(model.seeds):
            model.finish()
            told = {"model": model.recipe.name, "folder": model.folder}
            print(tr("{model}: model and card are in {folder}", **told), flush=True)
    if failed:
        told = "; ".join(f"{unit}: {sentence.rstrip('.')}" for unit, sentence in failed.items())
        raise SweepError(
            "{failed} of {all} failed ({told}): remove the cause, and the same command with "
            "--resume trains what is missing.",
            failed=len(failed),
            all=total,
            told=told,
        )
    assert not waiting, f"no result came for {waiting}"


def train_unit(identity: dict[str, Any], folder: Path) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Train one seed; returns its weights and what the card says of it. This runs on a worker.

    Args:
        identity: the client's, which says what to train; a worker with other data or packages must
            refuse, because the card would not tell.
        folder: for checkpoints. A relative one lies in this machine's temporary directory and is
            removed at the end; the client cannot reach it.

    Raises:
        CourseError: this worker cannot train it, or would train something else.
    """
    from attention_course.training import runs
    from attention_course.training.recipes import recipe as find_recipe

    unit, epochs = Unit(identity["model"], identity["seed"]), identity["epochs"]
    # Random numbers are drawn from generators of the process: two trainings would mix them up.
    with _one_at_a_time:
        recipe, splits = find_recipe(unit.name), _data(unit.name)
        here = runs.identity(recipe, splits, unit.seed, epochs)
        different = [
            tr("{key} {here}, not {there}", key=key, here=here.get(key), there=identity.get(key))
            for key in sorted(here.keys() | identity.keys())
            if here.get(key) != identity.get(key)
        ]
        if different:
            raise DataError(
                "A worker would train {unit} differently ({different}): give all machines the same "
                "data, install requirements.txt on each, and start its worker with "
                "TF_ENABLE_ONEDNN_OPTS=0.",
                unit=unit,
                different="; ".join(different),
            )
        place = Path(tempfile.gettempdir()) / folder
        model, run = runs.fit(recipe, splits, unit.seed, epochs, place)
        if not folder.is_absolute():
            shutil.rmtree(place)
        return model.get_weights(), run


@lru_cache(maxsize=2)
def _data(name: str) -> Splits:
    """The data of a model, loaded once by a process that trains one of its seeds after another."""
    from attention_course.training.recipes import recipe as find_recipe

    return find_recipe(name).load_data()


def _outcomes(
    engine: ModuleType, client: Client, units: Mapping[Unit, Training], shared_disk: bool
) -> Iterator[tuple[Unit, Any]]:
    """Yield each unit once, as it ends, with its result or with the sentence that says why not."""
    # Nobody else's results on a scheduler that others use too, and no folder of an earlier sweep.
    this = f"attention-course-{uuid.uuid4().hex}"
    futures: dict[Any, Unit] = {}
    for unit, model in units.items():
        key = f"{this}-{unit.name}-{unit.seed}"
        folder = model.seed_folder(unit.seed).resolve() if shared_disk else Path(key)
        arguments = (model.identities[unit.seed], folder)
        # Libraries that two threads of a new worker load at once may fail, the first time.
        future = client.submit(train_unit, *arguments, key=key, pure=False, retries=1)
        futures[future] = unit
    try:
        for future in engine.as_completed(futures):
            yield futures[future], _outcome(engine, future)
            future.release()
    finally:
        if not shared_disk and client.status == "running":
            client.run(_remove, this, on_error="ignore")


def _outcome(engine: ModuleType, future: Any) -> Any:
    try:
        return future.result()
    except CourseError as error:
        return str(error)
    except engine.KilledWorker as error:
        return trn(
            "{count} worker died while it had it, perhaps for want of memory; fewer workers need "
            "less",
            "{count} workers died while they had it, perhaps for want of memory; fewer workers "
            "need less",
            error.allowed_failures + 1,
        )
    except CancelledError as error:
        raise SweepError(
            "The scheduler is gone: start it again, and the same command with "
            "--resume trains what is missing."
        ) from error
    except Exception as error:  # whatever TensorFlow raised there; the other units go on
        return f"{type(error).__name__}: {error}"


def _remove(sweep: str) -> None:
    """Remove what lost workers have left of a sweep on this machine. This runs on a worker."""
    for folder in Path(tempfile.gettempdir()).glob(f"{sweep}-*"):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _connect(engine: ModuleType, address: str | None, workers: int) -> Iterator[Client]:
    """Give a client of the scheduler at ``address``, or of a cluster that lives for this block."""
    # When something is lost, this module says so in one sentence, and the engine in pages.
    quiet = logging.CRITICAL
    with ExitStack() as stack:
        stack.enter_context(engine.utils.silence_logging_cmgr(quiet))
        if address is None:
            cluster = engine.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",  # any free port
                memory_limit=0,  # the engine would stop a worker that loads a large data set
                silence_logs=quiet,
            )
            yield stack.enter_context(engine.Client(stack.enter_context(cluster)))
            return
        try:
            client = stack.enter_context(engine.Client(address, timeout=PATIENCE))
        except (OSError, ValueError) as error:
            raise SweepError(
                "No scheduler answers at {address}: start one there with 'dask scheduler', correct "
                "the address, or leave out --address to train on this machine.",
                address=address,
            ) from error
        _check_machines(client, address)
        yield client


def _check_machines(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise SweepError(
            "The scheduler at {address} has no workers: start some with "
            "'TF_ENABLE_ONEDNN_OPTS=0 dask worker {address} --nworkers auto --nthreads 1'.",
            address=address,
        ) from error
    found = {"the scheduler": client.run_on_scheduler(find_spec, __package__)}
    found |= client.run(find_spec, __package__)
    lacking = [place for place, spec in found.items() if spec is None]
    if lacking:
        raise SweepError(
            "The course's package is missing at {lacking}: install it there with 'pip install "
            "-r requirements.txt' in a checkout, and start that process again.",
            lacking=", ".join(lacking),
        )


def _engine() -> ModuleType:
    try:
        import distributed
    except ModuleNotFoundError as error:
        raise SweepError(
            "A sweep needs the package distributed: install it with 'pip install distributed', "
            "or train one model after another with the command train."
        ) from error
    return distributed


def _told(run: dict[str, Any]) -> str:
    seconds, score = sum(cards.epoch_seconds(run)), run["test"]["score"]
    return tr("score {score:.4g} after {seconds:.0f} s of training", score=score, seconds=seconds)
