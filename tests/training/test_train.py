"""What a run compiles, and what several seeds of one command are."""

import dataclasses
import io
import json
import math
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from rich.console import Console

import qohort
from qohort.algorithms.coma import COMA
from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.envs import make
from qohort.envs.fingerprint import fingerprint
from qohort.envs.games.matrix import MatrixGame
from qohort.errors import QohortError, QohortWarning
from qohort.estimators.exploration import LinearSchedule
from qohort.mixers import QMIX, VDN
from qohort.networks.counterfactual import CounterfactualCritic
from qohort.networks.feedforward import FeedForward
from qohort.networks.recurrent import Recurrent
from qohort.replay.fresh import Fresh
from qohort.replay.samplers import Replayed
from qohort.training import checkpoint
from qohort.training import train as training
from qohort.training.interrupt import Interrupt
from qohort.training.programs import Programs, functions_of
from qohort.training.progress import Display
from qohort.training.run import Run
from qohort.training.seeds import checkpoint_folder
from qohort.training.train import Trained, train
from tests.worlds import Clock

ALGORITHM = ValueDecomposition(
    mixer=QMIX(embed=4),
    team=FeedForward(hidden=8),
    feed=Replayed(batch=4, episodes=20),
    epsilon=LinearSchedule(start=1.0, end=0.1, steps=300),
    update_every=5,
    target_interval=3,
)
FILES = ("metrics.jsonl", "metrics.csv", "absolute.json")


def go(folder: Path, **settings: object) -> Trained:
    run = Run(steps=200, chunk=20, eval_every=100, eval_episodes=4, absolute_factor=2, folder=folder)
    run = dataclasses.replace(run, **settings)
    return train(ALGORITHM, "games/two-step", run, display=Display(Console(file=io.StringIO())))


def arrays(folder: Path, seeds: list[int]) -> bytes:
    return (checkpoint.paths(checkpoint_folder(folder, seeds))[0] / "arrays.safetensors").read_bytes()


class Impatient(Interrupt):
    """Somebody who wants to leave at once."""

    @property
    def requested(self) -> bool:
        return True


@pytest.fixture
def programs(monkeypatch):
    """The programs of the runs that a test starts, with nothing kept of earlier ones."""
    functions_of.cache_clear()
    made: list[Programs] = []

    def noted(*arguments, **settings):
        made.append(Programs(*arguments, **settings))
        return made[-1]

    monkeypatch.setattr(training, "Programs", noted)
    return made


@pytest.mark.parametrize("together", [False, True])
def test_nothing_is_traced_twice(together, programs, tmp_path):
    """Ten chunks, three evaluations, the absolute metric and two seeds; then the same run resumed, and another one."""
    go(tmp_path / "run", seeds=2, together=together)
    assert [dict(made.traces) for made in programs] == [{"begin": 1, "chunk": 1, "evaluate": 1}]
    go(tmp_path / "run", seeds=2, together=together, steps=400)
    go(tmp_path / "other", seeds=2, together=together)
    assert [dict(made.traces) for made in programs[1:]] == [{}, {}]


def test_settings_that_could_change_are_refused_before_compiling():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Listed(ValueDecomposition):
        weights: list[float]

    with pytest.raises(QohortError, match=r"Listed.weights cannot be a setting .* such as a tuple"):
        Programs(Listed(mixer=VDN(), weights=[1.0]), make("games/two-step"), chunk=20, together=False)


def test_nothing_is_compiled_after_the_first_chunk(tmp_path, caplog):
    chunks: list[int] = []

    class Watch(Display):
        def update(self, name, *, step, total, figures, left=None):
            chunks.append(len([record for record in caplog.records if "Finished XLA" in record.getMessage()]))

    with jax.log_compiles():
        run = Run(steps=200, chunk=20, eval_every=100, eval_episodes=4, absolute_factor=2, folder=tmp_path / "run")
        train(ALGORITHM, "games/two-step", run, display=Watch(Console(file=io.StringIO())))
    assert len(chunks) == 10
    assert chunks[0] > 0
    assert set(chunks) == {chunks[0]}
    assert len([record for record in caplog.records if "Finished XLA" in record.getMessage()]) == chunks[0]


def test_a_state_of_bare_numbers_is_traced_once(programs, tmp_path):
    """JAX takes a Python number for another type than the sum it becomes a part of."""

    class Loose(Clock):
        def reset(self, key):
            state = super().reset(key)
            return dataclasses.replace(state, time=jax.numpy.asarray(0))

    run = Run(steps=100, chunk=20, eval_episodes=4, absolute_factor=1, folder=tmp_path / "run")
    train(ALGORITHM, Loose(), run)  # pyright: ignore[reportCallIssue]
    assert dict(programs[0].traces) == {"begin": 1, "chunk": 1, "evaluate": 1}


def test_seeds_of_one_command_equal_single_runs(tmp_path):
    several = go(tmp_path / "several", seeds=3, seed=5)
    assert sorted(several.absolute) == [5, 6, 7]
    for seed in several.absolute:
        alone = go(tmp_path / f"alone-{seed}", seed=seed)
        assert alone.absolute == {seed: several.absolute[seed]}
        assert arrays(alone.folder, [seed]) == arrays(several.folder, [seed])
        for name in FILES:
            place = f"seed-{seed}/{name}"
            assert (alone.folder / place).read_bytes() == (several.folder / place).read_bytes()
    assert len({arrays(several.folder, [seed]) for seed in several.absolute}) == 3


def test_seeds_together_learn_what_single_ones_learn():
    """Over the first 20 updates with full exploration; later, rounding may choose another action."""
    algorithm = dataclasses.replace(ALGORITHM, team=Recurrent(hidden=8))
    env, seeds = make("games/relay"), [0, 1, 2]
    both = {together: Programs(algorithm, env, chunk=40, together=together) for together in (True, False)}
    states = {seed: both[False].begin([seed]) for seed in seeds}
    group = both[True].begin(seeds)
    updates = np.zeros(3, int)
    while updates.min() < 20:
        group, report = both[True].chunk(group, exploration=1.0, learning_rate=1e-3)
        for lane, seed in enumerate(seeds):
            states[seed], alone = both[False].chunk(states[seed], exploration=1.0, learning_rate=1e-3)
            assert int(alone.updates) == int(report.updates[lane])
        updates += np.asarray(report.updates)
    for lane, seed in enumerate(seeds):
        pairs = zip(jax.tree.leaves(group.learner.params), jax.tree.leaves(states[seed].learner.params), strict=True)
        for of_group, alone in pairs:
            scale = max(1e-8, float(abs(alone).max()))
            assert float(abs(of_group[lane] - alone).max()) <= 1e-5 * scale


def test_seeds_together_resume(tmp_path):
    straight = go(tmp_path / "straight", seeds=2, together=True, steps=400)
    go(tmp_path / "stopped", seeds=2, together=True)
    stopped = go(tmp_path / "stopped", seeds=2, together=True, steps=400)
    assert stopped.absolute == straight.absolute
    assert arrays(stopped.folder, [0, 1]) == arrays(straight.folder, [0, 1])
    for seed in (0, 1):
        for name in FILES:
            place = f"seed-{seed}/{name}"
            assert (stopped.folder / place).read_bytes() == (straight.folder / place).read_bytes()


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("which", ["best", "last"])
def test_teams_of_all_seeds_load(which, together, tmp_path):
    run = go(tmp_path / "run", seeds=2, together=together)
    env = make("games/two-step")
    seen = env.observe(env.snapshot(env.reset(jax.random.key(0))))
    obs, avail = np.asarray(seen.obs), np.asarray(seen.avail)
    teams = [qohort.load(run.folder, seed=seed, which=which) for seed in (0, 1)]
    weights = [jax.tree.leaves(team.network) for team in teams]
    assert any(np.any(a != b) for a, b in zip(*weights, strict=True))
    for team in teams:
        first = team.act(obs, avail)
        members = [team.agent(index).act(obs[index], avail[index]) for index in range(2)]
        assert members == first.tolist()
        team.reset()
        assert team.act(obs, avail).tolist() == first.tolist()
    with pytest.raises(QohortError, match="has no seed 2; it has 0, 1"):
        qohort.load(run.folder, seed=2)


def test_a_world_of_your_own(tmp_path):
    algorithm = dataclasses.replace(ALGORITHM, mixer=VDN())
    run = Run(steps=100, chunk=10, eval_episodes=4, absolute_factor=1, folder=tmp_path / "run")
    trained = train(algorithm, Clock(version="clock-2"), run)
    assert trained.finished
    (process,) = json.loads((trained.folder / "environment.json").read_text())["processes"]
    assert process["world_version"] == "clock-2"
    lines = [json.loads(line) for line in (trained.folder / "seed-0" / "metrics.jsonl").read_text().splitlines()]
    assert any("train/late" in line for line in lines)
    assert [len(line["episodes/return"]) for line in lines if "eval/return" in line] == [4, 4]
    with pytest.raises(QohortError, match="no world called 'tests/clock'"):
        qohort.load(trained.folder)
    with pytest.warns(QohortWarning, match="was trained in clock-2, and tests/clock is without a version now"):
        qohort.load(trained.folder, env=Clock())
    team = qohort.load(trained.folder, env=Clock(version="clock-2"))
    assert team.act(np.zeros((2, 3), np.float32)).shape == (2,)


def test_a_world_that_was_made_in_python_is_told_from_others_of_its_name(tmp_path):
    run = Run(steps=40, chunk=10, eval_episodes=4, absolute_factor=1, root=tmp_path)
    found = [train(ALGORITHM, MatrixGame(np.full((2, 2), worth)), run) for worth in (1.0, 5.0, 1.0)]
    assert [trained.absolute[0]["return"] for trained in found] == [1.0, 5.0, 1.0]
    assert found[0].folder == found[2].folder != found[1].folder
    with pytest.raises(QohortError, match="world_object"):
        train(ALGORITHM, MatrixGame(np.full((2, 2), 5.0)), dataclasses.replace(run, folder=found[0].folder))


def test_a_team_is_not_taken_to_the_registered_world_of_the_same_name(tmp_path):
    run = Run(steps=40, chunk=10, eval_episodes=4, absolute_factor=1, root=tmp_path)
    named = make("games/relay").spec.name
    other, same = (train(ALGORITHM, make(name), run) for name in (f"{named}?slack=0", named))
    assert qohort.evaluate(qohort.load(same.folder), make(named), episodes=4)
    with pytest.raises(QohortError, match="calls itself games/relay; the registered games/relay is another one"):
        qohort.load(other.folder)
    assert qohort.load(other.folder, env=make("games/relay?slack=0"))


def test_a_team_that_has_learned_nothing_is_not_the_best(tmp_path, monkeypatch):
    """The first evaluation is the greatest, and counts only while it is the only one."""
    scores = iter([9.0, 1.0, 2.0, 1.5])
    own = Programs.evaluate

    def evaluate(self, team, keys, *, episodes):
        played = own(self, team, keys, episodes=episodes)
        return {**played, "return": np.full_like(played["return"], next(scores, 0.0))}

    monkeypatch.setattr(Programs, "evaluate", evaluate)
    folder = go(tmp_path / "run", steps=300).folder
    counters = checkpoint.read_counters(checkpoint.paths(checkpoint_folder(folder, [0]))[0])
    assert counters["best"] == [2.0]


def test_a_number_that_is_none_is_null_in_every_file(tmp_path):
    run = Run(steps=40, chunk=10, eval_episodes=4, absolute_factor=1, root=tmp_path)
    first = train(ALGORITHM, Clock(measured=False), run)
    assert math.isnan(first.absolute[0]["late"])
    for file in ("finished.json", "seed-0/absolute.json"):
        json.loads((first.folder / file).read_text(), parse_constant=pytest.fail)
    assert math.isnan(train(ALGORITHM, Clock(measured=False), run).absolute[0]["late"])


def test_a_world_is_the_same_in_every_process():
    names = ("battle/3m", "battle/3m?reward_sparse=true", "pursuit/stag-hunt")
    here = [fingerprint(make(name)) for name in names]
    assert len(set(here)) == 3
    said = f"for name in {names}: print(fingerprint(make(name)))"
    code = f"from qohort.envs import make; from qohort.envs.fingerprint import fingerprint\n{said}"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == here


def test_weights_that_are_lost_end_the_training_whichever_network_they_belong_to(tmp_path):
    """The loss of COMA is its critic's, which knows nothing of the policies."""
    coma = COMA(
        team=FeedForward(hidden=8),
        critic=CounterfactualCritic(hidden=8),
        feed=Fresh(length=5),
        optimiser=Optimiser(learning_rate=1e38),
        environments=4,
    )
    run = Run(steps=400, chunk=5, eval_every=100, eval_episodes=4, absolute_factor=1, folder=tmp_path / "run")
    with pytest.raises(QohortError, match="train/policy_loss is not a finite number any more"):
        train(coma, "games/two-step", run, display=Display(Console(file=io.StringIO())))


def test_a_command_that_is_refused_leaves_a_finished_run_finished(tmp_path, monkeypatch):
    done = go(tmp_path / "run", steps=100)
    monkeypatch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
    with pytest.raises(QohortError, match="TensorBoard files were asked for"):
        go(tmp_path / "run", tensorboard=True)
    assert (done.folder / "finished.json").exists()


def test_who_interrupts_a_fresh_run_is_told_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr("qohort.training.train.Interrupt", Impatient)
    said = {fresh: io.StringIO() for fresh in (False, True)}
    for fresh, file in said.items():
        run = Run(steps=200, chunk=20, eval_every=100, eval_episodes=4, root=tmp_path, fresh=fresh)
        train(ALGORITHM, "games/two-step", run, display=Display(Console(file=file, width=500)))
    assert "The same command goes on from here." in said[False].getvalue()
    assert f"`qohort resume {tmp_path}" in said[True].getvalue()
    assert "-2` goes on from here." in said[True].getvalue()


def test_the_best_team_is_kept(tmp_path):
    trained = go(tmp_path / "run", seed=1)
    place = trained.folder / "seed-1"
    lines = [json.loads(line) for line in (place / "metrics.jsonl").read_text().splitlines()]
    counters = checkpoint.read_counters(checkpoint.paths(place / "checkpoints")[0])
    assert counters["best"] == [max(line["eval/return"] for line in lines if "eval/return" in line)]
    absolute = json.loads((place / "absolute.json").read_text())
    assert len(absolute["episodes/return"]) == 8
    assert trained.absolute[1]["return"] == pytest.approx(absolute["eval/return"])


def test_importing_the_package_is_quick():
    """The root imports JAX when it is asked for something, and finds everything then."""
    script = (
        "import sys, qohort, qohort.cli.main; assert 'jax' not in sys.modules; from qohort import *; "
        "assert train and make and qohort.envs and 'Qatten' in dir(qohort); qohort.nothing"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.rstrip().endswith("AttributeError: module 'qohort' has no attribute 'nothing'")
