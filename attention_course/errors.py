"""Errors a reader may meet: one sentence that says what happened and what to do."""

from typing import Any

from attention_course.words import tr


class CourseError(Exception):
    """Base of every error this package raises on purpose.

    It takes a sentence as ``tr`` does, with the values of its braces, and is in the reader's
    language: ``DataError("{name} is empty.", name=name)``. In a notebook only the sentence is
    shown: IPython asks an exception for ``_render_traceback_`` before it formats a traceback of
    its own.
    """

    def __init__(self, sentence: str = "", /, **values: Any) -> None:
        super().__init__(tr(sentence, **values))

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class AssetError(CourseError):
    """A model, quiz, image or data file is missing, damaged or cannot be downloaded."""


class DataError(CourseError):
    """A data set is absent or not of the expected form, or an input text cannot be used."""


class ModelError(CourseError):
    """A model name, model file or card is unknown or damaged."""


class QuizError(CourseError):
    """A quiz file breaks its schema."""


class ExerciseError(CourseError):
    """An exercise name is unknown or an answer file cannot be read."""
