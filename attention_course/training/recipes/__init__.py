"""How each model of the course is trained, one module per family."""

from importlib import import_module
from typing import TYPE_CHECKING

from attention_course import models

if TYPE_CHECKING:
    from attention_course.training.recipe import Recipe


def recipe(name: str) -> "Recipe":
    """Return how the model ``name`` is trained; ``ModelError`` for an unknown name."""
    return import_module(f"{__name__}.{models.family(name)}").RECIPES[name]
