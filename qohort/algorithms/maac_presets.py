"""Named settings of MAAC, each with its source."""

from qohort.algorithms.maac import MAAC
from qohort.algorithms.method import Method, Preset, fitting
from qohort.networks.attentive import AttentiveCritic
from qohort.networks.feedforward import FeedForward
from qohort.replay.samplers import Replayed

LENGTHS = {"battle/": {"steps": 480_000, "eval_every": 40_000, "eval_episodes": 128}}
"""How long `fast` trains: on 3m it wins most battles from 200,000 steps on."""

ROUNDS = 4_176
"""In each, 12 environments play an episode: the first number from 50,000 / 12 on that many intervals divide."""


def _published(world: str) -> dict[str, int]:
    """The published length: some 50,000 episodes, of 100 steps where treasure is collected and of 25 elsewhere."""
    length = fitting({"particles/treasure": 100}, world, 25)
    return {"steps": 12 * length * ROUNDS, "chunk": 25, "eval_every": 12 * length * 36}


def paper(world: str = "") -> Preset:
    """The settings of the authors' code; those of the paper where they are known to differ."""
    return Preset(
        algorithm=MAAC(entropy_discount=True, target_rate=5e-3),
        source="Iqbal and Sha 2019: the entropy term inside of the discounted expectation, τ 0.005; the rest as in the "
        "authors' code (see `authors`).",
        run=_published(world),
    )


def authors(world: str = "") -> Preset:
    """The settings of the authors' code."""
    return Preset(
        algorithm=MAAC(),
        source="The authors' release: 12 environments, 4 updates per 100 steps, batches of 1,024 steps, Adam 1e-3 with "
        "clips 0.5 and 10 per agent, decay 1e-3 of the critics' weights, 4 heads of 32, ρ 100, τ 0.001, rewards "
        "standardised, 50,000 episodes of 25 steps, or of 100 in treasure collection, and as many more as makes whole "
        "intervals (50,112).",
        run=_published(world),
    )


def fast(world: str = "") -> Preset:
    """Least wall-clock on two processor cores."""
    return Preset(
        algorithm=MAAC(
            team=FeedForward(),
            critic=AttentiveCritic(hidden=64, sharing="all"),
            feed=Replayed(sampler="windows", batch=32, length=8, episodes=2000),
            update_every=64,
            updates=1,
            environments=16,
            target_rate=1e-2,
            normalise_rewards=False,
            standardise=False,
            entropy_discount=True,
        ),
        source="Qohort, for two processor cores: policies and encoders shared, hidden layers of 64, batches of 256 "
        "steps, one update per 64 steps, τ 0.01, rewards and inputs as they are.",
        run=fitting(LENGTHS, world, {"steps": 80_000, "eval_every": 8_000}),
    )


def maac() -> Method:
    """The row of the registry."""
    return Method(
        summary="soft actor-critics that attend to each other (Iqbal and Sha 2019)",
        presets={"paper": paper, "authors": authors, "fast": fast},
    )
