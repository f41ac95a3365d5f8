"""Qatten's theorem: spectra worked out by hand, the remainder's order, and each prediction's verdict."""

import json
import math

import jax
import numpy as np
import pytest
from jaxtyping import Array
from rich.console import Console

from qohort.errors import QohortError
from qohort.lab import bandit, igm, trained
from qohort.lab.bandit import RANGES, payoff, table
from qohort.lab.findings import Effort, Finding
from qohort.lab.fits import fit
from qohort.lab.heads import best_sum, many_states, one_state
from qohort.lab.progress import Progress
from qohort.lab.spectrum import (
    FUNCTIONS,
    SHARES,
    at_scale,
    constant,
    heads_needed,
    order,
    remainder,
    shortfall,
    slope,
    spectrum,
    value,
)
from qohort.lab.theorem import PREDICTIONS, TheoremStudy, study_theorem
from qohort.lab.theorem_page import numbers, page, write_theorem
from qohort.mixers import VDN, MixerOutput

QUIET = Progress(Console(quiet=True))
EXPONENTIAL, SOFTPLUS, TANH, PRODUCT = (FUNCTIONS[name] for name in ("exponential", "softplus", "tanh", "product"))


def test_the_spectrum_of_the_exponential():
    """λ of degree h is v (v·α)^(h−1) / (h−1)!"""
    found = spectrum(EXPONENTIAL, at_scale(2.0), 14)
    powers = [2.0 ** (h - 1) / math.factorial(h - 1) for h in range(1, 15)]
    np.testing.assert_allclose(found, np.outer(powers, SHARES), rtol=1e-12)


def test_the_spectrum_of_a_product():
    """(1 + a/2)(1 + 3b/10)(1 + c/5) at (2, 0, 5): degree 2 of the first is 1/2 (3·0/10 + 5/5), of degree 3 nothing."""
    found = spectrum(PRODUCT, np.array([2.0, 0.0, 5.0]), 14)
    np.testing.assert_allclose(found[0], SHARES)
    np.testing.assert_allclose(found[1], [0.5, 0.3 * 2, 0.2], atol=1e-12)
    np.testing.assert_allclose(found[2], [0, 0.3, 0], atol=1e-12)
    np.testing.assert_allclose(found[3:], 0, atol=1e-12)


@pytest.mark.parametrize("name", ["product", "exponential", "softplus", "tanh"])
def test_degrees_add_up_to_the_derivative_and_the_constant_to_the_value(name):
    alpha = at_scale(0.2)
    lambdas = spectrum(FUNCTIONS[name], alpha, 14)
    np.testing.assert_allclose(lambdas.sum(axis=0), slope(FUNCTIONS[name], alpha), rtol=1e-6)
    whole = constant(FUNCTIONS[name], alpha, lambdas) + lambdas.sum(axis=0) @ alpha
    assert whole == pytest.approx(float(value(FUNCTIONS[name], alpha)), abs=1e-9)


def test_signs():
    """softplus' = 1/2 + x/4 − x³/48 + ..., tanh' = 1 − x² + ..."""
    x = 0.5
    found = spectrum(SOFTPLUS, at_scale(x), 14)
    np.testing.assert_allclose(found[:4].sum(axis=1), [1 / 2, x / 4, 0, -(x**3) / 48], atol=1e-12)
    np.testing.assert_allclose(spectrum(TANH, at_scale(x), 14)[:3].sum(axis=1), [1, 0, -(x**2)], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "scale", "needed"),
    [
        ("exponential", 2.14, [5, 7, 10]),
        ("exponential", 7.67, [12, None, None]),
        ("exponential", 11.9, [None, None, None]),
        ("softplus", 2.02, [4, 8, None]),
        ("softplus", 6.5, [None, None, None]),
        ("tanh", 1.97, [None, None, None]),
    ],
)
def test_how_many_of_fourteen_heads_are_needed(name, scale, needed):
    missed = shortfall(spectrum(FUNCTIONS[name], at_scale(scale), 14), slope(FUNCTIONS[name], at_scale(scale)))
    assert [heads_needed(missed, tolerance) for tolerance in (0.1, 0.01, 1e-4)] == needed


def test_heads_needed_waits_until_an_error_stays_small():
    assert heads_needed(np.array([0.5, 0.01, 0.2, 0.05, 0.02]), 0.1) == 4
    assert heads_needed(np.array([0.05, 0.01]), 0.1) == 1
    assert heads_needed(np.array([0.05, 0.2]), 0.1) is None


@pytest.mark.parametrize("name", ["exponential", "softplus", "product"])
def test_the_remainder_is_of_fourth_order(name):
    alpha, distances = at_scale(0.2), 0.2 * 0.5 ** np.arange(4)
    errors = remainder(FUNCTIONS[name], alpha, spectrum(FUNCTIONS[name], alpha, 14), distances)
    assert order(distances, errors) == pytest.approx(4, abs=0.1)
    one_head = slope(FUNCTIONS[name], alpha)[None]
    assert errors[0] > 0
    shift = value(FUNCTIONS[name], alpha) - one_head.sum(axis=0) @ alpha  # c of an expansion around α
    assert shift == pytest.approx(constant(FUNCTIONS[name], alpha, spectrum(FUNCTIONS[name], alpha, 14)), abs=1e-9)


def test_the_best_weighted_sum_is_the_derivative_near_the_maximiser():
    error, weights = best_sum(one_state(0.5))
    np.testing.assert_allclose(weights, slope(EXPONENTIAL, at_scale(0.5)), rtol=0.25)
    assert error < 0.01
    moved, same = best_sum(one_state(0.5, shift=4.0))
    assert moved == pytest.approx(error)
    np.testing.assert_allclose(same, weights)


def test_in_every_state_weights_add_up_to_four_and_two_roles_are_no_exponential_of_health():
    for roles in ("one role", "two roles"):
        moments = many_states(roles, seed=0, states=3, points=6)
        weights = np.linalg.lstsq(moments.utilities[0], moments.targets[0], rcond=None)[0]
        assert weights.sum() == pytest.approx(4)
        ordered = np.log(weights)[np.argsort(moments.states[0])]
        assert (np.diff(ordered) > 0).all() == (roles == "one role")


def test_the_bandit_misleads_sums_everywhere_and_not_near_its_maximiser():
    assert payoff(np.array([0.6, 0.6])) == pytest.approx(10 + 8 * math.exp(-4))
    near, everywhere = (table(RANGES[name]) for name in ("near the maximiser", "everywhere"))
    assert near.max() == pytest.approx(everywhere.max(), abs=0.01)
    assert fit(near, "additive").greedy == (near.max(),)
    assert max(fit(everywhere, "additive").greedy) < everywhere.max() - 1


def test_igm_of_random_mixers():
    assert igm.broken("vdn", draws=100, seed=0) == 0
    assert igm.broken("qatten, keys without softmax", draws=100, seed=0) > 0.5


def test_draws_are_taken_a_part_at_a_time(monkeypatch):
    """All joint actions of all of them at once would not fit into memory."""
    together = []

    def read(out: MixerOutput, chosen: Array) -> Array:
        def counted(value: np.ndarray) -> np.ndarray:
            together.append(value.size)
            return value

        shape = jax.ShapeDtypeStruct((), out.q_tot.dtype)
        return jax.pure_callback(counted, shape, out.q_tot[0], vmap_method="expand_dims")

    monkeypatch.setitem(igm.CASES, "counted", (VDN(), read, True))
    assert igm.broken("counted", draws=2 * igm.AT_ONCE + 10, seed=0) == 0
    assert max(together) == igm.AT_ONCE * igm.ACTIONS**igm.AGENTS
    assert sum(together) == (2 * igm.AT_ONCE + 10) * (igm.ACTIONS**igm.AGENTS + 1)
    monkeypatch.setattr(igm, "SLOPES_AT_ONCE", 20)
    assert igm.slopes(draws=50, seed=0).agree == 1


def test_keys_that_read_utilities_can_make_a_derivative_negative():
    found = igm.slopes(draws=500, seed=0)
    assert found.difference < 1e-4
    assert found.negative > 0
    assert found.agree == 1
    assert min(found.example) < 0


def test_predictions_are_numbered_and_an_unknown_number_is_refused():
    assert [prediction.number for prediction in PREDICTIONS] == list(range(1, 11))
    with pytest.raises(QohortError, match="no prediction 11; they are numbered from 1 to 10"):
        study_theorem(Effort(), [11], QUIET)
    with pytest.raises(QohortError, match="--draws is 0"):
        Effort(draws=0)


def test_the_page_says_of_each_prediction_whether_it_holds():
    found = {number: Finding(holds=number != 8, evidence=f"seen {number}", measured={}) for number in range(1, 11)}
    study = TheoremStudy(effort=Effort(), findings=found)
    text = page(study, set())
    assert text.count(": confirmed\n") == 9
    assert "## 8. Shift of the origin: refuted" in text
    assert "seen 10" in text
    assert "6,000 updates; for prediction 6, where they are trained on many states together, 1,500." in text
    assert numbers(study)["effort"]["updates_of_prediction_6"] == 1500
    assert [row["verdict"] for row in numbers(study)["predictions"]].count("refuted") == 1


def test_what_a_laboratory_writes_with_next_to_no_effort(tmp_path, monkeypatch):
    """Fewer cases of each prediction, since every one of them is a program to compile."""
    monkeypatch.setattr(trained, "HEADS", (1, 2))
    monkeypatch.setattr(trained, "SHIFTS", (0.0, 4.0))
    monkeypatch.setattr(bandit, "NAMES", ("vdn", "qatten"))
    monkeypatch.setattr(igm, "CASES", {name: igm.CASES[name] for name in ("vdn", "qatten, keys without softmax")})
    study = study_theorem(Effort(seeds=2, updates=1, draws=2), [], QUIET)
    paths = write_theorem(study, tmp_path)
    pictures = {f"{name}.{ending}" for name in ("remainder", "decay", "regret", "heads") for ending in ("png", "svg")}
    assert {path.name for path in paths} == {"theorem.md", "theorem.json", *pictures}
    assert all(path.stat().st_size > 1000 for path in paths)
    content = json.loads((tmp_path / "theorem.json").read_text())
    measured = {row["number"]: row["measured"] for row in content["predictions"]}
    assert list(measured) == list(range(1, 11))
    assert {len(errors) for errors in measured[5]["weighted"].values()} == {2}
    assert {len(errors) for errors in measured[6]["errors"]["two roles"].values()} == {2}
    assert len(measured[7]["near the maximiser"]["regrets"]["qatten"]) == 2
    assert "](heads.png)" in (tmp_path / "theorem.md").read_text()


@pytest.mark.slow
def test_every_prediction_holds():
    study = study_theorem(Effort(), [], QUIET)
    assert {number: study.verdict(number) for number in study.findings} == dict.fromkeys(range(1, 11), "confirmed")
