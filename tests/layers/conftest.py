"""States that the tests of the layers share."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def states(rng):
    """Decoder states (2, 3, 4) and encoder states (2, 5, 4)."""
    return rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4))
