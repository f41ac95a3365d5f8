"""Derivatives by the complex step: f'(x) = Im f(x + iε) / ε, exact to rounding.

What is differentiated has to treat a complex number as its real part with a small companion; the
functions with a kink or a comparison are here.
"""

from collections.abc import Callable

import numpy as np

Weights = dict[str, np.ndarray]

STEP = 1e-30


def magnitude(x: np.ndarray) -> np.ndarray:
    return np.where(np.real(x) < 0, -x, x)


def relu(x: np.ndarray) -> np.ndarray:
    return np.where(np.real(x) > 0, x, 0)


def elu(x: np.ndarray) -> np.ndarray:
    return np.where(np.real(x) > 0, x, np.exp(np.where(np.real(x) > 0, 0, x)) - 1)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - np.max(np.real(x)))
    return powers / powers.sum()


def gradients(function: Callable[[Weights], complex], weights: Weights) -> Weights:
    """The gradient of a number with respect to every entry of every array."""
    point = {name: np.array(array, dtype=complex) for name, array in weights.items()}
    result = {name: np.zeros(array.shape) for name, array in point.items()}
    for name, array in point.items():
        for place in np.ndindex(array.shape):
            array[place] += 1j * STEP
            result[name][place] = np.imag(function(point)) / STEP
            array[place] -= 1j * STEP
    return result
