"""Battles behind SMAC's interface: the loop of PyMARL, the shapes, and the peculiarities."""

import dataclasses
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.envs.battle import StarCraft2Env, StarCraftCapabilityEnvWrapper, factory, replay_file
from qohort.envs.battle.catalogue import CATALOGUE
from qohort.envs.battle.queries import Direction
from qohort.envs.battle.scenario import Group
from qohort.envs.battle.unit_view import Position
from qohort.envs.battle.units import Kind
from qohort.errors import QohortError


@pytest.fixture(scope="module")
def marines():
    return StarCraft2Env(map_name="3m", seed=1)


@pytest.fixture(scope="module")
def medics():
    return StarCraft2Env(map_name="MMM", seed=1)


def _stop(env):
    """The first available action: stop, or no-op for the dead."""
    return [row.index(1) for row in env.get_avail_actions()]


def _finish(env, choose=_stop):
    """Play to the end; returns the rewards and the last info."""
    rewards, over, info = [], False, {}
    while not over:
        reward, over, info = env.step(choose(env))
        rewards.append(reward)
    return rewards, info


def test_pymarls_loop_runs_unchanged(marines):
    env, rng = marines, np.random.default_rng(0)
    info = env.get_env_info()
    lengths = []
    for _ in range(3):
        env.reset()
        terminated, steps = False, 0
        while not terminated:
            data = {"state": [env.get_state()], "avail_actions": [env.get_avail_actions()], "obs": [env.get_obs()]}
            assert np.array(data["state"]).shape == (1, info["state_shape"])
            assert np.array(data["obs"]).shape == (1, info["n_agents"], info["obs_shape"])
            mask = np.array(data["avail_actions"])[0]
            assert mask.shape == (info["n_agents"], info["n_actions"])
            _, terminated, env_info = env.step([rng.choice(np.flatnonzero(row)) for row in mask])
            steps += 1
            assert "episode_limit" not in env_info
        lengths.append(steps)
    stats = env.get_stats()
    assert stats["battles_game"] == 3
    assert stats["win_rate"] == stats["battles_won"] / 3
    assert all(length <= info["episode_limit"] for length in lengths)
    env.close()


def test_what_comes_back_has_smacs_types(marines):
    obs, state = marines.reset()
    assert isinstance(obs, list)
    assert all(row.dtype == np.float32 and row.shape == (30,) for row in obs)
    assert (state.dtype, state.shape) == (np.float32, (48,))
    avail = marines.get_avail_actions()
    assert avail == [[0, 1, 1, 1, 1, 1, 0, 0, 0]] * 3
    assert all(type(entry) is int for entry in avail[0])
    assert avail[1] == marines.get_avail_agent_actions(1)
    np.testing.assert_array_equal(obs[2], marines.get_obs_agent(2))
    obs[0][:] = 7  # what is given away may be written to
    assert marines.get_obs()[0][0] == 1
    reward, terminated, info = marines.step(np.array([1, 1, 4]))
    assert (type(reward), type(terminated)) == (float, bool)
    assert info == {"battle_won": False, "dead_allies": 0, "dead_enemies": 0}
    assert [type(value) for value in info.values()] == [bool, int, int]
    np.testing.assert_array_equal(marines.last_action, np.eye(9)[[1, 1, 4]])
    assert marines.get_visibility_matrix().shape == (3, 6)


def test_sizes_and_names(marines):
    assert marines.get_env_info() == {
        "state_shape": 48,
        "obs_shape": 30,
        "n_actions": 9,
        "n_agents": 3,
        "episode_limit": 60,
        "agent_features": ["health", "energy/cooldown", "rel_x", "rel_y"],
        "enemy_features": ["health", "rel_x", "rel_y"],
        "unit_dim": 4,
    }
    assert marines.get_obs_move_feats_size() == 4
    assert marines.get_obs_enemy_feats_size() == (3, 5)
    assert marines.get_obs_ally_feats_size() == (2, 5)
    assert marines.get_obs_own_feats_size() == 1
    assert len(marines.get_obs_feature_names()) == 30
    assert len(marines.get_state_feature_names()) == 48


def test_arguments_are_smacs_in_its_order():
    parameters = list(inspect.signature(StarCraft2Env).parameters.values())
    assert [parameter.name for parameter in parameters[:7]] == [
        *("map_name", "step_mul", "move_amount", "difficulty", "game_version", "seed", "continuing_episode"),
    ]
    assert [parameter.name for parameter in parameters[24:31]] == [
        *("replay_dir", "replay_prefix", "window_size_x", "window_size_y", "heuristic_ai", "heuristic_rest", "debug"),
    ]
    assert inspect.signature(StarCraft2Env).parameters["map_name"].default == "8m"
    StarCraft2Env(map_name="3m", difficulty="A", game_version="4.10", window_size_x=640, debug=True)


def test_other_steps_than_the_usual_are_refused():
    with pytest.raises(QohortError, match="`step_mul` is 4"):
        StarCraft2Env("3m", step_mul=4)
    with pytest.raises(QohortError, match=r"no option 'obs_all_helth'\. Did you mean 'obs_all_health'"):
        StarCraft2Env("3m", obs_all_helth=True)


def test_nothing_is_known_before_the_first_reset():
    env = StarCraft2Env("3m")
    for ask in (env.get_obs, env.get_state, env.get_avail_actions, lambda: env.step([1, 1, 1])):
        with pytest.raises(QohortError, match="call `reset` first"):
            ask()


def test_what_is_masked_is_refused_with_its_reason(marines):
    marines.reset()
    said = r"3m: agent 1 \(Marine 2\) cannot choose action 6 \(enemy 1\): enemy 1 \(Marine\) is 1\d\.\d\d away"
    with pytest.raises(QohortError, match=said):
        marines.step([1, 6, 1])
    with pytest.raises(QohortError, match=r"agent 0 .* cannot choose action 9: there is no action 9"):
        marines.step([9, 1, 1])
    with pytest.raises(QohortError, match="is for the dead"):
        marines.step([1, 1, 0])
    with pytest.raises(QohortError, match="got 2 actions for 3 agents"):
        marines.step([1, 1])


def test_equal_seeds_give_equal_battles():
    def ending(seed):
        env = StarCraft2Env("3m", seed=seed)
        env.reset()
        _finish(env)
        assert env.seed() == seed
        return env.get_state().tolist()

    assert ending(5) == ending(5)
    assert ending(5) != ending(6)
    assert StarCraft2Env("3m").seed() != StarCraft2Env("3m").seed()


def test_episodes_of_one_object_differ(marines):
    endings = []
    for _ in range(2):
        marines.reset()
        _finish(marines)
        endings.append(marines.get_state().tolist())
    assert endings[0] != endings[1]


def test_repeated_resets_inflate_the_largest_return():
    """3m: 10 · 3 + 200 + 3 · 45 = 365, and 3 · 45 more for the second reset, as in SMAC (issue 104)."""
    env = StarCraft2Env("3m", seed=1)
    env.reset()
    assert env.max_reward == 365
    env.reset()
    assert env.max_reward == 500
    inflated = _finish(env)[0]
    env.reset()  # from the end of the first episode on, resets count no more
    assert env.max_reward == 500
    right = StarCraft2Env("3m", seed=1, repeated_resets_count=False)
    right.reset()
    right.reset()
    assert right.max_reward == 365
    np.testing.assert_allclose(np.array(_finish(right)[0]) * 365, np.array(inflated) * 500, rtol=1e-5)


def test_after_the_end_it_repeats():
    env = StarCraft2Env("3m", seed=1)
    env.reset()
    _, info = _finish(env)
    assert info == {"battle_won": False, "dead_allies": 3, "dead_enemies": 0}
    assert env.step([0, 0, 0])[1:] == (True, info)
    assert env.get_stats()["battles_game"] == 2  # counted again, as in SMAC


def test_a_win_is_told_and_paid_once():
    """Three Marines against one: 10 for its death and its 45 points of health before the end, then 200 for the win."""
    alone = dataclasses.replace(CATALOGUE["3m"], enemies=(Group(kind=Kind.MARINE, count=1, at=(23.0, 16.0)),))
    env = StarCraft2Env("", scenario=alone, seed=1, heuristic_ai=True, heuristic_rest=True)
    env.reset()
    rewards, info = _finish(env, lambda env: [1, 1, 1])
    assert info["battle_won"]
    assert sum(rewards) == pytest.approx(20, abs=1e-4)
    assert rewards[-1] > 20 * 210 / 255
    assert env.get_stats()["battles_won"] == 1
    assert env.death_tracker_enemy.all()
    assert env.enemies[0].health == 0
    reward, over, info = env.step([1, 1, 1])
    assert (reward, over, info["battle_won"]) == (0.0, True, False)
    assert env.get_stats()["battles_won"] == 1


@pytest.mark.parametrize("continuing", [False, True])
def test_the_time_limit_is_told_only_to_those_who_go_on(continuing):
    """Stalkers that stay away from a Spine Crawler are in no danger."""
    env = StarCraft2Env("2s_vs_1sc", seed=1, continuing_episode=continuing)
    env.reset()
    rewards, info = _finish(env)
    assert len(rewards) == env.episode_limit == 300
    assert info.get("episode_limit", False) is continuing
    assert env.get_stats() == {
        **{"battles_won": 0, "battles_game": 1, "battles_draw": 1, "win_rate": 0.0, "timeouts": 1, "restarts": 0}
    }
    assert env.get_agg_stats([env.get_stats()] * 2)["timeouts"] == 2


def test_observations_with_the_time_are_longer_than_announced():
    env = StarCraft2Env("3m", obs_timestep_number=True, seed=1)
    obs, _ = env.reset()
    assert (env.get_obs_size(), len(obs[0])) == (31, 32)


def test_the_state_in_parts(medics):
    _, state = medics.reset()
    parts = medics.get_state_dict()
    assert list(parts) == ["allies", "enemies", "last_action"]
    np.testing.assert_array_equal(np.concatenate([part.ravel() for part in parts.values()]), state)
    assert parts["allies"].shape == (10, medics.unit_dim)


def test_units_as_objects(medics):
    medics.reset()
    medivac = medics.get_unit_by_id(9)
    assert (medivac.unit_type, medivac.owner, medivac.health_max) == (Kind.MEDIVAC, 1, 150)
    assert (medivac.energy, medivac.energy_max) == (50, 200)
    assert len(medics.agents) == len(medics.enemies) == 10
    assert all(enemy.pos.x > 16 and enemy.health == enemy.health_max for enemy in medics.enemies.values())
    assert (medics.unit_sight_range(0), medics.unit_shoot_range(0)) == (9, 6)
    assert medics.death_tracker_ally.sum() == medics.death_tracker_enemy.sum() == 0


@pytest.mark.parametrize("rest", [False, True])
def test_the_script_writes_over_the_actions(rest):
    """The array given shows what was done; the record of last actions what was given, as in SMAC."""
    env = StarCraft2Env("3m", seed=1, heuristic_ai=True, heuristic_rest=rest)
    env.reset()
    actions = np.array([1, 1, 1])
    env.step(actions)
    # Far away, units walk to the east with `heuristic_rest`, and else attack the nearest enemy.
    assert all(actions == 4) if rest else all(actions >= 6)
    np.testing.assert_array_equal(env.last_action, np.eye(9)[[1, 1, 1]])
    env.step((1, 1, 1))  # what cannot be written to is left alone
    assert min(unit.pos.x for unit in env.agents.values()) > 10


def test_replays_hold_the_episode_and_show_it(tmp_path):
    env = StarCraft2Env(
        "3m", seed=1, replay_dir=str(tmp_path / "replays"), replay_prefix="mine", window_size_x=320, window_size_y=320
    )
    env.reset()
    rewards = [env.step([4, 4, 1])[0] for _ in range(2)]
    path = env.save_replay()
    assert path.parent == tmp_path / "replays"
    assert path.name.startswith("mine_")
    replay = replay_file.load(path)
    assert replay.map_name == "3m"
    assert replay.snapshots.x.shape == (3, 6)
    np.testing.assert_array_equal(replay.rewards, np.array(rewards, np.float32))
    np.testing.assert_array_equal(replay.actions, [[4, 4, 1]] * 2)
    np.testing.assert_array_equal(replay.snapshots.x[-1], env.snapshot.x)
    assert path.with_suffix(".gif").stat().st_size > 1000
    assert env.render(mode="rgb_array").shape[1] == env.render().width == 320


def test_restarting_counts_and_begins_anew(marines):
    before = marines.get_stats()["restarts"]
    marines.reset()
    marines.step([1, 1, 1])
    marines.full_restart()
    assert marines.get_stats()["restarts"] == before + 1
    assert not marines.last_action.any()


CONFIG = {
    "n_units": 5,
    "n_enemies": 6,
    "team_gen": {
        "dist_type": "weighted_teams",
        "unit_types": ["marine", "marauder", "medivac"],
        "weights": [0.45, 0.45, 0.1],
        "exception_unit_types": ["medivac"],
        "observe": True,
    },
    "start_positions": {"dist_type": "surrounded_and_reflect", "p": 0.5, "map_x": 32, "map_y": 32},
}
DRAWN = {"map_name": "10gen_terran", "capability_config": CONFIG, "obs_own_pos": True, "use_unit_ranges": True}


def test_smacv2s_configurations_draw_teams():
    """Rewards are scaled for the enemies of the first episode, and of resets before its end."""
    env = StarCraftCapabilityEnvWrapper(**DRAWN, seed=0)
    teams, toughness = set(), 0.0
    for _ in range(6):
        env.reset()
        teams.add(tuple(unit.unit_type for unit in env.agents.values()))
        toughness += sum(unit.health_max + unit.shield_max for unit in env.enemies.values())
        assert env.max_reward == 10 * 6 + 200 + toughness
    assert len(teams) > 1
    assert (env.n_agents, env.n_enemies, env.episode_limit) == (5, 6, 200)
    assert (len(env.get_obs()[0]), len(env.get_state())) == (env.get_obs_size(), env.get_state_size())
    assert env.get_capabilities().reshape(5, 3).sum() == 5


ZERG = {
    "n_units": 5,
    "n_enemies": 5,
    "team_gen": {
        "dist_type": "weighted_teams",
        "unit_types": ["zergling", "baneling", "hydralisk"],
        "weights": [0.45, 0.1, 0.45],
        "exception_unit_types": ["baneling"],
        "observe": True,
        "n_units": 5,
        "env_key": "team_gen",
    },
    "start_positions": CONFIG["start_positions"],
}


def test_type_bits_are_the_maps_in_whatever_order_a_configuration_names_them():
    env = StarCraftCapabilityEnvWrapper(map_name="10gen_zerg", capability_config=ZERG, seed=0)
    place = {Kind.ZERGLING: 0, Kind.HYDRALISK: 1, Kind.BANELING: 2}
    met = set()
    for _ in range(4):
        env.reset()
        kinds = [unit.unit_type for unit in env.agents.values()]
        met.update(kinds)
        np.testing.assert_array_equal(env.get_capabilities().reshape(5, 3), np.eye(3)[[place[k] for k in kinds]])
    assert len(met) > 1
    assert env.get_cap_size() == len(env.get_capabilities_agent(0)) == 3


def test_a_map_has_its_three_kinds_also_if_fewer_are_drawn():
    team = {**CONFIG["team_gen"], "unit_types": ["marauder"], "weights": [1.0], "exception_unit_types": []}
    config = {**CONFIG, "n_enemies": 5, "team_gen": team}
    env = StarCraftCapabilityEnvWrapper(capability_config=config, seed=0, use_unit_ranges=True, obs_own_pos=True)
    env.reset()
    assert (env.get_obs_size(), env.get_state_size(), env.n_actions) == (82, 120, 11)
    assert {unit.unit_type for unit in env.agents.values()} == {Kind.MARAUDER}


def test_sizes_of_parts_are_smacs_and_smacv2s():
    """SMAC counts the time with what an agent sees of itself; SMACv2 leaves it out, and of itself all but the kind
    if nothing of the game is seen."""
    first = StarCraft2Env("3m", obs_timestep_number=True)
    assert (first.get_obs_move_feats_size(), first.get_obs_own_feats_size()) == (4, 2)
    second = StarCraftCapabilityEnvWrapper(**DRAWN, obs_timestep_number=True)
    assert (second.get_obs_move_feats_size(), second.get_obs_own_feats_size()) == (4, 6)
    blind = StarCraftCapabilityEnvWrapper(**DRAWN, obs_timestep_number=True, obs_starcraft=False)
    assert (blind.get_obs_move_feats_size(), blind.get_obs_own_feats_size()) == (4, 3)
    assert (blind.get_obs_enemy_feats_size(), blind.get_obs_ally_feats_size()) == ((6, 8), (4, 8))


def test_a_film_ends_as_the_battle_did(tmp_path, monkeypatch):
    """Where the last enemy is a Medivac, a battle is won though somebody is left."""
    filmed = []
    monkeypatch.setattr("qohort.report.raster.write_gif", lambda episode, path: filmed.append(episode.caption(9)[1]))
    battle = factory.battle("MMM")
    state = battle.reset(jax.random.key(0))
    seen = battle.snapshot(state)
    last = np.flatnonzero(np.asarray(seen.kind)[10:] == Kind.MEDIVAC)[0]
    health = np.where((np.arange(20) < 10) | (np.arange(20) == 10 + last), np.asarray(seen.health), 0.0)
    after = dataclasses.replace(seen, health=jnp.asarray(health))
    moments = jax.tree.map(lambda *rows: jnp.stack(rows), seen, after)
    replay_file.save(battle, moments, [[1] * 10], [20.0], folder=tmp_path)
    assert filmed == ["won: the task ended"]


def test_the_script_may_shoot_whom_it_likes_without_a_mask():
    """SMAC asks its own availability, which says yes to every living enemy then."""
    for mask, attacks in ((True, False), (False, True)):
        env = StarCraft2Env("3m", seed=0, heuristic_ai=True, heuristic_rest=True, action_mask=mask)
        env.reset()
        actions = [0, 0, 0]
        env.step(actions)
        assert all(action >= env.n_actions_no_attack for action in actions) == attacks


def test_questions_about_places(marines):
    marines.reset()
    unit = marines.agents[0]
    x, y = int(unit.pos.x), int(unit.pos.y)
    assert marines.distance(0.0, 0.0, 3.0, 4.0) == 5
    assert marines.check_bounds(31, 0)
    assert not marines.check_bounds(32, 0)
    may = [marines.can_move(unit, way) for way in range(4)]
    assert may == [action == 1 for action in marines.get_avail_agent_actions(0)[2:6]]
    points = marines.get_surrounding_points(unit, include_self=True)
    assert points[:4] == [(x, y + 4), (x, y - 4), (x + 4, y), (x - 4, y)]
    assert points[-1] == (x, y)
    assert marines.get_surrounding_pathing(unit) == [float(marines.pathing_grid[point]) for point in points[:-1]]
    assert marines.get_surrounding_height(unit) == [float(marines.terrain_height[point]) for point in points]
    assert (marines.unit_max_cooldown(unit), marines.unit_max_shield(unit)) == (15, 0)
    corner = unit._replace(pos=Position(0.5, 0.5))
    assert not marines.can_move(corner, Direction.SOUTH) or marines.pathing_grid[0, 0]
    assert marines.get_surrounding_pathing(corner)[1] == 1.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"team_gen": {**CONFIG["team_gen"], "observe": False}}, "`observe` of `team_gen` is False"),
        ({"team_gen": {**CONFIG["team_gen"], "wieghts": []}}, "`team_gen` asks for 'wieghts', which is not supported"),
        (
            {"team_gen": {**CONFIG["team_gen"], "exception_unit_types": ["marine", "marauder", "medivac"]}},
            "names all that can be drawn",
        ),
        ({"enemy_mask": {"dist_type": "mask"}}, "asks for 'enemy_mask', which is not supported"),
        ({"team_gen": {"dist_type": "all_teams"}}, "`team_gen` is drawn by 'all_teams'"),
        ({"team_gen": {**CONFIG["team_gen"], "unit_types": ["marine", "zealot", "medivac"]}}, "no unit type 'zealot'"),
        ({"team_gen": {**CONFIG["team_gen"], "weights": [1.0]}}, "1 weights for 3 unit types"),
        ({"start_positions": {**CONFIG["start_positions"], "map_x": 64}}, "`map_x` is 64"),
    ],
)
def test_configurations_that_are_not_supported_are_told(changes, said):
    with pytest.raises(QohortError, match=said):
        StarCraftCapabilityEnvWrapper(map_name="10gen_terran", capability_config={**CONFIG, **changes})


def test_smacv2s_maps_are_three():
    with pytest.raises(QohortError, match="no map '3m'"):
        StarCraftCapabilityEnvWrapper(map_name="3m", capability_config=CONFIG)
    with pytest.raises(QohortError, match="`stochastic_attack` is not supported"):
        StarCraftCapabilityEnvWrapper(capability_config=CONFIG, stochastic_attack=True)
