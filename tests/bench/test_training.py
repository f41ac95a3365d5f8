"""The referee of `qohort bench training`, and JaxMARL's learner as it was written anew."""

import json
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qohort.bench import training
from qohort.bench.smax_qmix import Mixer, Programs, Sight, SmaxQmix, World, late_targets
from qohort.bench.training import Contender, Point, median_point, ratio, reached
from qohort.errors import QohortError


class Clock:
    """A clock that goes on when it is told to, and a contender that takes its time."""

    def __init__(self, monkeypatch, wins=(0.25, 0.5, 0.75, 1.0)):
        self.now, self.wins = 100.0, wins
        monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def spend(self, seconds: float, result: Any) -> Any:
        self.now += seconds
        return result

    def contender(self, name="ours", **settings) -> Contender:
        return Contender(
            name=name,
            stride=100,
            begin=lambda seed: self.spend(10.0, 0),
            advance=lambda state, step: self.spend(2.0, state + (step == 100 * state)),
            win_rate=lambda state, seed, index: self.spend(1000.0, self.wins[index]),
            **{"steps": 800, **settings},
        )


def test_only_training_counts_as_time(monkeypatch):
    curve = training.train(Clock(monkeypatch).contender(), 0, eval_every=200)
    # Ten seconds to begin, and two for each of eight chunks; every other one is followed by an evaluation.
    assert curve == [(200, 14.0, 0.25), (400, 18.0, 0.5), (600, 22.0, 0.75), (800, 26.0, 1.0)]


def test_evaluations_are_on_whole_chunks_and_at_the_end(monkeypatch):
    curve = training.train(Clock(monkeypatch).contender(steps=500), 0, eval_every=270)
    assert [point.steps for point in curve] == [300, 500]


CURVE = [Point(100, 5.0, 0.2), Point(200, 9.0, 0.8), Point(300, 13.0, 0.6)]
SLOW = [Point(100, 20.0, 0.5), Point(200, 40.0, 0.7), Point(300, 60.0, 0.75)]
NEVER = [Point(100, 30.0, 0.1)]


def test_a_threshold_is_reached_once():
    assert reached(CURVE, 0.5) == (200, 9.0, 0.8)
    assert reached(CURVE, 0.8) == (200, 9.0, 0.8)
    assert reached(CURVE, 0.9) is None


def test_the_middle_of_seeds_counts_those_that_never_came_so_far():
    assert median_point([CURVE, SLOW, NEVER], 0.5) == SLOW[0]
    assert median_point([CURVE, NEVER, NEVER], 0.5) is None


def test_how_many_times_sooner():
    assert ratio([CURVE], [SLOW], 0.75) == (pytest.approx(60 / 9), True)
    assert ratio([CURVE], [NEVER], 0.75) == (pytest.approx(30 / 9), False)  # at least
    assert ratio([NEVER], [SLOW], 0.75) == (0.0, False)


@pytest.mark.parametrize("peer", [False, True])
def test_the_table_and_the_file(peer, monkeypatch, tmp_path, capsys):
    clock = Clock(monkeypatch)
    monkeypatch.setattr(training, "ours", lambda name, *_, **__: clock.contender(f"qohort {name}"))
    monkeypatch.setattr(training, "theirs", lambda *_, **__: clock.contender(training.PEER, steps=200))
    monkeypatch.setattr(training.importlib.util, "find_spec", lambda _: peer or None)
    monkeypatch.setattr(jax, "clear_caches", lambda: None)
    file, kept = tmp_path / "a.json", jax.config.values["jax_enable_compilation_cache"]
    try:
        assert training.main(["--algorithms", "vdn", "--eval-every", "200", "--json", str(file)]) == 0
        assert not jax.config.values["jax_enable_compilation_cache"]
    finally:
        jax.config.update("jax_enable_compilation_cache", kept)
    told = " ".join(capsys.readouterr().out.split())
    assert "qohort vdn" in told
    assert "18 s, 400 steps 22 s, 600 steps 26 s, 800 steps" in told
    assert ("JaxMARL is not installed" in told) != peer
    (row,) = json.loads(file.read_text())["rows"]
    assert row["columns"] == ["steps", "seconds", "win_rate"]
    assert row["runs"][0]["curve"][0] == [200, 14.0, 0.25]
    if peer:
        assert "not reached" in told
        assert row["ratios"]["qohort vdn"]["75%"] == {"times": 14.0 / 22.0, "exact": False}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--steps", "0"], "--steps is 0"),
        (["--algorithms", "qmxi"], "Did you mean 'qmix'"),
        (["--worlds", "games/relay"], "'games/relay' is no battle"),
    ],
)
def test_bad_flags_are_sentences(words, sentence):
    with pytest.raises(QohortError, match=sentence):
        training.main(words)


# --- JaxMARL's learner


def test_targets_are_cut_a_step_late():
    reward, over = jnp.array([[1.0], [2.0], [3.0]]), jnp.array([[False], [False], [True]])
    following = jnp.array([[9.0], [10.0], [20.0]])
    # The battle ends with the second step, of which the flag of the third moment tells: nothing is cut there.
    np.testing.assert_allclose(late_targets(reward, over, following, 0.5), [[6.0], [12.0]])
    np.testing.assert_allclose(late_targets(reward, ~over, following, 0.5), [[1.0], [2.0]])


def test_exploration_falls_over_a_tenth():
    settings = SmaxQmix(steps=100 * 2048)
    told = [float(settings.epsilon(jnp.array(iteration))) for iteration in (0, 5, 10, 99)]
    np.testing.assert_allclose(told, [1.0, 0.525, 0.05, 0.05], rtol=1e-6)


def test_the_mixer_never_falls_with_a_utility():
    mixer = Mixer(jax.random.key(0), 4, 3, SmaxQmix(embed=8, hyper=8, mixer_scale=1.0))
    state = jax.random.normal(jax.random.key(1), (5, 2, 4))
    slopes = jax.grad(lambda values: mixer(values, state).sum())(jax.random.normal(jax.random.key(2), (5, 2, 3)))
    assert (slopes >= 0).all()
    assert slopes.max() > 0


def agreeing() -> World:
    """Two agents win if both choose the action that they are shown in the last of three steps; another is forbidden.

    Earlier steps do not count: targets that are cut a step late teach nothing about the first of a battle.
    """

    def sight(state, over):
        shown = jax.nn.one_hot(state[1], 2)
        return Sight(
            obs=jnp.tile(shown, (2, 1)),
            state=shown,
            avail=jnp.array([[1.0, 1.0, 0.0]] * 2),
            dead=jnp.zeros(2, bool),
            over=over,
        )

    def reset(key):
        state = jnp.array([0, 0]).at[1].set(jax.random.randint(key, (), 0, 2))
        return state, sight(state, jnp.array(False))

    def step(key, state, actions):
        time, shown = state[0] + 1, state[1]
        over, right = time == 3, (actions == shown).all()
        following = jnp.where(over, reset(key)[0], jnp.stack([time, 1 - shown]))
        return following, sight(following, over), (over & right).astype(jnp.float32)

    return World(reset, step, limit=3)


def test_it_learns_what_can_be_learned():
    settings = SmaxQmix(
        steps=60 * 8 * 12,
        environments=8,
        rollout=12,
        batch=8,
        kept=160,
        hidden=16,
        embed=8,
        hyper=8,
        mixer_scale=0.5,
        learning_rate=1e-2,
        target_every=2,
    )
    programs = Programs(agreeing(), settings, episodes=32)
    learner = programs.begin(jax.random.key(0))
    before = np.array(jax.tree.leaves(learner.weights)[0])
    for iteration in range(settings.iterations):
        learner = programs.iterate(learner)
        learning = iteration + 1 >= settings.batch  # as many outer iterations must be in the buffer
        assert np.array_equal(before, jax.tree.leaves(learner.weights)[0]) != learning
    assert float(programs.win_rate(learner.weights.agents, jax.random.key(1))) == 1.0
