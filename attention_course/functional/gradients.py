"""How strongly a late step depends on an early one: Jacobians through time.

Vectors are rows and the recurrent layer is ``h_t = tanh(x_t W + h_(t-1) U + b)``, as in Keras'
``SimpleRNN``. A Jacobian has one row per output and one column per input:
``J[i, j] = d output_i / d input_j``. Time is counted from 0, and ``T`` is the number of steps.
Shapes: inputs ``x (T, d)``, input weights ``W (d, n)``, recurrent weights ``U (n, n)``, bias
``b (n,)``, states ``h (n,)``. Arrays that do not fit together raise :class:`GradientError`.

All is NumPy and exact, apart from :func:`keras_jacobians`: it measures Keras layers with
``tf.GradientTape`` and imports TensorFlow when it is called.

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


class GradientError(CourseError, ValueError):
    """The arrays given do not describe one recurrent layer, or a limit makes no sense."""


def rnn_states(
    x: ArrayLike, W: ArrayLike, U: ArrayLike, b: ArrayLike, h0: ArrayLike | None = None
) -> np.ndarray:
    """Return all states ``(T, n)`` of the recurrent layer, which starts from ``h0`` or zeros."""
    x, W, b = (np.asarray(array, dtype=float) for array in (x, W, b))
    U = _square(U)
    h = np.zeros(len(U)) if h0 is None else np.asarray(h0, dtype=float)
    states = np.empty((len(x), len(U)))
    for t in range(len(x)):
        states[t] = h = np.tanh(x[t] @ W + h @ U + b)
    return states


def step_jacobian(h: ArrayLike, U: ArrayLike) -> np.ndarray:
    """Return the Jacobian ``(n, n)`` of one step, ``d h_t / d h_(t-1)``.

    ``J[i, j] = (1 - h_t[i]**2) * U[j, i]``, because ``tanh' = 1 - tanh**2`` (Pascanu et al.
    2013, eq. 5, written for row vectors). ``h`` is the state *after* the step.
    """
    h, U = np.asarray(h, dtype=float), _square(U)
    if h.shape != (len(U),):
        raise GradientError(
            "The state has shape {state}, but U of shape {matrix} needs ({rows},).",
            state=h.shape,
            matrix=U.shape,
            rows=len(U),
        )
    return (1 - h**2)[:, None] * U.T


def jacobians_through_time(states: ArrayLike, U: ArrayLike) -> np.ndarray:
    """Return ``d h_T / d h_t`` for every step ``t``, shape ``(T, n, n)``, from all states.

    Entry ``t`` is the product ``J_T J_(T-1) ... J_(t+1)``; the last entry is the identity.
    """
    states, product = np.asarray(states, dtype=float), np.eye(len(U))
    products = np.empty((len(states), *product.shape))
    for t in reversed(range(len(states))):
        products[t] = product
        product = product @ step_jacobian(states[t], U)
    return products


def backpropagate(
    x: ArrayLike, outer: ArrayLike, W: ArrayLike, U: ArrayLike, b: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Backpropagation through time: return ``dL/dW``, ``dL/dU`` and ``dL/db`` of a batch.

    Args:
        x: inputs ``(batch, T, d)``; every sequence starts from a state of zeros.
        outer: ``(batch, T, n)``, what each state receives of ``dL/dh_t`` straight from the loss,
            without the way through later states.
        W, U, b: the weights of the layer.

    The gradients are summed over steps and batch.
    """
    x, outer, W, b = (np.asarray(array, dtype=float) for array in (x, outer, W, b))
    U = _square(U)
    states = [np.zeros((len(x), len(U)))]
    for t in range(x.shape[1]):
        states.append(np.tanh(x[:, t] @ W + states[t] @ U + b))
    dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    back = np.zeros_like(states[0])
    for t in reversed(range(x.shape[1])):
        dz = (outer[:, t] + back) * (1 - states[t + 1] ** 2)
        dW += x[:, t].T @ dz
        dU += states[t].T @ dz
        db += dz.sum(axis=0)
        back = dz @ U.T
    return dW, dU, db


def spectral_norm(matrices: ArrayLike) -> np.ndarray:
    """Return the largest singular value of each matrix ``(..., m, n)``: the most it stretches."""
    return np.linalg.norm(np.asarray(matrices, dtype=float), ord=2, axis=(-2, -1))


def spectral_radius(U: ArrayLike) -> float:
    """Return the largest absolute eigenvalue of ``U``."""
    return float(np.abs(np.linalg.eigvals(_square(U))).max())


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
        limit: the largest joint Euclidean norm allowed; ``GradientError`` if it is not above 0.

    Returns:
        The gradients, and the joint norm before clipping (Pascanu et al. 2013, algorithm 1).
    """
    if not limit > 0:
        raise GradientError("The limit of a norm must be above 0, not {limit}.", limit=limit)
    arrays = [np.asarray(gradient, dtype=float) for gradient in gradients]
    norm = float(np.sqrt(sum(np.sum(array**2) for array in arrays)))
    factor = min(1.0, limit / norm) if norm > 0 else 1.0
    return [array * factor for array in arrays], norm


def keras_jacobians(
    layer: keras.layers.Layer,
    x: ArrayLike,
    read: Callable[[Any], Any] = lambda states: states[:, -1],
    through_time: bool = True,
) -> np.ndarray:
    """Return ``d r / d s_t`` for every step ``t`` of a Keras recurrent layer.

    ``r = read(all states)`` is the vector that the rest of the model sees, and ``s_t`` is the
    whole state after step ``t``: ``h_t`` for a ``SimpleRNN``, ``h_t`` and ``c_t`` side by side
    for an ``LSTM``, whose memory is ``c_t``.

    Args:
        layer: a built ``SimpleRNN``, ``GRU`` or ``LSTM`` of ``n`` units.
        x: one sequence ``(T, d)``.
        read: maps states ``(batch, T, n)`` to ``(batch, m)``, each sequence for itself; without
            it the last state is read, which a plain recurrent model passes on.
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
    state, states = layer.cell.get_initial_state(batch_size=outputs), []
    with tf.GradientTape() as tape:
        for t in range(x.shape[0]):
            _, state = layer.cell(copies[:, t], state)
            # A node of its own for each part: otherwise d/dc_t would count the h_t made from it.
            state = [tf.identity(part) for part in state]
            tape.watch(state)
            states.append(state)
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
    return np.stack([np.concatenate(parts, axis=-1) for parts in gradients])


def _square(U: ArrayLike) -> np.ndarray:
    U = np.asarray(U, dtype=float)
    if U.ndim != 2 or U.shape[0] != U.shape[1]:
        raise GradientError("{name} must be square, not of shape {shape}.", name="U", shape=U.shape)
    return U
