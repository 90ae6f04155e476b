"""How far a search for a learning rate goes on."""

from __future__ import annotations

from collections.abc import Iterable


def beyond(best: float, tried: Iterable[float], factor: float) -> float | None:
    """Return a rate to try yet: ``factor`` beyond the end of those tried, if the best stands there.

    It is None when a higher and a lower rate than the best have been tried.
    """
    tried = list(tried)
    if min(tried) < best < max(tried):
        return None
    return best * factor if best == max(tried) else best / factor
