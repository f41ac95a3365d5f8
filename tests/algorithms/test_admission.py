"""What every algorithm and every world must do to be let in.

A sum, not a product: every algorithm on one tiny world, and every kind of world with one algorithm.
"""

import dataclasses
import io
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import qohort
from qohort.algorithms.base import AbstractAlgorithm
from qohort.algorithms.registry import METHODS, REPLAY_FREE
from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.envs import make, names
from qohort.envs.battle import Battle, Group, Hold, Kind, Scenario, battle
from qohort.envs.games.tabular import TabularGame
from qohort.errors import QohortError
from qohort.estimators.exploration import LinearSchedule
from qohort.mixers import VDN, Independent
from qohort.networks.base import View
from qohort.networks.feedforward import FeedForward
from qohort.networks.recurrent import Recurrent
from qohort.networks.talking import Talking
from qohort.replay.fresh import Fresh
from qohort.replay.samplers import Replayed
from qohort.replay.window import Window
from qohort.spec import EnvSpec, Observation
from qohort.training import checkpoint
from qohort.training.programs import Programs
from qohort.training.progress import Display
from qohort.training.run import Run
from qohort.training.train import train
from tests.worlds import Clock

CHUNK = 40
STEPS, BATCH = 5, 3
SPEC = Clock().spec


FEEDS: dict[type, dict[str, Any]] = {
    Replayed: {"batch": BATCH, "episodes": 20, "frames": None},
    Fresh: {"length": CHUNK // 2, "minibatches": 1},
}
"""What makes a feed small."""


def tiny(algorithm: AbstractAlgorithm) -> Any:
    """The same algorithm, with networks and a feed that compile in a moment."""
    settings, feed = (cast(Any, part) for part in (algorithm, algorithm.feed))
    known = {field.name for field in dataclasses.fields(settings)}
    networks = {name: dataclasses.replace(getattr(settings, name), hidden=8) for name in known & {"team", "critic"}}
    sizes = {name: size for name, size in {"update_every": 4, "target_interval": 2}.items() if name in known}
    feed = dataclasses.replace(feed, **FEEDS[type(feed)])
    return dataclasses.replace(settings, **networks, **sizes, feed=feed, environments=2)


MIXED_ALIKE = [f"pqn-{mixer}" for mixer in REPLAY_FREE if mixer != "qatten"]
"""Methods that another one differs from in the mixer alone: they are updated once, and not trained."""

CASES: dict[str, Any] = {
    **{f"qatten-{name}": tiny(build("").algorithm) for name, build in METHODS["qatten"].presets.items()},
    **{
        name: tiny(method.presets["paper"]("").algorithm)
        for name, method in METHODS.items()
        if name not in ("qatten", *MIXED_ALIKE)
    },
}
"""Every method with its paper's settings, and one under every preset of value decomposition."""

VARIANTS: dict[str, Any] = {
    **{name: tiny(METHODS[name].presets["paper"]("").algorithm) for name in MIXED_ALIKE},
    **{
        f"estimator-{estimator}": dataclasses.replace(CASES["vdn"], estimator=estimator)
        for estimator in ("one-step", "n-step", "td-lambda", "q-lambda", "watkins", "q-lambda-pymarl2")
    },
    **{
        f"sharing-{sharing}-{type(team).__name__}": dataclasses.replace(
            CASES["vdn"], team=dataclasses.replace(team, sharing=sharing)
        )
        for sharing in ("all", "none", "groups")
        for team in (Recurrent(hidden=8), FeedForward(hidden=8))
    },
    "no-inputs-but-obs": dataclasses.replace(CASES["vdn"], team=Recurrent(hidden=8, last_action=False, agent_id=False)),
    "talking": dataclasses.replace(CASES["vdn"], team=Talking(hidden=8, rounds=2)),
    "time-limit": dataclasses.replace(CASES["vdn"], bootstrap_time_limit=True),
    "single-q": dataclasses.replace(CASES["vdn"], double_q=False),
    "soft-target": dataclasses.replace(CASES["vdn"], target_rate=0.05, target_interval=1),
}
"""What does not depend on the mixer, with the one that compiles fastest."""

LEARNERS = CASES | VARIANTS


def window_of(spec: EnvSpec = SPEC, seed: int = 0) -> Window:
    """Random numbers: an episode ends inside of the first column, the second is cut by the limit, the third padded."""
    rng = np.random.default_rng(seed)
    frames, steps, n = (STEPS + 1, BATCH), (STEPS, BATCH), spec.n_agents

    def normal(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    avail = rng.random((*frames, n, spec.n_actions)) < 0.7
    avail[..., 0] = True
    first = np.zeros(frames, bool)
    first[0] = True
    first[3, 0] = True
    terminated, truncated, valid = np.zeros(steps, bool), np.zeros(steps, bool), np.ones(steps, bool)
    terminated[2, 0] = truncated[4, 1] = terminated[1, 2] = True
    valid[2:, 2] = False
    return Window(
        observations=Observation(
            obs=normal(*frames, n, spec.obs_size),
            state=normal(*frames, spec.state_size),
            units=normal(*frames, n, spec.unit_size),
            avail=jnp.asarray(avail),
            alive=jnp.ones((*frames, n), bool),
        ),
        last_action=jnp.asarray(rng.integers(-1, spec.n_actions, (*frames, n)), jnp.int32),
        first=jnp.asarray(first),
        actions=jnp.asarray(rng.integers(0, spec.n_actions, (*steps, n)), jnp.int32),
        reward=normal(*steps, spec.n_rewards),
        terminated=jnp.asarray(terminated),
        truncated=jnp.asarray(truncated),
        valid=jnp.asarray(valid),
        exploration=jnp.zeros(steps),
    )


def finite(tree: object) -> bool:
    floats = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return all(bool(jnp.isfinite(leaf).all()) for leaf in floats)


@pytest.mark.parametrize("name", LEARNERS)
def test_one_update(name):
    """It is finite, it moves every weight of the live networks, and padding has no say."""
    algorithm = dataclasses.replace(LEARNERS[name], environments=BATCH)
    learner = jax.jit(lambda key: algorithm.init(SPEC, key))(jax.random.key(1))
    window, key = window_of(), jax.random.key(2)
    update = jax.jit(algorithm.update)
    after, looked = update(learner, window, key)
    assert finite((after, looked))
    assert float(looked["loss"]) != 0
    assert float(looked["grad_norm"]) > 0
    assert int(after.updates) == 1
    still = [
        jax.tree_util.keystr(path)
        for (path, old), new in zip(
            jax.tree.leaves_with_path(learner.params), jax.tree.leaves(after.params), strict=True
        )
        if bool(jnp.all(old == new))
    ]
    assert not still

    noise = jnp.where(window.valid[..., None], window.reward, 1e6)
    padded, _ = update(learner, dataclasses.replace(window, reward=noise), key)
    assert all(bool(jnp.array_equal(a, b)) for a, b in zip(*map(jax.tree.leaves, (after, padded)), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_actions_know_nothing_of_state_and_units(name):
    """The same play, with another state and other units: every action is the same, whatever the ε."""
    algorithm = CASES[name]
    team = algorithm.team_of(algorithm.init(SPEC, jax.random.key(1)))
    window = window_of()
    act = jax.jit(algorithm.act)

    def play(window: Window, exploration: float) -> list[list[int]]:
        carry, chosen = team.initial(BATCH), []
        for t in range(STEPS):
            view: View = jax.tree.map(lambda leaf, t=t: leaf[t], window.view)
            key = jax.random.fold_in(jax.random.key(3), t)
            actions, carry = act(
                team, carry, view, first=window.first[t], key=key, exploration=jnp.asarray(exploration)
            )
            allowed = jnp.take_along_axis(view.avail, actions[..., None], axis=-1)
            assert bool(allowed.all())
            chosen.append(actions.ravel().tolist())
        return chosen

    other = window_of(seed=1).observations
    seen = dataclasses.replace(window.observations, state=other.state, units=other.units)
    elsewhere = dataclasses.replace(window, observations=seen)
    for exploration in (0.0, 0.5):
        assert play(window, exploration) == play(elsewhere, exploration)
    assert not {field.name for field in dataclasses.fields(View)} & {"state", "units"}


@pytest.mark.parametrize("name", CASES)
def test_it_trains_resumes_and_loads(name, tmp_path):
    """Traced once, finite, the same if stopped half-way; what is loaded acts the same alone as in the team."""
    algorithm = CASES[name]

    def go(folder: str, steps: int):
        run = Run(
            steps=steps,
            chunk=CHUNK // 2,
            eval_every=80,
            eval_episodes=2,
            absolute_factor=1,
            folder=tmp_path / folder,
        )
        return train(algorithm, Clock(), run, display=Display(Console(file=io.StringIO())))

    go("stopped", 80)
    stopped, straight = go("stopped", 160), go("straight", 160)
    assert stopped.absolute == straight.absolute
    newest = [checkpoint.paths(run.folder / "seed-0" / "checkpoints")[0] for run in (stopped, straight)]
    assert len({(path / "arrays.safetensors").read_bytes() for path in newest}) == 1
    assert len({(run.folder / "seed-0" / "metrics.jsonl").read_bytes() for run in (stopped, straight)}) == 1
    assert b"train/loss" in (straight.folder / "seed-0" / "metrics.jsonl").read_bytes()
    assert np.isfinite(straight.absolute[0]["return"])

    team = qohort.load(straight.folder, env=Clock(), which="last")
    assert finite(team.network)
    seen = np.asarray(window_of().observations.obs)[:, 0]
    plays = []
    for _ in range(2):
        team.reset()
        plays.append([team.act(obs).tolist() for obs in seen])
    assert plays[0] == plays[1]
    if team.network.talks:
        with pytest.raises(QohortError, match="send each other messages"):
            team.agent(0)
        return
    members = [team.agent(agent) for agent in SPEC.agents]
    alone = [[member.act(obs[index]) for index, member in enumerate(members)] for obs in seen]
    assert plays[0] == alone


GAMES = [name for name in names() if name.startswith("games/")]


@pytest.mark.parametrize("world", [*GAMES, "individual", "clock", "duel"])
def test_every_kind_of_world(world):
    """A few chunks: play and learning are finite, and one program does it."""
    individual = world == "individual"
    env = {"individual": individual_game, "clock": Clock, "duel": duel}.get(world, lambda: make(world))()
    algorithm = dataclasses.replace(
        tiny(ValueDecomposition(mixer=Independent() if individual else VDN())),
        epsilon=LinearSchedule(start=0.5, end=0.5, steps=0),
        team=FeedForward(hidden=8),
    )
    algorithm.check(env.spec)
    programs = Programs(algorithm, env, chunk=CHUNK, together=False)
    state = programs.begin([0])
    updates = episodes = 0
    for _ in range(3):
        state, report = programs.chunk(state, exploration=0.5, learning_rate=1e-3)
        assert finite((state.learner, report.learnt))
        assert {name: int(count) for name, count in report.played.faults.items()} == {"reward": 0, "avail": 0}
        updates += int(report.updates)
        episodes += int(report.played.episodes)
    scores = programs.evaluate(state.learner.params.team, [jax.random.key(1)], episodes=4)
    assert set(scores) == {"return", "length", *env.spec.metrics}
    assert finite(scores)
    assert float(scores["length"].max()) <= env.spec.limit
    assert updates > 0
    assert episodes > 0
    assert dict(programs.traces) == {"begin": 1, "chunk": 1, "evaluate": 1}


def individual_game() -> TabularGame:
    """Two states, two agents; each is paid for its own action."""
    own = np.indices((2, 2, 2))[1:].astype(float)
    return TabularGame(np.full((2, 2, 2, 2), 0.5), own, limit=5)


def duel() -> Battle:
    """Two Marines against one, until the twelfth step."""
    sides = [Group(kind=Kind.MARINE, count=count, at=at) for count, at in ((2, (12.0, 16.0)), (1, (16.0, 16.0)))]
    scenario = Scenario(
        name="duel", limit=12, terrain="band", allies=tuple(sides[:1]), enemies=tuple(sides[1:]), plan=Hold()
    )
    return battle(scenario=scenario)
