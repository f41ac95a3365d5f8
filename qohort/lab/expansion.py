"""Predictions about the expansion itself: sums, remainders, decay, signs. Nothing is trained."""

import itertools

import numpy as np
from jaxtyping import Float

from qohort.lab.findings import Effort, Finding
from qohort.lab.spectrum import (
    FUNCTIONS,
    HEADS,
    at_scale,
    heads_needed,
    order,
    remainder,
    shortfall,
    slope,
    spectrum,
)

SCALES = (0.5, 2.0, 5.0, 10.0)
"""Sizes of v·α."""

TOLERANCES = (0.1, 0.01, 1e-4)

INSIDE = 0.7
"""An expansion converges fast enough to be added up if v·α is within this share of its radius."""

EARLY = 14
"""Degrees among which the first negative one is looked for."""

POLE = 4
"""λ of degree h falls like a power times a polynomial, as the order of the nearest pole has it; tanh' has a double one.
Its ratios are that much, divided by h, away from those of the power."""

DISTANCES = 0.2 * 0.5 ** np.arange(6)


def spectra() -> dict[str, dict[float, Float[np.ndarray, "K N"]]]:
    """λ of every function at every scale."""
    return {
        name: {scale: spectrum(function, at_scale(scale)) for scale in SCALES} for name, function in FUNCTIONS.items()
    }


def sums(effort: Effort) -> Finding:
    """Σ_h λ = ∂f."""
    found = {
        f"{name} at {scale:g}": float(shortfall(lambdas, slope(FUNCTIONS[name], at_scale(scale)))[-1])
        for name, row in spectra().items()
        for scale, lambdas in row.items()
        if scale <= INSIDE * FUNCTIONS[name].radius
    }
    worst = max(found, key=lambda case: found[case])
    evidence = (
        f"In {len(found)} cases the first {HEADS} λ add up to the derivative within {found[worst]:.1e} of it "
        f"({worst} is the worst)."
    )
    return Finding(holds=found[worst] <= 1e-6, evidence=evidence, measured={"shortfalls": found})


def remainders(effort: Effort) -> Finding:
    """O(Δ⁴), by the whole expansion and by one head around α; with too few heads it is O(1)."""
    orders, errors = {}, {}
    for name in ("quadratic", "product", "exponential", "softplus", "tanh"):
        alpha = at_scale(0.5)
        errors[name] = remainder(FUNCTIONS[name], alpha, spectrum(FUNCTIONS[name], alpha), DISTANCES)
        orders[name] = order(DISTANCES, errors[name])
    alpha = at_scale(0.5)
    few = remainder(FUNCTIONS["exponential"], alpha, spectrum(FUNCTIONS["exponential"], alpha)[:3], DISTANCES)
    shown = ", ".join(f"{name} {found:.3f}" for name, found in orders.items())
    ratios = errors["exponential"][:-1] / errors["exponential"][1:]
    evidence = (
        f"Slopes of log error against log Δ: {shown}. Halving Δ divides the error of the exponential by "
        f"{ratios.min():.1f} to {ratios.max():.1f}. With three degrees alone its error stays at {few[-1]:.1e}."
    )
    measured = {
        "distances": DISTANCES.tolist(),
        "orders": orders,
        "errors": {name: values.tolist() for name, values in errors.items()},
        "errors_with_three_degrees": few.tolist(),
    }
    return Finding(holds=all(abs(found - 4) <= 0.1 for found in orders.values()), evidence=evidence, measured=measured)


def decay(effort: Effort) -> Finding:
    """Faster than any power for entire functions, like a power within a radius, not at all beyond it."""
    every = spectra()
    table: dict[str, dict[str, list[int | None]]] = {}
    curves: dict[str, dict[str, list[float]]] = {}
    for name, row in every.items():
        misses = {scale: shortfall(lambdas, slope(FUNCTIONS[name], at_scale(scale))) for scale, lambdas in row.items()}
        curves[name] = {f"{scale:g}": missed.tolist() for scale, missed in misses.items()}
        table[name] = {
            f"{scale:g}": [heads_needed(missed, tolerance) for tolerance in TOLERANCES]
            for scale, missed in misses.items()
        }
    entire = [need[-1] for need in table["exponential"].values()]
    grows = all(a is not None and b is not None and a < b for a, b in itertools.pairwise(entire))
    ratios = {name: _ratio(every[name][0.5]) for name in ("softplus", "tanh")}
    powers = {name: (0.5 / FUNCTIONS[name].radius) ** 2 for name in ratios}
    beyond = {
        f"{name} at {scale:g}": curves[name][f"{scale:g}"][-1]
        for name in ("softplus", "tanh")
        for scale in SCALES
        if scale > FUNCTIONS[name].radius
    }
    like_powers = all(abs(ratio / powers[name] - 1) <= POLE / degree for name, (degree, ratio) in ratios.items())
    holds = grows and like_powers and min(beyond.values()) > 1
    evidence = (
        f"Degrees that the exponential needs for 0.01 % at v·α of {', '.join(f'{s:g}' for s in SCALES)}: "
        f"{', '.join(map(str, entire))}. At 0.5, two degrees on, λ of softplus falls to {ratios['softplus'][1]:.4f} of "
        f"itself and that of tanh to {ratios['tanh'][1]:.4f}, where (v·α / radius)² is {powers['softplus']:.4f} and "
        f"{powers['tanh']:.4f}. Beyond their radius the first {HEADS} degrees miss the "
        f"derivative by {min(beyond.values()):.1e} times its size and more."
    )
    measured = {"heads_needed": table, "tolerances": TOLERANCES, "ratios": ratios, "beyond": beyond, "curves": curves}
    return Finding(holds=holds, evidence=evidence, measured=measured)


def signs(effort: Effort) -> Finding:
    """Single λ may be negative while their sum is not."""
    first, least = {}, {}
    for name in ("exponential", "softplus", "tanh"):
        alpha = at_scale(0.5)
        lambdas = spectrum(FUNCTIONS[name], alpha, EARLY)
        negative = np.flatnonzero((lambdas < -1e-12).any(axis=1))
        first[name] = int(negative[0]) + 1 if negative.size else None
        least[name] = float(slope(FUNCTIONS[name], alpha).min())
    evidence = (
        f"The first negative degree is {first['softplus']} for softplus, {first['tanh']} for tanh, and none for the "
        f"exponential; the least of the sums is {min(least.values()):.3f}."
    )
    holds = first == {"exponential": None, "softplus": 4, "tanh": 3} and min(least.values()) >= 0
    return Finding(holds=holds, evidence=evidence, measured={"first_negative_degree": first, "least_sum": least})


def _ratio(lambdas: Float[np.ndarray, "K N"]) -> tuple[int, float]:
    """The last degree that rounding leaves, and what is left of λ from two degrees before; odd or even ones are 0."""
    sizes = np.abs(lambdas).sum(axis=1)
    there = np.flatnonzero(sizes > 1e-13 * sizes.max())
    last = there[there >= 2][-1]
    return int(last) + 1, float(sizes[last] / sizes[last - 2])
