"""Named settings of value decomposition, each with its source. A name and a preset choose a config; flags change it."""

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from qohort.algorithms.method import Method, Preset, fitting
from qohort.algorithms.novelty import Novelty
from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.q_learning import AbstractQLearning
from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.estimators.exploration import LinearSchedule
from qohort.mixers import QMIX, QPLEX, Importance, Qatten, QPLEXQatten
from qohort.mixers.base import AbstractMixerConfig
from qohort.networks.feedforward import FeedForward
from qohort.networks.recurrent import Recurrent
from qohort.replay.samplers import Replayed


def paper(mixer: AbstractMixerConfig, world: str = "") -> Preset:
    """The PyMARL protocol, which the VDN, QMIX and Qatten results share."""
    return Preset(
        algorithm=ValueDecomposition(mixer=mixer),
        source="PyMARL, default.yaml and the algorithms' files; Qatten: the authors' qatten.yaml. RMSprop 5e-4, "
        "32 whole episodes, one update per episode, target copy every 200, ε 1 → 0.05 over 50,000 steps, and the "
        "time limit counts as the end (`continuing_episode: False`).",
        run={"steps": 2_050_000},
    )


def paper_qplex(mixer: AbstractMixerConfig, world: str) -> Preset:
    """QPLEX's own protocol: two updates per episode and fewer kernels on StarCraft, full exploration in games."""
    assert isinstance(mixer, QPLEX | QPLEXQatten)
    battle, game = world.startswith("battle/"), world.startswith("games/")
    if battle:
        mixer = dataclasses.replace(mixer, importance=Importance(kernels=4, layers=1))
    epsilon = LinearSchedule(start=1.0, end=1.0, steps=0) if game else ValueDecomposition().epsilon
    return Preset(
        algorithm=ValueDecomposition(mixer=mixer, updates=2 if battle else 1, epsilon=epsilon),
        source="The QPLEX authors' release (Wang et al. 2021): the PyMARL protocol; on StarCraft qplex_qatten_sc2.yaml "
        "and qplex_sc2.yaml with two updates per episode (num_circle 2, target copy every 200 updates), 4 kernels of "
        "one layer; elsewhere qplex.yaml, 10 kernels of three, and for games of matrices ε = 1 throughout 210,000 "
        "steps. Their 100 episodes before the first update are 32 here.",
        run={"steps": 210_000 if game else 2_050_000},
    )


def pymarl2(mixer: AbstractMixerConfig, world: str = "") -> Preset:
    """PyMARL2's fine-tuned settings: Adam, TD(λ), larger batches, eight environments."""
    return Preset(
        algorithm=ValueDecomposition(
            mixer=mixer,
            feed=Replayed(batch=128),
            optimiser=Optimiser(kind="adam", learning_rate=1e-3, eps=1e-8),
            epsilon=LinearSchedule(start=1.0, end=0.05, steps=100_000),
            environments=8,
            update_every=8,
            estimator="td-lambda",
            td_lambda=0.6,
            target_interval=25,
            loss_scale=0.5,
        ),
        source="PyMARL2, the fine-tuned qmix.yaml and its siblings (Hu et al. 2021): Adam 1e-3, Peng's TD(0.6), "
        "128 episodes, 8 environments, one update per 8 episodes, target copy every 200 episodes (25 updates), "
        "ε over 100,000 steps. Qatten there has weighted heads, biases and no penalty, QPLEX 4 kernels of two layers.",
        run={"steps": 10_000_000},
    )


def pymarl2_iql(mixer: AbstractMixerConfig, world: str) -> Preset:
    """PyMARL2's IQL, which its authors did not tune: one step, and the general rate and batch."""
    general = pymarl2(mixer)
    return general.but(
        estimator="one-step",
        optimiser=Optimiser(kind="adam", learning_rate=5e-4, eps=1e-8),
        feed=Replayed(),
        source="PyMARL2, iql.yaml and default.yaml: one-step targets, Adam 5e-4 and 32 episodes, none of them "
        "fine-tuned; 8 environments, one update per 8 episodes, target copy every 200 episodes (25 updates), ε over "
        "100,000 steps.",
    )


def pymarl2_qmix(mixer: AbstractMixerConfig, world: str) -> Preset:
    """PyMARL2's QMIX, whose settings differ on two maps; its other methods have the same ones everywhere."""
    general = pymarl2(mixer)
    return general.but(
        **PYMARL2_QMIX_ON.get(world, {}),
        source=f"{general.source} QMIX has others on two maps: on 6h_vs_8z TD(0.3) and ε over 500,000 steps, on "
        "3s5z_vs_3s6z (qmix_large.yaml) agents of 256 units, a mixer of 64 and hypernetworks of 256.",
    )


def two_step(mixer: AbstractMixerConfig, world: str = "") -> Preset:
    """The QMIX paper's settings for its two-step game: full exploration and feed-forward agents."""
    return Preset(
        algorithm=ValueDecomposition(
            mixer=mixer,
            team=FeedForward(hidden=64, last_action=False),
            feed=Replayed(episodes=500),
            epsilon=LinearSchedule(start=1.0, end=1.0, steps=0),
            target_interval=100,
        ),
        source="Rashid et al. 2018, the two-step game: ε = 1 throughout, 500 episodes kept, 32 drawn, target copy "
        "every 100 episodes, γ 0.99, RMSprop 5e-4, mixing width 8, feed-forward agents of 64 units; for 20,000 steps, "
        "twice as long as there.",
        run={"steps": 20_000},
    )


def fast(mixer: AbstractMixerConfig, world: str = "") -> Preset:
    """Least wall-clock on two processor cores, with what was found for each kind of world."""
    kind = fitting(FAST, world, fast_anywhere)(mixer)
    return dataclasses.replace(kind, run={**kind.run, "steps": STEPS.get(world, kind.run["steps"])})


def fast_anywhere(mixer: AbstractMixerConfig) -> Preset:
    """Eight environments, windows without padding, Adam, TD(λ)."""
    return Preset(
        algorithm=ValueDecomposition(
            mixer=mixer,
            feed=Replayed(sampler="windows", batch=32, episodes=2000),
            optimiser=Optimiser(kind="adam", learning_rate=1e-3, eps=1e-8),
            epsilon=LinearSchedule(start=1.0, end=0.05, steps=10_000),
            environments=8,
            update_every=64,
            update_unit="steps",
            estimator="td-lambda",
            td_lambda=0.6,
            target_interval=50,
            loss_scale=0.5,
        ),
        source="Qohort, for small worlds on two processor cores: PyMARL2's optimiser and TD(0.6), windows that run on "
        "across episodes, one update per 64 steps.",
        run={"steps": 40_000, "eval_every": 4_000},
    )


def fast_battle(mixer: AbstractMixerConfig) -> Preset:
    """Least wall-clock on battles with two processor cores: the simulator costs little there, updates nearly all."""
    return fast_anywhere(mixer).but(
        feed=Replayed(sampler="windows", batch=16, length=64, episodes=5000),
        epsilon=LinearSchedule(start=1.0, end=0.05, steps=50_000),
        environments=32,
        update_every=32,
        target_interval=200,
        source="Qohort, for battles on two processor cores: PyMARL2's optimiser and TD(0.6), windows of 64 steps that "
        "run on across episodes, 16 to an update, 32 environments, one update per 32 steps, ε over 50,000 steps.",
        run={"steps": 512_000, "chunk": 8, "eval_every": 25_600, "eval_episodes": 128},
    )


def fast_skirmish(mixer: AbstractMixerConfig) -> Preset:
    """Least wall-clock on battles that last some twenty steps: shorter windows, and more and smaller updates."""
    return fast_battle(mixer).but(
        feed=Replayed(sampler="windows", batch=16, length=32, episodes=5000),
        epsilon=LinearSchedule(start=1.0, end=0.05, steps=20_000),
        update_every=16,
        target_interval=100,
        source="Qohort, for short battles on two processor cores: as for other battles, but windows of 32 steps, 16 of "
        "them to an update, one update per 16 steps, target copy every 100 updates, ε over 20,000 steps.",
        run={"steps": 153_600, "chunk": 4, "eval_every": 12_800},
    )


def fast_siege(mixer: AbstractMixerConfig) -> Preset:
    """Against one who stays: to fight in turns pays when every step of it is right, and is found late."""
    return fast_battle(mixer).but(
        epsilon=LinearSchedule(start=1.0, end=0.05, steps=100_000),
        source="Qohort, for battles that turns win, on two processor cores: as for other battles, but ε over "
        "100,000 steps, and twice as many steps.",
        run={"steps": 1_024_000},
    )


def fast_rooms(mixer: AbstractMixerConfig) -> Preset:
    """Where chance finds nothing: a bonus for going where it is new, and many small updates, so that it soon is not."""
    return fast_anywhere(mixer).but(
        team=FeedForward(),
        feed=Replayed(sampler="windows", batch=32, length=16, episodes=2000),
        update_every=16,
        target_interval=200,
        novelty=Novelty(weight=0.1),
        source="Qohort, for rooms with one reward on two processor cores: as for other small worlds, but agents that "
        "do not remember, a bonus of 0.1 for steps to newer states, windows of 16 steps, one update per 16 steps, and "
        "target copy every 200 updates.",
        run={"steps": 400_000, "eval_every": 20_000},
    )


def fast_hunt(mixer: AbstractMixerConfig) -> Preset:
    """Where acting alone is punished: a value needs many small updates before it tells joint actions apart."""
    return fast_anywhere(mixer).but(
        team=FeedForward(norm=True),
        feed=Replayed(sampler="windows", batch=32, length=4, episodes=2000),
        optimiser=Optimiser(kind="adam", learning_rate=5e-4, eps=1.5e-4),
        epsilon=LinearSchedule(start=1.0, end=0.1, steps=300_000),
        update_every=4,
        estimator="one-step",
        target_interval=1600,
        source="Qohort, for QTRAN's predator-prey on two processor cores: step size, eps and the last ε of the QTRAN "
        "paper; normalised agents that do not remember, 32 windows of 4 steps, one update per 4 steps with one-step "
        "targets, target copy every 1,600 updates, ε over 300,000 steps.",
        run={"steps": 600_000, "eval_every": 60_000, "eval_episodes": 64},
    )


def fast_stags(mixer: AbstractMixerConfig) -> Preset:
    """The other hunt, where catching is an action of its own: a fourth of the updates will do."""
    return fast_hunt(mixer).but(
        optimiser=Optimiser(kind="adam", learning_rate=5e-4, eps=1e-8),
        epsilon=LinearSchedule(start=1.0, end=0.05, steps=200_000),
        update_every=16,
        target_interval=400,
        source="Qohort, for the stag hunt on two processor cores: normalised agents that do not remember, 32 windows "
        "of 4 steps, Adam 5e-4, one update per 16 steps with one-step targets, target copy every 400 updates, ε over "
        "200,000 steps.",
        run={"steps": 400_000, "eval_every": 40_000},
    )


QATTEN_ON: dict[str, Mapping[str, Any]] = {
    "battle/3s5z_vs_3s6z": {"weighted_head": True, "regulariser": 0.0},
    "battle/MMM2": {"weighted_head": True, "nonlinear": True, "regulariser": 0.001},
}
"""Where the published settings differ from map to map: the authors of Qatten have them as comments in qatten.yaml."""


def qatten_on(world: str) -> Qatten:
    """The Qatten authors' settings for a map."""
    return Qatten(**QATTEN_ON.get(world, {}))


PYMARL2_QMIX_ON: dict[str, Mapping[str, Any]] = {
    "battle/6h_vs_8z": {"td_lambda": 0.3, "epsilon": LinearSchedule(start=1.0, end=0.05, steps=500_000)},
    "battle/3s5z_vs_3s6z": {"team": Recurrent(hidden=256), "mixer": QMIX(embed=64, hypernet_hidden=256)},
}
"""Where the settings of PyMARL2's QMIX differ from map to map: comments in qmix.yaml, and qmix_large.yaml."""


FAST: dict[str, Callable[[AbstractMixerConfig], Preset]] = {
    "battle/2s_vs_1sc": fast_siege,
    "battle/3m": fast_skirmish,
    "battle/": fast_battle,
    "pursuit/qtran-prey-100": fast_anywhere,
    "pursuit/qtran-prey-300": fast_anywhere,
    "pursuit/qtran-prey": fast_hunt,
    "pursuit/stag-hunt-100": fast_anywhere,
    "pursuit/stag-hunt-300": fast_anywhere,
    "pursuit/stag-hunt": fast_stags,
    "rooms/": fast_rooms,
}
"""The settings of `fast` for the worlds whose names begin so; the first that fits."""

STEPS: dict[str, int] = {"battle/2m_vs_1z": 204_800, "battle/3s_vs_3z": 307_200, "battle/8m": 307_200}
"""How long `fast` trains on maps that are won sooner than most."""

PRESETS: dict[str, Callable[[AbstractMixerConfig, str], Preset]] = {
    "paper": paper,
    "pymarl2": pymarl2,
    "two-step": two_step,
    "fast": fast,
}


NOT_THERE = "This mixer is not among what was run there: its own settings are Qohort's."


def decomposition(
    mixer: AbstractMixerConfig,
    summary: str,
    *,
    under: Mapping[str, Callable[[str], AbstractMixerConfig]] = MappingProxyType({}),
    protocols: Mapping[str, Callable[[AbstractMixerConfig, str], Preset]] = MappingProxyType({}),
    absent: Collection[str] = (),
) -> Method:
    """Value decomposition with a mixer, under every preset.

    Args:
        mixer: its settings.
        summary: what `qohort list` says.
        under: other settings of it under some of the presets, by the name of the world.
        protocols: what its authors did otherwise than those whose presets these are.
        absent: the presets whose source does not have this mixer: they are a protocol for it, and no more.
    """

    def build(name: str, world: str) -> Preset:
        settings = under[name](world) if name in under else mixer
        found = {**PRESETS, **protocols}[name](settings, world)
        return found.but(source=f"{found.source} {NOT_THERE}") if name in absent else found

    return Method(summary=summary, presets={name: functools.partial(build, name) for name in PRESETS})


def under_protocol(preset: Preset, algorithm: AbstractQLearning, *, source: str) -> Preset:
    """Another loss under a preset's protocol: its replay, optimiser, exploration, pace and run."""
    protocol = {field.name: getattr(preset.algorithm, field.name) for field in dataclasses.fields(AbstractQLearning)}
    return Preset(algorithm=dataclasses.replace(algorithm, **protocol), source=source, run=preset.run)
