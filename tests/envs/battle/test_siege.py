"""The Spine Crawler's map against returns of StarCraft II itself (`benchmarks/results/siege.json`).

Learners that won all battles there gained 20.18 to 20.28; teams that lost gained 10.1 more often than anything else,
which is what the script gains; and 4.6 to 4.8 is what is left to a team of which one fights alone.
"""

import jax
import numpy as np
import pytest

from qohort.bench.siege import siege
from qohort.envs.battle.factory import battle

RETURNS = [("script", 10.0, 10.2), ("alone", 4.6, 4.8), ("turns", 20.18, 20.28)]


@pytest.mark.parametrize(("plan", "low", "high"), RETURNS)
def test_plans_gain_what_they_gain_in_the_game(plan, low, high):
    fought = siege(battle("2s_vs_1sc"), jax.random.key(1), plan, 32)
    assert low < np.median(fought.gained) < high


@pytest.mark.parametrize(("plan", "rate"), [("script", 0), ("turns", 1)])
def test_the_siege_is_won_by_taking_turns(plan, rate):
    assert np.mean(siege(battle("2s_vs_1sc"), jax.random.key(2), plan, 32).won) == rate


def test_with_the_base_data_no_plan_wins():
    fought = siege(battle("2s_vs_1sc", data="liberty"), jax.random.key(3), "turns", 32)
    assert not np.any(fought.won)
