"""Named settings of COMA, each with its source."""

from qohort.algorithms.coma import COMA
from qohort.algorithms.method import Method, Preset, fitting
from qohort.algorithms.optimiser import Optimiser
from qohort.estimators.exploration import LinearSchedule
from qohort.networks.counterfactual import CounterfactualCritic
from qohort.networks.feedforward import FeedForward
from qohort.replay.fresh import Fresh

LENGTHS = {"battle/": {"steps": 1_024_000, "chunk": 20, "eval_every": 51_200, "eval_episodes": 128}}
"""How long `fast` trains: on 3m it still gains after half of this."""
ELSEWHERE = {"steps": 102_400, "chunk": 20, "eval_every": 10_240}

ADDS_LAST_ACTIONS: dict[str, bool] = {"battle/crowd": True, "battle/": False}
"""Whether the critic adds last actions: the state of battles tells them, but in crowds, where it would be too large.
With `state_last_action=false` give `--algorithm.critic.last-action`."""


def paper(world: str = "") -> Preset:
    """The paper's settings, as far as it gives them; PyMARL's where it does not."""
    return pymarl(world).but(
        environments=30,
        epsilon=LinearSchedule(start=0.5, end=0.02, steps=50_000),
        target_interval=150,
        source="Foerster et al. 2018: 30 environments, target critic copied every 150 steps, ε 0.5 → 0.02 over 750 "
        "episodes (some 50,000 steps), TD(0.8), RMSprop 5e-4; the rest as in PyMARL.",
        run={"steps": 2_052_000, "eval_every": 9_000},  # whole stretches of 30 environments
    )


def pymarl(world: str = "") -> Preset:
    """PyMARL's coma.yaml; the critic adds last actions unless the state tells them."""
    return Preset(
        algorithm=COMA(critic=CounterfactualCritic(last_action=fitting(ADDS_LAST_ACTIONS, world, otherwise=True))),
        source="PyMARL, coma.yaml: 8 environments, fresh data once, TD(0.8), one critic step per index of time, "
        "RMSprop 5e-4, target critic copied every 200 critic steps, ε 0.5 → 0.01 over 100,000 steps, unavailable "
        "actions masked after the softmax.",
        run={"steps": 2_050_000},
    )


def fast(world: str = "") -> Preset:
    """Least wall-clock on two processor cores."""
    adam = Optimiser(kind="adam", learning_rate=1e-3, eps=1e-8)
    return pymarl(world).but(
        team=fitting({"games/": FeedForward()}, world, COMA().team),
        environments=32,
        feed=Fresh(length=20),
        optimiser=adam,
        critic_optimiser=adam,
        epsilon=LinearSchedule(start=0.5, end=0.01, steps=50_000),
        mask_before_softmax=True,
        entropy=0.01,
        source="Qohort, for two processor cores: Adam 1e-3, stretches of 20 steps of 32 environments, unavailable "
        "actions left out of the softmax, entropy 0.01, ε over 50,000 steps.",
        run=fitting(LENGTHS, world, ELSEWHERE),
    )


def coma() -> Method:
    """The row of the registry."""
    return Method(
        summary="counterfactual policy gradients with a central critic (Foerster et al. 2018)",
        presets={"paper": paper, "pymarl": pymarl, "fast": fast},
    )
