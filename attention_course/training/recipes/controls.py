"""Recipes of the controls: each with the budget of the model that it is compared with."""

from attention_course.models.controls import BUILDERS
from attention_course.training.recipe import Recipe
from attention_course.training.recipes.sentiment import reviews_recipe

RECIPES: dict[str, Recipe] = {
    name: reviews_recipe(BUILDERS[name], *how)
    for name, *how in (
        ("rnn_uniform", "SimpleRNN, equal weights", 5, "first", 128, 2),
        ("rnn_mean", "SimpleRNN, mean of states", 5, "first", 128, 2),
        ("lstm_mean", "LSTM, mean of states", 5, "last", 128, None),
        ("multi_head", "Two heads, with places", 20, "last", 64, 2),
        ("multi_head_unordered", "Two heads, without places", 20, "last", 64, 2),
        ("multi_head_uniform", "Two heads, equal weights", 20, "last", 64, 2),
    )
}
