"""What steps are worth, against numbers worked out by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.battle.flags import Flags, smacv2
from qohort.envs.battle.rewards import (
    End,
    battle_reward,
    ending,
    largest_return,
    out_of_time,
    points,
    step_reward,
)
from qohort.envs.battle.units import Kind
from tests.golden_smac.worlds import fixed_face

MARINE, MEDIVAC, MARAUDER = Kind.MARINE, Kind.MEDIVAC, Kind.MARAUDER
NEGATIVE = Flags(reward_only_positive=False)


def fought(flags, before, after):
    """One ally and two enemies, by what they have to lose."""
    return float(battle_reward(flags, 1, before=jnp.array(before, float), after=jnp.array(after, float)))


def test_points_are_health_and_shield_of_the_living():
    np.testing.assert_array_equal(points(jnp.array([45.0, 0.0, 80.0]), jnp.array([0.0, 30.0, 20.5])), [45, 0, 100.5])


@pytest.mark.parametrize(
    ("before", "after", "positive", "negative"),
    [
        ([45, 45, 45], [45, 39, 45], 6, 6),
        ([160, 160, 160], [160, 0, 160], 170, 170),
        ([45, 45, 45], [35, 45, 45], 0, -5),
        ([10, 45, 45], [0, 45, 45], 0, -10),
        ([0, 45, 0], [0, 40, 0], 5, 5),
        ([45, 5, 5], [40, 0, 0], 30, 27.5),
    ],
)
def test_what_fighting_is_worth(before, after, positive, negative):
    assert fought(Flags(), before, after) == positive
    assert fought(NEGATIVE, before, after) == negative


def test_enemies_that_recover_pay_unless_one_says_otherwise():
    before, after = [45, 100, 45], [45, 101, 45]
    assert fought(Flags(), before, after) == 1
    assert fought(Flags(regeneration_pays=False), before, after) == 0
    assert fought(smacv2(), before, after) == 0
    assert fought(NEGATIVE, before, after) == -1


def test_weights_of_the_reward():
    flags = Flags(reward_only_positive=False, reward_death_value=7.5, reward_negative_scale=0.25)
    assert fought(flags, [20, 5, 45], [0, 0, 45]) == 12.5 - 0.25 * 27.5


def test_returns_are_scaled_to_twenty():
    largest = largest_return(Flags(), jnp.full(3, 45.0))
    assert largest == 365
    won, lost, drawn, on = (jnp.int32(end) for end in (End.WIN, End.LOSS, End.DRAW, End.OPEN))
    blow = jnp.float32(165.0)
    np.testing.assert_allclose(step_reward(Flags(), blow, won, largest=largest), 20, rtol=1e-6)
    np.testing.assert_allclose(step_reward(Flags(), blow, on, largest=largest), 165 / 18.25, rtol=1e-6)
    np.testing.assert_allclose(step_reward(Flags(), blow, drawn, largest=largest), 165 / 18.25, rtol=1e-6)
    assert step_reward(Flags(reward_scale=False), blow, won, largest=largest) == 365
    punished = Flags(reward_scale=False, reward_defeat=-30)
    assert step_reward(punished, blow, lost, largest=largest) == 135
    assert step_reward(punished, blow, lost, largest=largest, ended_before=True) == 165
    assert step_reward(Flags(reward_scale=False), blow, won, largest=largest, ended_before=True) == 165


def test_sparse_rewards_are_scaled_like_others():
    largest, sparse = jnp.float32(365.0), Flags(reward_sparse=True)
    for end, sign in ((End.WIN, 1), (End.LOSS, -1), (End.DRAW, 0), (End.OPEN, 0)):
        blow = battle_reward(sparse, 1, before=jnp.ones(2), after=jnp.zeros(2))
        scaled = step_reward(sparse, blow, jnp.int32(end), largest=largest)
        np.testing.assert_allclose(scaled, sign / 18.25, rtol=1e-6)
        for flags in (
            Flags(reward_sparse=True, sparse_reward_scaled=False),
            Flags(reward_sparse=True, reward_scale=False),
        ):
            assert step_reward(flags, blow, jnp.int32(end), largest=largest) == sign


@pytest.mark.parametrize(("sparse_defeat", "loss"), [(-1, -1), (0, 0), (-0.25, -0.25)])
def test_sparse_rewards_say_what_a_loss_is_worth(sparse_defeat, loss):
    flags = Flags(reward_sparse=True, sparse_reward_scaled=False, sparse_defeat=sparse_defeat)
    ends = (End.WIN, End.LOSS, End.DRAW, End.OPEN)
    got = [float(step_reward(flags, jnp.zeros(()), jnp.int32(end), largest=365.0)) for end in ends]
    assert got == [1, loss, 0, 0]
    assert step_reward(flags, jnp.zeros(()), jnp.int32(End.LOSS), largest=365.0, ended_before=True) == 0


@pytest.mark.parametrize(
    ("full", "twice"),
    [([45] * 3, 500), ([160] * 2 + [150] * 3, 1790), ([45] * 8 + [125] * 3 + [150], 2090), ([35] * 24, 2120)],
)
def test_every_early_reset_counts_the_enemies_again(full, twice):
    assert largest_return(Flags(), jnp.array(full, float), resets=2) == twice


def end_of(flags, allies, enemies):
    """How a battle of Marauder, Marine, Medivac against Marine, Medivac, Medivac stands, by who is alive."""
    kinds = [MARAUDER, MARINE, MEDIVAC, MARINE, MEDIVAC, MEDIVAC]
    face = fixed_face(kinds[:3], kinds[3:], flags)
    return int(ending(face, jnp.array(kinds), jnp.array([*allies, *enemies], bool)))


@pytest.mark.parametrize(
    ("allies", "enemies", "smac", "second", "plain"),
    [
        ([1, 0, 0], [1, 1, 1], End.OPEN, End.OPEN, End.OPEN),
        ([0, 0, 0], [1, 0, 0], End.LOSS, End.LOSS, End.LOSS),
        ([0, 1, 1], [0, 0, 0], End.WIN, End.WIN, End.WIN),
        ([0, 0, 1], [1, 0, 0], End.LOSS, End.LOSS, End.OPEN),
        ([0, 0, 1], [0, 0, 0], End.LOSS, End.LOSS, End.WIN),
        ([0, 0, 0], [0, 0, 0], End.LOSS, End.LOSS, End.DRAW),
        ([1, 0, 0], [0, 1, 0], End.WIN, End.WIN, End.OPEN),
        ([1, 0, 0], [0, 1, 1], End.OPEN, End.WIN, End.OPEN),
        ([0, 0, 1], [0, 1, 0], End.LOSS, End.LOSS, End.OPEN),
        ([0, 0, 0], [0, 1, 0], End.LOSS, End.LOSS, End.LOSS),
    ],
)
def test_how_battles_with_medivacs_end(allies, enemies, smac, second, plain):
    assert end_of(Flags(), allies, enemies) == smac
    assert end_of(smacv2(), allies, enemies) == second
    assert end_of(Flags(only_medivacs_lose=False, last_medivacs="fight on"), allies, enemies) == plain


@pytest.mark.parametrize("last_medivacs", ["fight on", "one", "any"])
def test_nobody_wins_who_has_nobody_left(last_medivacs):
    flags = Flags(only_medivacs_lose=False, last_medivacs=last_medivacs)
    assert end_of(flags, [0, 0, 0], [0, 0, 0]) == End.DRAW
    assert end_of(flags, [0, 0, 0], [0, 1, 1]) == End.LOSS


@pytest.mark.parametrize(
    ("allies", "enemies", "end"),
    [([1, 0], [1], End.OPEN), ([0, 0], [1], End.LOSS), ([0, 1], [0], End.WIN), ([0, 0], [0], End.DRAW)],
)
def test_how_battles_end(allies, enemies, end):
    face = fixed_face([MARINE] * 2, [MARINE])
    assert ending(face, jnp.zeros(3, int), jnp.array([*allies, *enemies], bool)) == end


def test_time_runs_out_only_if_the_battle_is_open():
    face = fixed_face([MARINE], [MARINE], limit=10)
    cases = [(End.OPEN, 9, False), (End.OPEN, 10, True), (End.WIN, 10, False), (End.DRAW, 10, False)]
    for end, step, out in cases:
        assert out_of_time(face, jnp.int32(end), jnp.int32(step)) == out
