"""What a long training shows: a bar with loss and time left, and one line for every epoch."""

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from attention_course.words import tr


class ShowProgress(keras.callbacks.Callback):
    """Show how far a run is. In a log file, where a bar cannot move, only the lines appear.

    A context manager: the bar is taken away at the end, also after an error.

    Args:
        title: of the run, such as ``"self_attention, seed 0 (1 of 3)"``.
        epochs: of the whole run.
        done: epochs that an earlier process has done.
    """

    def __init__(self, title: str, epochs: int, done: int = 0) -> None:
        super().__init__()
        self.title, self.epochs, self.done = title, epochs, done
        console = Console(highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[loss]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(title, total=epochs, completed=done, loss="")
        self._here = 0  # epochs of this process, from which follows the time that is left

    def __enter__(self) -> "ShowProgress":
        self._bar.start()
        self._begun = time.monotonic()
        if self.done:
            self._say(tr("{title}: goes on after epoch {epoch} of {epochs}", **self._told()))
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.stop()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Move the bar."""
        completed = self.done + (batch + 1) / self.params["steps"]
        self._bar.update(self._task, completed=completed, loss=_losses(logs))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the line of this epoch."""
        self._here += 1
        self.done = epoch + 1
        seconds = (time.monotonic() - self._begun) / self._here * (self.epochs - self.done)
        told = {**self._told(), "losses": _losses(logs), "time": _duration(seconds)}
        if self.done < self.epochs:
            self._say(tr("{title}: epoch {epoch} of {epochs}: {losses}; about {time} left", **told))
        else:
            self._say(tr("{title}: epoch {epoch} of {epochs}: {losses}", **told))

    def _told(self) -> dict[str, Any]:
        return {"title": self.title, "epoch": self.done, "epochs": self.epochs}

    def _say(self, text: str) -> None:
        self._bar.console.print(text, soft_wrap=True)


def _losses(logs: dict[str, float] | None) -> str:
    return ", ".join(f"{key} {value:.4g}" for key, value in (logs or {}).items())


def _duration(seconds: float) -> str:
    if seconds < 90:
        return tr("{seconds:.0f} s", seconds=seconds)
    if seconds < 90 * 60:
        return tr("{minutes:.0f} min", minutes=seconds / 60)
    return tr("{hours:.1f} h", hours=seconds / 3600)
