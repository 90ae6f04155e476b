"""How strongly a late step depends on an early one: Jacobians through time.

Vectors are rows and the recurrent layer is ``h_t = tanh(x_t W + h_(t-1) U + b)``, as in Keras'
``SimpleRNN``. A Jacobian has one row per output and one column per input:
``J[i, j] = d output_i / d input_j``. Time is counted from 0, and ``T`` is the number of steps.

The first part is NumPy and exact. The last two functions measure Keras layers with
``tf.GradientTape`` and import TensorFlow when they are called.

Source: Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural
networks", equations 3 to 7; Bengio, Simard and Frasconi (1994).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from attention_course.errors import CourseError

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


class GradientError(CourseError, ValueError):
    """The arrays given do not describe one recurrent layer, or a limit makes no sense."""


# --- exact, in NumPy ---------------------------------------------------------------------------


def rnn_states(
    x: ArrayLike, W: ArrayLike, U: ArrayLike, b: ArrayLike, h0: ArrayLike | None = None
) -> np.ndarray:
    """Return all states ``(T, n)`` of ``h_t = tanh(x_t W + h_(t-1) U + b)``.

    Args:
        x: inputs ``(T, d)``.
        W: input weights ``(d, n)``.
        U: recurrent weights ``(n, n)``.
        b: bias ``(n,)``.
        h0: state before the first step ``(n,)``; zeros by default.
    """
    x, W, U, b = (np.asarray(array, dtype=float) for array in (x, W, U, b))
    _square(U, "U")
    h = np.zeros(len(U)) if h0 is None else np.asarray(h0, dtype=float)
    states = np.empty((len(x), len(U)))
    for t in range(len(x)):
        h = np.tanh(x[t] @ W + h @ U + b)
        states[t] = h
    return states


def step_jacobian(h: ArrayLike, U: ArrayLike) -> np.ndarray:
    """Return the Jacobian ``(n, n)`` of one step, ``d h_t / d h_(t-1)``.

    ``J[i, j] = (1 - h_t[i]**2) * U[j, i]``, because ``tanh' = 1 - tanh**2`` (Pascanu et al.
    2013, eq. 5, written for row vectors).

    Args:
        h: the state *after* the step ``(n,)``.
        U: recurrent weights ``(n, n)``.
    """
    h, U = np.asarray(h, dtype=float), np.asarray(U, dtype=float)
    _square(U, "U")
    if h.shape != (len(U),):
        raise GradientError(
            "The state has shape {state}, but U of shape {matrix} needs ({rows},).",
            state=h.shape,
            matrix=U.shape,
            rows=len(U),
        )
    return (1 - h**2)[:, None] * U.T


def jacobians_through_time(states: ArrayLike, U: ArrayLike) -> np.ndarray:
    """Return ``d h_T / d h_t`` for every step ``t``, shape ``(T, n, n)``.

    Entry ``t`` is the product ``J_T J_(T-1) ... J_(t+1)``; the last entry is the identity.

    Args:
        states: all states ``(T, n)``, as :func:`rnn_states` returns them.
        U: recurrent weights ``(n, n)``.
    """
    states, U = np.asarray(states, dtype=float), np.asarray(U, dtype=float)
    products = np.empty((len(states), len(U), len(U)))
    product = np.eye(len(U))
    for t in range(len(states) - 1, -1, -1):
        products[t] = product
        product = product @ step_jacobian(states[t], U)
    return products


def spectral_norm(matrices: ArrayLike) -> np.ndarray:
    """Return the largest singular value of each matrix ``(..., m, n)``: the most it stretches."""
    return np.linalg.norm(np.asarray(matrices, dtype=float), ord=2, axis=(-2, -1))


def spectral_radius(U: ArrayLike) -> float:
    """Return the largest absolute eigenvalue of ``U`` ``(n, n)``."""
    U = np.asarray(U, dtype=float)
    _square(U, "U")
    return float(np.abs(np.linalg.eigvals(U)).max())


def scaled_to_radius(U: ArrayLike, radius: float) -> np.ndarray:
    """Return ``U`` times the positive number that makes its spectral radius ``radius``."""
    present = spectral_radius(U)
    if present == 0 or radius < 0:
        raise GradientError(
            "A matrix of spectral radius {present:g} cannot be scaled to radius {radius:g}.",
            present=present,
            radius=radius,
        )
    return np.asarray(U, dtype=float) * (radius / present)


def softmax_jacobian(weights: ArrayLike) -> np.ndarray:
    """Return ``d weights / d scores`` ``(T, T)`` of a softmax whose output is ``weights``.

    ``J[i, k] = weights[i] * ((i == k) - weights[k])``: zero when one weight is 1.
    """
    weights = np.asarray(weights, dtype=float)
    return np.diag(weights) - np.outer(weights, weights)


def clip_by_global_norm(
    gradients: Sequence[ArrayLike], limit: float
) -> tuple[list[np.ndarray], float]:
    """Shrink all gradients by one common factor so that their joint norm is at most ``limit``.

    Args:
        gradients: one array per parameter, any shapes.
        limit: the largest joint Euclidean norm allowed, above 0.

    Returns:
        The gradients, and the joint norm before clipping (Pascanu et al. 2013, algorithm 1).

    Raises:
        GradientError: ``limit`` is not positive.
    """
    if not limit > 0:
        raise GradientError("The limit of a norm must be above 0, not {limit}.", limit=limit)
    arrays = [np.asarray(gradient, dtype=float) for gradient in gradients]
    norm = float(np.sqrt(sum(np.sum(array**2) for array in arrays)))
    factor = min(1.0, limit / norm) if norm > 0 else 1.0
    return [array * factor for array in arrays], norm


def _square(matrix: np.ndarray, name: str) -> None:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise GradientError(
            "{name} must be square, not of shape {shape}.", name=name, shape=matrix.shape
        )


# --- measured, on Keras layers -----------------------------------------------------------------


def last_state(states: tf.Tensor) -> tf.Tensor:
    """Read the last of the states ``(batch, T, n)``: what a plain recurrent model passes on."""
    return states[:, -1]


def keras_jacobians(
    layer: keras.layers.Layer,
    x: ArrayLike,
    read: Callable[[Any], Any] = last_state,
    through_time: bool = True,
) -> np.ndarray:
    """Return ``d r / d s_t`` for every step ``t`` of a Keras recurrent layer.

    ``r = read(all states)`` is the vector that the rest of the model sees, and ``s_t`` is the
    whole state after step ``t``: ``h_t`` for a ``SimpleRNN``, ``h_t`` and ``c_t`` side by side
    for an ``LSTM``, whose memory is ``c_t``.

    Args:
        layer: a built ``SimpleRNN``, ``GRU`` or ``LSTM`` of ``n`` units.
        x: one sequence ``(T, d)``.
        read: maps states ``(batch, T, n)`` to ``(batch, m)``, each sequence for itself.
        through_time: True for the total derivative. False cuts the recurrence: every ``h_t`` is
            held as a variable of its own, and only what ``read`` does with it counts.

    Returns:
        ``(T, m, n)``; ``(T, m, 2 n)`` for an LSTM, with zeros for ``c_t`` when cut.
    """
    import tensorflow as tf

    x = tf.convert_to_tensor(x, layer.compute_dtype)
    outputs = int(read(tf.zeros((1, x.shape[0], layer.units), x.dtype)).shape[-1])
    # Row i of the Jacobian comes from copy i of the sequence: one backward pass gives all rows.
    copies = tf.repeat(x[None], outputs, axis=0)
    with tf.GradientTape() as tape:
        states = _unroll(layer, copies, tape)
        if not through_time:
            states = [[tf.stop_gradient(part) for part in state] for state in states]
            tape.watch(states)
        value = read(tf.stack([h for h, *_ in states], axis=1))
    gradients = tape.gradient(
        value,
        states,
        output_gradients=tf.eye(outputs, dtype=value.dtype),
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    steps = [np.concatenate([part.numpy() for part in step], axis=-1) for step in gradients]
    return np.stack(steps)


def _unroll(
    layer: keras.layers.Layer, x: tf.Tensor, tape: tf.GradientTape | None = None
) -> list[list[tf.Tensor]]:
    """Run the layer's cell step by step; return the parts of the state after every step."""
    import tensorflow as tf

    state = layer.cell.get_initial_state(batch_size=x.shape[0])
    state = list(state) if isinstance(state, list | tuple) else [state]
    steps = []
    for t in range(x.shape[1]):
        _, state = layer.cell(x[:, t], state)
        # A node of its own for each part: otherwise d/dc_t would count the h_t made from it.
        state = [tf.identity(part) for part in state]
        if tape is not None:
            tape.watch(state)
        steps.append(state)
    return steps
