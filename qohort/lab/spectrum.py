"""Qatten's theorem: the local expansion of Q_tot at its maximiser, split by homogeneous degree.

Yang et al., *Qatten*, 2020, arXiv:2002.03939, theorem 1. Let Q_tot = f(Q_1, ..., Q_N), and near the maximiser u* let
Q_i = α_i + β_i Δ_i² + o(Δ_i²). With the Taylor coefficients μ of f around Q = 0, a monomial of degree h is, to second
order in Δ, its value at α and a linear correction in Q_i − α_i. Gathering degrees,

    Q_tot ≈ c + Σ_h Σ_i λ_{i,h} Q_i
    λ_{i,h} = h Σ μ_{i i2..ih} α_{i2} ... α_{ih} = 1/(h−1)! · d^{h−1}/dt^{h−1} ∂_i f(tα) at t = 0
    c = f(0) − Σ_h (h−1) Σ μ_{i1..ih} α_{i1} ... α_{ih}

The derivatives are taken in Taylor mode (`jax.experimental.jet`) along t ↦ ∇f(tα), in double precision. By Euler's
theorem on homogeneous functions the sum of a degree's monomials at α is Σ_i λ_{i,h} α_i / h.
"""

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import jet
from jaxtyping import Array, Float

SHARES = np.array([0.5, 0.3, 0.2])
"""v: how much each of three agents counts."""

HEADS = 32
"""Degrees that are looked at."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Function:
    """A function f of the utilities; most are g(v·Q)."""

    name: str
    shown: str
    f: Callable[[Float[Array, " N"]], Float[Array, ""]]
    radius: float
    """Up to this v·α the expansion around 0 converges."""


def _ridge(g: Callable[[Array], Array]) -> Callable[[Float[Array, " N"]], Float[Array, ""]]:
    return lambda utilities: g(jnp.asarray(SHARES) @ utilities)


def _product(factors: Float[Array, " N"]) -> Float[Array, ""]:
    return factors[0] * factors[1] * factors[2]


FUNCTIONS: dict[str, Function] = {
    "linear": Function(name="linear", shown="v·Q", f=_ridge(lambda x: x), radius=math.inf),
    "quadratic": Function(name="quadratic", shown="x + x²/4", f=_ridge(lambda x: x + x * x / 4), radius=math.inf),
    "product": Function(
        name="product",
        shown="Π (1 + vᵢQᵢ)",
        f=lambda utilities: _product(1 + jnp.asarray(SHARES) * utilities),
        radius=math.inf,
    ),
    "exponential": Function(name="exponential", shown="exp x", f=_ridge(jnp.exp), radius=math.inf),
    # jet has no rule for `softplus`
    "softplus": Function(
        name="softplus", shown="log(1 + exp x)", f=_ridge(lambda x: jnp.log1p(jnp.exp(x))), radius=math.pi
    ),
    "tanh": Function(name="tanh", shown="tanh x", f=_ridge(jnp.tanh), radius=math.pi / 2),
}
"""Entire functions, and two whose expansion ends at a radius; x is v·Q."""


def at_scale(scale: float) -> Float[np.ndarray, " N"]:
    """Utilities α of the maximiser, all different, with v·α of this size."""
    direction = np.array([1.2, 0.8, 0.8])
    return scale * direction / (SHARES @ direction)


def spectrum(function: Function, alpha: Float[np.ndarray, " N"], heads: int = HEADS) -> Float[np.ndarray, "K N"]:
    """λ of each degree, from 1 on, and agent."""
    with jax.enable_x64(True):
        direction = jnp.asarray(alpha, jnp.float64)

        def gradient(t: Float[Array, ""]) -> Float[Array, " N"]:
            return jax.grad(function.f)(t * direction)

        line = [jnp.ones((), jnp.float64), *[jnp.zeros((), jnp.float64)] * (heads - 2)]
        first, rest = jet.jet(gradient, (jnp.zeros((), jnp.float64),), (line,))
        derivatives = np.stack([np.asarray(first), *(np.asarray(term) for term in rest)])
    return derivatives / np.array([math.factorial(order) for order in range(heads)], np.float64)[:, None]


def constant(function: Function, alpha: Float[np.ndarray, " N"], lambdas: Float[np.ndarray, "K N"]) -> float:
    """c of the theorem, for as many degrees as there are in `lambdas`."""
    degrees = np.arange(1, len(lambdas) + 1)
    return float(value(function, np.zeros_like(alpha)) - ((degrees - 1) / degrees) @ (lambdas @ alpha))


def value(function: Function, utilities: Float[np.ndarray, "*batch N"]) -> Float[np.ndarray, "*batch"]:
    """f, in double precision."""
    with jax.enable_x64(True):
        rows = jnp.asarray(utilities.reshape(-1, utilities.shape[-1]), jnp.float64)
        return np.asarray(jax.vmap(function.f)(rows)).reshape(utilities.shape[:-1])


def slope(function: Function, utilities: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """∂f, in double precision."""
    with jax.enable_x64(True):
        return np.asarray(jax.grad(function.f)(jnp.asarray(utilities, jnp.float64)))


def shortfall(lambdas: Float[np.ndarray, "K N"], gradient: Float[np.ndarray, " N"]) -> Float[np.ndarray, " K"]:
    """By how much the first h degrees miss the gradient, as a share of it, for each h."""
    missed = np.abs(np.cumsum(lambdas, axis=0) - gradient).sum(axis=1)
    return missed / np.abs(gradient).sum()


def heads_needed(shortfalls: Float[np.ndarray, " K"], tolerance: float) -> int | None:
    """From which number of degrees on the gradient is missed by no more than a tolerance; None if it never is."""
    above = np.flatnonzero(shortfalls > tolerance)
    first = 1 if above.size == 0 else int(above[-1]) + 2
    return first if first <= len(shortfalls) else None


def remainder(
    function: Function,
    alpha: Float[np.ndarray, " N"],
    lambdas: Float[np.ndarray, "K N"],
    distances: Float[np.ndarray, " D"],
) -> Float[np.ndarray, " D"]:
    """How far the theorem's approximation is from f at distances Δ from the maximiser.

    Q_i = α_i − β_i Δ_i² + γ_i Δ_i³, so that no symmetry helps.
    """
    curved, skewed, steps = np.array([1.0, 0.7, 1.3]), np.array([0.2, -0.3, 0.1]), np.array([1.0, -0.8, 0.6])
    moved = distances[:, None] * steps
    utilities = alpha - curved * moved**2 + skewed * moved**3
    approximated = constant(function, alpha, lambdas) + utilities @ lambdas.sum(axis=0)
    return np.abs(value(function, utilities) - approximated)


def order(distances: Float[np.ndarray, " D"], errors: Float[np.ndarray, " D"]) -> float:
    """The slope of the logarithm of an error against that of the distance, by least squares."""
    return float(np.polyfit(np.log(distances), np.log(errors), 1)[0])
