"""What every algorithm must do to be let in, on one tiny world; `test_worlds.py` has the others."""

import dataclasses
import io
import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import qohort
from qohort.algorithms.base import AbstractAlgorithm
from qohort.algorithms.registry import REPLAY_FREE
from qohort.errors import QohortError
from qohort.mixers import MixerConfig
from qohort.networks.base import View
from qohort.replay.window import Window
from qohort.training import checkpoint
from qohort.training.progress import Display
from qohort.training.run import Run
from qohort.training.train import train
from tests.algorithms.cases import (
    BATCH,
    CASES,
    CHUNK,
    FIRST_OF_THEIR_KIND,
    LEARNERS,
    MIXERS,
    SPEC,
    STEPS,
    VARIANTS,
    finite,
    mixed,
    window_of,
)
from tests.worlds import Clock


def test_every_mixer_has_a_name_with_every_learner():
    assert {type(mixer) for mixer in REPLAY_FREE.values()} == set(typing.get_args(MixerConfig))


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("mixer", MIXERS)
def test_one_update_of_every_mixer_with_every_learner(mixer, learner):
    one_update(mixed(mixer, learner))


@pytest.mark.parametrize("name", [name for name in CASES | VARIANTS if name.removeprefix("pqn-") not in MIXERS])
def test_one_update(name):
    one_update((CASES | VARIANTS)[name])


def one_update(algorithm: AbstractAlgorithm) -> None:
    """It is finite, it moves every weight of the live networks, padding has no say, and the next is traced no more."""
    settings: typing.Any = algorithm
    algorithm = dataclasses.replace(settings, environments=BATCH)
    learner = jax.jit(lambda key: algorithm.init(SPEC, key))(jax.random.key(1))
    window, key = window_of(), jax.random.key(2)
    traced = []

    @jax.jit
    def update(*given: typing.Any) -> typing.Any:
        traced.append(given)
        return algorithm.update(*given)

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
    assert finite(update(after, window, key))
    assert len(traced) == 1


@pytest.mark.parametrize("name", CASES)
def test_actions_know_nothing_of_state_and_units(name):
    """The same play, with another state and other units: every action is the same, whatever the ε."""
    algorithm = CASES[name]
    team = algorithm.init(SPEC, jax.random.key(1)).params.team
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


@pytest.mark.parametrize("name", FIRST_OF_THEIR_KIND)
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
