"""Named settings of replay-free Q-learning, each with its source."""

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType

from qohort.algorithms.method import Method, Preset, fitting
from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.replay_free import ReplayFree
from qohort.estimators.exploration import LinearSchedule
from qohort.mixers.base import AbstractMixerConfig
from qohort.networks.recurrent import Recurrent
from qohort.replay.fresh import Fresh


def paper(mixer: AbstractMixerConfig, world: str = "") -> Preset:
    """The settings of PQN with VDN on SMAX."""
    return Preset(
        algorithm=ReplayFree(
            mixer=mixer,
            optimiser=Optimiser(
                kind="radam", learning_rate=2.5e-4, final_learning_rate=0.0, anneal_steps=10_000_000, eps=1e-8, clip=1.0
            ),
        ),
        source="purejaxql, pqn_vdn_rnn_smax.yaml (Gallici et al. 2024): 128 environments, stretches of 128 steps gone "
        "through 4 times in 16 minibatches, GRU of 512 units, RAdam 2.5e-4 in a straight line to 0, clipping at 1, "
        "TD(0.85), ε 1 → 0.01 over 1,000,000 steps. Instead of its batch normalisation the LayerNorm of the "
        "paper's other runs, and one layer in front of the GRU instead of two.",
        run={"steps": 9_994_240, "chunk": 64, "eval_every": 499_712, "eval_episodes": 128},
    )


def fast(mixer: AbstractMixerConfig, world: str = "") -> Preset:
    """Least wall-clock on two processor cores, with what was found for each kind of world."""
    return fitting(FAST, world, fast_anywhere)(mixer, world)


def fast_independent(mixer: AbstractMixerConfig, world: str = "") -> Preset:
    """The same for agents that learn by themselves."""
    return fitting(FAST_INDEPENDENT, world, fast_anywhere)(mixer, world)


def fast_anywhere(mixer: AbstractMixerConfig, world: str) -> Preset:
    """Short stretches of sixteen environments, Adam, small networks."""
    return Preset(
        algorithm=ReplayFree(
            mixer=mixer,
            team=Recurrent(norm=True),
            feed=Fresh(length=10, epochs=2, minibatches=2),
            optimiser=Optimiser(kind="adam", learning_rate=1e-3, eps=1e-8),
            epsilon=LinearSchedule(start=1.0, end=0.05, steps=10_000),
            environments=16,
        ),
        source="Qohort, for small worlds on two processor cores: 16 environments, stretches of 10 steps gone through "
        "twice in 2 minibatches, Adam 1e-3, TD(0.85), ε over 10,000 steps.",
        run={"steps": 40_000, "chunk": 10, "eval_every": 4_000},
    )


def fast_battle(mixer: AbstractMixerConfig, world: str) -> Preset:
    """Least wall-clock on battles with two processor cores: more environments, longer stretches, smaller steps."""
    steps = STEPS.get(world, 1_228_800)
    return fast_anywhere(mixer, world).but(
        feed=Fresh(length=32, epochs=4, minibatches=4),
        optimiser=Optimiser(kind="adam", learning_rate=5e-4, final_learning_rate=0.0, anneal_steps=steps, eps=1e-8),
        epsilon=LinearSchedule(start=1.0, end=0.05, steps=100_000),
        environments=64,
        td_lambda=0.65,
        source="Qohort, for battles on two processor cores: 64 environments, stretches of 32 steps gone through 4 "
        "times in 4 minibatches, Adam 5e-4 in a straight line to 0, TD(0.65), ε over 100,000 steps.",
        run={"steps": steps, "chunk": 32, "eval_every": 51_200, "eval_episodes": 128},
    )


def fast_battle_independent(mixer: AbstractMixerConfig, world: str) -> Preset:
    """On battles, agents that learn by themselves want more steps of the optimiser."""
    return fast_battle(mixer, world).but(
        feed=Fresh(length=32, epochs=4, minibatches=8),
        source="Qohort, for battles on two processor cores: as with mixers, but each stretch in 8 minibatches.",
    )


Fast = Mapping[str, Callable[[AbstractMixerConfig, str], Preset]]

STEPS: dict[str, int] = {"battle/3m": 614_400}
"""How long `fast` trains on battles that need less than others."""

FAST: Fast = {"battle/": fast_battle}
"""The settings of `fast` for the worlds whose names begin so; the first that fits."""

FAST_INDEPENDENT: Fast = {"battle/": fast_battle_independent}
"""The same for agents that learn by themselves."""


def replay_free(
    name: str,
    mixer: AbstractMixerConfig,
    *,
    protocols: Mapping[str, Callable[[AbstractMixerConfig, str], Preset]] = MappingProxyType({}),
) -> Method:
    """Replay-free Q-learning with a mixer, under every preset.

    Args:
        name: the mixer's.
        mixer: its settings.
        protocols: presets that are other ones with this mixer.
    """
    presets = {"paper": paper, "fast": fast, **protocols}
    return Method(
        summary=f"{name} without replay and target network, on fresh play (PQN, Gallici et al. 2024)",
        presets={which: functools.partial(build, mixer) for which, build in presets.items()},
    )
