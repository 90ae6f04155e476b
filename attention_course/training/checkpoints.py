"""What a training run leaves on disk after every epoch, so that it survives being killed.

A checkpoint is one uncompressed ``.npz``: arrays, and a record in JSON. ZIP keeps a checksum of
every array, so a damaged file is noticed. Each epoch writes a file of its own, and the one before
is kept until the next is complete: whenever the process dies, a whole checkpoint is left.
"""

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attention_course.errors import CourseError
from attention_course.storage import write_whole
from attention_course.words import tr

KEPT = 2
"""Checkpoints on disk: the newest, and one to fall back on."""
_DAMAGED = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged file raises; RuntimeError where it seems to be encrypted."""


class CheckpointError(CourseError):
    """What an unfinished run left behind is damaged, or belongs to a run with other settings."""


@dataclass(frozen=True)
class State:
    """The state of a run after an epoch.

    Attributes:
        epoch: epochs that are done.
        arrays: whatever the run needs to go on, in a fixed order.
        record: history and the like, as JSON allows it.
    """

    epoch: int
    arrays: Sequence[np.ndarray]
    record: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run, in one folder.

    Args:
        folder: of this run alone; made when the first checkpoint is saved.
        identity: what must be the same when the run goes on: model, seed, epochs, data, versions.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.folder = folder
        # As it will come back from JSON, so that it can be compared.
        self.identity = json.loads(json.dumps(identity))

    def save(self, state: State) -> None:
        """Write ``state`` and remove what is older than the checkpoint before it.

        Raises:
            StorageError: the disk is full; the checkpoints before this one are untouched.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        record = json.dumps({"identity": self.identity, "record": state.record})
        arrays = {f"array_{index:04}": array for index, array in enumerate(state.arrays)}
        content = {**arrays, "record": np.frombuffer(record.encode(), dtype=np.uint8)}
        path = self.folder / f"epoch-{state.epoch:05}.npz"
        write_whole(path, lambda partial: np.savez(partial, **content))
        for old in self._paths()[KEPT:]:
            old.unlink()

    def load(self) -> State | None:
        """Return the newest whole checkpoint, or None where the run has not saved any.

        Raises:
            CheckpointError: all are damaged, or they belong to a run with other settings.
        """
        paths = self._paths()
        for path in paths:
            try:
                state, identity = _read(path)
            except _DAMAGED:
                continue
            different = [
                tr("{key} {then!r} then, {now!r} now", key=key, then=then, now=now)
                for key in sorted(identity | self.identity)
                if (then := identity.get(key)) != (now := self.identity.get(key))
            ]
            if different:
                raise CheckpointError(
                    "The unfinished run in {folder} is another one ({told}): go on with its "
                    "settings, or delete that folder to start anew.",
                    folder=self.folder,
                    told=", ".join(different),
                )
            return state
        if paths:
            raise CheckpointError(
                "Every checkpoint in {folder} is damaged: delete that folder and start "
                "the run again.",
                folder=self.folder,
            )
        return None

    def _paths(self) -> list[Path]:
        """The checkpoints, newest first."""
        return sorted(self.folder.glob("epoch-?????.npz"), reverse=True)


def _read(path: Path) -> tuple[State, dict[str, Any]]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        names = sorted(name for name in archive.files if name != "record")
        arrays = [archive[name] for name in names]
        content = json.loads(archive["record"].tobytes())
    epoch = int(path.stem.removeprefix("epoch-"))
    return State(epoch, arrays, content["record"]), content["identity"]
