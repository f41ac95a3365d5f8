"""Worlds behind PettingZoo's interface."""

import subprocess
import sys

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

from qohort.envs import make
from qohort.envs.bridges.pettingzoo import parallel_env
from qohort.errors import QohortError

BATTLE = make("battle/3m")


@pytest.mark.parametrize("world", [BATTLE, make("games/relay"), make("games/two-step")], ids=lambda env: env.spec.name)
@pytest.mark.parametrize("leave", [False, True])
def test_it_passes_pettingzoos_own_tests(world, leave):
    parallel_api_test(parallel_env(world, leave=leave), num_cycles=80)
    parallel_seed_test(lambda: parallel_env(world, leave=leave), num_cycles=20)


@pytest.fixture(scope="module")
def battle():
    return parallel_env(BATTLE)


def _play(env, seed, choose):
    observations, _ = env.reset(seed=seed)
    steps = []
    while env.agents:
        actions = {agent: choose(seen["action_mask"]) for agent, seen in observations.items()}
        observations, *rest = env.step(actions)
        steps.append((observations, *rest))
    return steps


def test_an_observation_is_the_worlds_and_its_mask_comes_twice(battle):
    observations, infos = battle.reset(seed=3)
    assert battle.possible_agents == battle.agents == ["Marine 1", "Marine 2", "Marine 3"]
    for agent in battle.agents:
        assert battle.observation_space(agent).contains(observations[agent])
        np.testing.assert_array_equal(infos[agent]["action_mask"], observations[agent]["action_mask"])
        assert infos[agent]["alive"]
    assert battle.state_space.contains(battle.state())


def test_the_dead_stay_until_the_end_and_share_the_teams_reward(battle):
    """Standing still loses: the first to die is there to the last step, with nothing but no-op."""
    steps = _play(battle, 0, lambda mask: int(np.flatnonzero(mask)[0]))
    everyone = battle.possible_agents
    died_early = [agent for agent in everyone if not steps[-2][4][agent]["alive"]]
    assert died_early
    assert all(list(step[0]) == everyone for step in steps)
    for agent in died_early:
        assert steps[-2][0][agent]["action_mask"].tolist() == [1] + [0] * 8
        assert not steps[-2][0][agent]["observation"].any()
    _, rewards, terminations, truncations, infos = steps[-1]
    assert len(set(rewards.values())) == 1
    assert all(terminations.values())
    assert not any(truncations.values())
    assert infos["Marine 1"]["metrics"]["dead_allies"] == 3


def test_agents_may_leave_when_they_die():
    env = parallel_env(BATTLE, leave=True)
    steps = _play(env, 0, lambda mask: int(np.flatnonzero(mask)[0]))
    gone = [agent for step in steps for agent, over in step[2].items() if over]
    assert sorted(gone) == env.possible_agents
    assert len(steps[-1][0]) < 3


def test_the_time_limit_truncates():
    env = parallel_env(
        "games/two-step",
    )
    steps = _play(env, 0, lambda mask: 0)
    terminated, truncated = steps[-1][2], steps[-1][3]
    assert all(terminated.values()) != all(truncated.values())


def test_equal_seeds_give_equal_episodes_and_resets_without_a_seed_go_on(battle):
    rng = [np.random.default_rng(5) for _ in range(3)]
    runs = [
        _play(battle, seed, lambda mask, r=r: int(r.choice(np.flatnonzero(mask))))
        for seed, r in zip((7, 7, None), rng, strict=True)
    ]
    first, second, third = ([step[0]["Marine 1"]["observation"].tolist() for step in run] for run in runs)
    assert first == second
    assert first != third


def test_what_is_not_available_is_replaced_and_said(battle):
    battle.reset(seed=0)
    infos = battle.step(dict.fromkeys(battle.agents, 0))[4]
    assert all(info["replaced"] for info in infos.values())


def test_what_is_no_action_is_refused(battle):
    battle.reset(seed=0)
    with pytest.raises(QohortError, match="the action of Marine 1 is 99; actions are 0 to 8"):
        battle.step(dict.fromkeys(battle.agents, 99))


def test_strict_environments_refuse_it():
    env = parallel_env(BATTLE, strict=True)
    env.reset(seed=0)
    with pytest.raises(QohortError, match="Marine 1 cannot choose action 0 now, but 1, 2, 3, 4, 5"):
        env.step(dict.fromkeys(env.agents, 0))


def test_faults_are_told_in_sentences(battle):
    with pytest.raises(QohortError, match="call `reset`"):
        parallel_env("games/two-step").step({})
    with pytest.raises(QohortError, match="`render_mode` is 'human'"):
        parallel_env("games/two-step", render_mode="human")
    with pytest.raises(QohortError, match="made already"):
        parallel_env(make("games/two-step"), map="3m")
    battle.reset(seed=0)
    with pytest.raises(QohortError, match="Marine 2 takes part"):
        battle.step({"Marine 1": 1})
    with pytest.raises(QohortError, match="no agent 'Marine 9'"):
        battle.step({**dict.fromkeys(battle.agents, 1), "Marine 9": 1})
    with pytest.raises(QohortError, match="`step` got a list; it takes a dict of agents' actions"):
        battle.step([1, 1, 1])
    for odd in (None, 0.7, [1]):
        with pytest.raises(QohortError, match=r"the action of Marine 1 is .*; actions are whole numbers"):
            battle.step({**dict.fromkeys(battle.agents, 1), "Marine 1": odd})
    with pytest.raises(QohortError, match="no episode has begun; call `reset` first"):
        parallel_env("games/relay", render_mode="rgb_array").render()


def test_pictures(battle):
    env = parallel_env("games/relay", render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    assert picture is not None
    assert (picture.ndim, picture.dtype) == (3, np.uint8)


def test_without_the_extra_a_sentence_says_what_to_install():
    code = (
        "import sys; sys.modules['pettingzoo'] = None\n"
        "from qohort.errors import QohortError\n"
        "try:\n    import qohort.envs.bridges.pettingzoo\n"
        "except QohortError as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip().endswith("pip install -e '.[pettingzoo]'")
