"""Predictions that need training or draws: how many heads, where zero is, greedy actions, IGM."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from qohort.lab import bandit, igm
from qohort.lab.findings import Effort, Finding
from qohort.lab.heads import HEADS, Roles, best_sum, fitted, many_states, one_state
from qohort.lab.spectrum import FUNCTIONS, at_scale, heads_needed, shortfall, slope, spectrum
from qohort.mixers import Qatten

SCALE = float(np.log(4))
"""Of the one state: here the derivatives of exp(v·Q) add up to 4 at the maximiser."""

SHIFTS = (0.0, 1.0, 2.0, 4.0)


def one_state_heads(effort: Effort) -> Finding:
    """At one state heads add nothing when they are weighted, and fix the scale when they are not."""
    moments = one_state(SCALE)
    least, weights = best_sum(moments)
    weighted, plain = {}, {}
    for heads in HEADS:
        weighted[heads] = fitted(Qatten(heads=heads, weighted_head=True), moments, effort.descent()).tolist()
        plain[heads] = fitted(Qatten(heads=heads), moments, effort.descent()).tolist()
    medians = {heads: float(np.median(errors)) for heads, errors in weighted.items()}
    unweighted = {heads: float(np.median(errors)) for heads, errors in plain.items()}
    best = min(unweighted, key=lambda heads: unweighted[heads])
    nearest = min(HEADS, key=lambda heads: abs(heads - weights.sum()))
    evidence = (
        f"The best weighted sum has an error of {least:.4f}. Weighted, the medians with {_listed(HEADS)} heads are "
        f"{_numbers(medians)}. Unweighted they are {_numbers(unweighted)}; the weights of the best sum add up to "
        f"{weights.sum():.2f}, and {best} heads are best."
    )
    holds = all(abs(found / least - 1) <= 0.05 for found in medians.values()) and best == nearest
    measured = {"least": least, "sum_of_weights": float(weights.sum()), "weighted": weighted, "unweighted": plain}
    return Finding(holds=holds, evidence=evidence, measured=measured)


def many_states_heads(effort: Effort) -> Finding:
    """Over many states heads help where weights are no exponential of what a key reads, and only there."""
    errors: dict[Roles, dict[int, list[float]]] = {"one role": {}, "two roles": {}}
    for roles, found in errors.items():
        moments, test = (many_states(roles, seed=effort.seed + place) for place in (0, 1))
        for heads in HEADS[:3]:
            config = Qatten(heads=heads, weighted_head=True)
            found[heads] = fitted(config, moments, effort.short_descent(), test=test).tolist()
    medians = {roles: {heads: float(np.median(e)) for heads, e in row.items()} for roles, row in errors.items()}
    one, two = medians["one role"], medians["two roles"]
    evidence = (
        f"On states that were not trained on, the medians with {_listed(HEADS[:3])} heads are {_numbers(two)} where "
        f"agents count for two reasons, and {_numbers(one)} where they count for one. In every single state one head "
        "can say the weights in both cases."
    )
    holds = two[2] < 0.2 * two[1] and one[1] < 0.2 * two[1]
    return Finding(holds=holds, evidence=evidence, measured={"errors": errors})


def greedy_regret(effort: Effort) -> Finding:
    """Near the maximiser every greedy joint action is the best; everywhere, sums choose the broad hill."""
    found = {name: bandit.regrets(between, effort.descent()) for name, between in bandit.RANGES.items()}
    medians = {
        name: {mixer: float(np.median(lost)) for mixer, lost in regrets.regrets.items()}
        for name, regrets in found.items()
    }
    near, everywhere = medians["near the maximiser"], medians["everywhere"]
    holds = max(near.values()) < 1e-9 and min(everywhere["vdn"], everywhere["qatten"]) > 1
    evidence = (
        f"Near the maximiser, where {found['near the maximiser'].optimum:.2f} can be had, the median regrets are "
        f"{_named(near)}; everywhere, where {found['everywhere'].optimum:.2f} can be had, {_named(everywhere)}."
    )
    measured = {
        name: {
            "optimum": regrets.optimum,
            "regrets": {mixer: lost.tolist() for mixer, lost in regrets.regrets.items()},
        }
        for name, regrets in found.items()
    }
    return Finding(holds=holds, evidence=evidence, measured=measured)


def origin(effort: Effort) -> Finding:
    """Utilities moved by a constant: expansions around 0 need more degrees, mixers no more heads."""
    exponential = FUNCTIONS["exponential"]
    degrees, least, errors = {}, {}, {}
    for shift in SHIFTS:
        # exp(v·(Q − shift)) at α + shift, expanded around 0, is a constant times exp(v·Q) there
        alpha = at_scale(0.5) + shift
        degrees[shift] = heads_needed(shortfall(spectrum(exponential, alpha), slope(exponential, alpha)), 0.01)
        moments = one_state(0.5, shift=shift)
        least[shift] = best_sum(moments)[0]
        errors[shift] = {
            heads: fitted(Qatten(heads=heads, weighted_head=True), moments, effort.descent()).tolist()
            for heads in (1, 4)
        }
    medians = {shift: {heads: float(np.median(e)) for heads, e in row.items()} for shift, row in errors.items()}
    needs = list(degrees.values())
    more = needs[-1] is None or needs[0] is None or needs[-1] > needs[0]
    same = max(least.values()) < 1.01 * min(least.values())
    trained = all(row[1] < 1.1 * least[shift] for shift, row in medians.items())
    evidence = (
        f"Moved by {_listed([f'{shift:g}' for shift in SHIFTS])}, the expansion needs {_listed(needs)} degrees for "
        "1 %. "
        f"The best weighted sum keeps its error of {min(least.values()):.4f}. Training for {effort.updates:,} updates "
        f"reaches {_numbers({s: row[1] for s, row in medians.items()})} with one head and "
        f"{_numbers({s: row[4] for s, row in medians.items()})} with four. "
        "c has to undo the shift; what is above the best sum is training that has not arrived."
    )
    measured = {"degrees": degrees, "least": least, "errors": errors}
    return Finding(holds=more and same and trained, evidence=evidence, measured=measured)


def igm_of_mixers(effort: Effort) -> Finding:
    """IGM holds in every draw for those that claim it, and breaks in some for the controls."""
    broken = {case: igm.broken(case, draws=effort.draws, seed=effort.seed) for case in igm.CASES}
    claimed = {case: share for case, share in broken.items() if igm.CASES[case][2]}
    controls = {case: share for case, share in broken.items() if not igm.CASES[case][2]}
    evidence = (
        f"Of {effort.draws:,} random mixers of each kind, with {igm.AGENTS} agents and {igm.ACTIONS} actions, "
        "it breaks in "
        + "; ".join(f"{100 * share:.2f} % ({case})" for case, share in (claimed | controls).items())
        + "."
    )
    holds = max(claimed.values()) == 0 and min(controls.values()) > 0
    return Finding(holds=holds, evidence=evidence, measured={"broken": broken})


def nonlinear_slopes(effort: Effort) -> Finding:
    """∂Q^h/∂Q_i = λ_i (1 + g_i (Q_i − Q^h)), negative just when g_i (Q^h − Q_i) > 1."""
    found = igm.slopes(draws=effort.draws, seed=effort.seed)
    shown = ", ".join(f"{slope:.3f}" for slope in found.example)
    evidence = (
        f"The formula is within {found.difference:.1e} of automatic differentiation; {100 * found.negative:.1f} % of "
        f"{effort.draws:,} random mixers have a negative derivative, {100 * found.agree:.1f} % of all derivatives have "
        f"the sign that the rule gives them. An example: {shown}."
    )
    holds = found.difference < 1e-4 and found.negative > 0 and found.agree == 1
    measured = {
        "difference": found.difference,
        "share_with_a_negative_derivative": found.negative,
        "share_of_right_signs": found.agree,
        "example": list(found.example),
    }
    return Finding(holds=holds, evidence=evidence, measured=measured)


def _listed(values: Iterable[object]) -> str:
    texts = [str(value) for value in values]
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def _numbers(values: Mapping[Any, float]) -> str:
    return _listed([f"{value:.4f}" for value in values.values()])


def _named(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in values.items())
