"""Recipes, runs that survive, cards and their audit; heavy modules load Keras."""
