"""Named settings of IPPO, MAPPO and TarMAC, each with its source."""

from collections.abc import Callable, Mapping
from functools import partial

from qohort.algorithms.method import Method, Preset, fitting
from qohort.algorithms.optimiser import Optimiser
from qohort.algorithms.ppo import PPO
from qohort.networks import Normalised, Talking
from qohort.networks.base import AbstractTeamConfig
from qohort.networks.critic import Critic, Reads
from qohort.replay.fresh import Fresh

EPOCHS: dict[str, int] = {
    "battle/5m_vs_6m": 10,
    "battle/10m_vs_11m": 10,
    "battle/25m": 10,
    "battle/MMM2": 5,
    "battle/3s5z": 5,
    "battle/3s5z_vs_3s6z": 5,
    "battle/6h_vs_8z": 5,
    "battle/corridor": 5,
    "battle/27m_vs_30m": 5,
    "battle/2c_vs_64zg": 5,
}
"""How often stretches are gone through where it is not 15 times: fewer on hard maps."""

CLIP: dict[str, float] = {"battle/3s_vs_5z": 0.05, "battle/8m_vs_9m": 0.05, "battle/5m_vs_6m": 0.05}
"""The clip where it is not 0.2."""

MINIBATCHES: dict[str, int] = {"battle/MMM2": 2}
"""Parts of a stretch, where it is not 1."""

GAIN: dict[str, float] = {"battle/MMM2": 1.0}
"""The gain of the policy's last layer, where it is not 0.01."""

FORGETFUL = ("battle/3s_vs_4z", "battle/3s_vs_5z", "battle/6h_vs_8z", "battle/corridor")
"""Maps on which the scripts run networks without a memory."""

STEPS: dict[str, int] = {"battle/3m": 153_600, "battle/3s_vs_5z": 2_048_000, "battle/corridor": 2_048_000}
"""How long `fast` trains where 512,000 steps of battles are too many or too few."""


def paper(reads: Reads, world: str = "") -> Preset:
    """The settings of Yu et al. for SMAC, map by map."""
    memory = world not in FORGETFUL
    return Preset(
        algorithm=PPO(
            team=Normalised(gain=GAIN.get(world, 0.01), memory=memory),
            critic=Critic(reads=reads, memory=memory),
            feed=Fresh(length=400, epochs=EPOCHS.get(world, 15), minibatches=MINIBATCHES.get(world, 1)),
            clip=CLIP.get(world, 0.2),
            bootstrap_time_limit=False,
        ),
        source="Yu et al. 2022, the on-policy repository's scripts for SMAC: 8 environments, stretches of 400 steps, "
        "gradients through 10, Adam 5e-4, 15 epochs (10 or 5 on hard maps), clip 0.2 (0.05 on three), GAE 0.95, "
        "entropy 0.01, Huber 10, values normalised. The time limit counts as the end there, and since every script "
        "passes --use_value_active_masks, which switches them off, the critic is taught the dead too.",
        run={"steps": 10_000_000},
    )


def fast(reads: Reads, world: str = "", team: AbstractTeamConfig | None = None) -> Preset:
    """Least wall-clock on two processor cores: short stretches, few epochs, larger steps."""
    general = Preset(
        algorithm=PPO(
            team=team or Normalised(layers=1),
            critic=Critic(reads=reads, layers=1),
            feed=Fresh(length=32, epochs=4, minibatches=2),
            optimiser=Optimiser(kind="adam", learning_rate=2e-3, eps=1e-5),
            environments=16,
            backprop=None,
        ),
        source="Qohort, for two processor cores: the losses of Yu et al., but 16 environments, stretches of 32 steps, "
        "4 epochs of 2 minibatches and Adam 2e-3, after the settings of JaxMARL (Rutherford et al. 2024).",
        run={"steps": 51_200, "chunk": 32, "eval_every": 5_120},
    )
    return fitting(FAST, world, lambda general, world: general)(general, world)


def fast_battle(general: Preset, world: str) -> Preset:
    """On battles, more environments and steps."""
    return general.but(
        environments=32,
        source=general.source.replace("16 environments", "32 environments"),
        run={"steps": STEPS.get(world, 512_000), "eval_every": 25_600, "eval_episodes": 128},
    )


def fast_traffic(general: Preset, world: str) -> Preset:
    """Where a collision is the work of one action, what is learned is kept by smaller and smaller steps."""
    return general.but(
        optimiser=Optimiser(kind="adam", learning_rate=2e-3, final_learning_rate=0.0, anneal_steps=307_200, eps=1e-5),
        source=f"{general.source} In traffic Adam's steps fall to 0 in a straight line over 307,200 steps.",
        run={"steps": 307_200, "eval_every": 25_600, "eval_episodes": 128},
    )


FAST: dict[str, Callable[[Preset, str], Preset]] = {"battle/": fast_battle, "traffic/": fast_traffic}
"""What `fast` changes on the worlds whose names begin so."""


def tarmac_paper(world: str = "") -> Preset:
    """An advantage actor-critic on targeted messages."""
    return Preset(
        algorithm=PPO(
            team=Talking(),
            critic=Critic(reads="state", layers=2, memory=False, input_norm=False, layer_norm=False, orthogonal=False),
            feed=Fresh(length=20),
            optimiser=Optimiser(kind="rmsprop", learning_rate=7e-4, eps=1e-5, clip=0.5),
            environments=16,
            backprop=None,
            gae_lambda=1.0,
            clip=None,
            value_weight=0.5,
            huber=None,
            normalise_values=False,
            standardise=False,
        ),
        source="Das et al. 2019 as far as it is known: signatures of 16, messages of 32, RMSprop 7e-4, entropy 0.01; "
        "the rest is what advantage actor-critics usually have (16 environments, 20 steps, half the critic's loss, "
        "gradients clipped at 0.5). The critic is one of states, the paper's reads states and actions of the agents.",
        run={"steps": 10_000_000, "chunk": 20, "eval_every": 16_000},
    )


def tarmac_fast(world: str = "") -> Preset:
    """Targeted messages with the losses of MAPPO."""
    return fast("agent-state", world, Talking())


PPO_METHODS: Mapping[str, Method] = {
    "ippo": Method(
        summary="independent PPO: each agent's critic sees what the agent sees (de Witt et al. 2020)",
        presets={"paper": partial(paper, "observation"), "fast": partial(fast, "observation")},
    ),
    "mappo": Method(
        summary="multi-agent PPO: the critics read the state (Yu et al. 2022)",
        presets={"paper": partial(paper, "agent-state"), "fast": partial(fast, "agent-state")},
    ),
    "tarmac": Method(
        summary="targeted messages between actors, with a centralised critic (Das et al. 2019)",
        presets={"paper": tarmac_paper, "fast": tarmac_fast},
    ),
}
