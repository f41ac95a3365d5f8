"""Methods by name. A new one is a row here."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from qohort.algorithms import qtran, weighted_qmix
from qohort.algorithms.coma_presets import coma
from qohort.algorithms.maac_presets import maac
from qohort.algorithms.method import Method, Preset, fitting
from qohort.algorithms.ppo_presets import PPO_METHODS
from qohort.algorithms.presets import decomposition, paper_qplex, pymarl2_iql, pymarl2_qmix, qatten_on
from qohort.algorithms.replay_free_presets import fast_independent, replay_free
from qohort.errors import QohortError
from qohort.mixers import QMIX, QPLEX, VDN, Importance, Independent, Monotone, Qatten, Qlinear, QPLEXQatten
from qohort.mixers.base import AbstractMixerConfig
from qohort.networks import TEAMS

REPLAY_FREE: dict[str, AbstractMixerConfig] = {
    "iql": Independent(),
    "vdn": VDN(),
    "qmix": QMIX(norm=True),
    "qatten": Qatten(norm=True),
    "qlinear": Qlinear(norm=True),
    "qplex": QPLEX(norm=True, importance=Importance(norm=True)),
    "qplex-qatten": QPLEXQatten(
        attention=Qatten(regulariser=0.001, norm=True), importance=Importance(kernels=4, layers=1, norm=True)
    ),
    "monotone": Monotone(norm=True),
}
"""Every mixer as replay-free learning has it, whose names are `pqn-` and these."""

METHODS: dict[str, Method] = {
    "iql": decomposition(
        Independent(),
        "independent Q-learning: every agent learns from the team's reward by itself (Tan 1993)",
        protocols={"pymarl2": pymarl2_iql},
    ),
    "vdn": decomposition(VDN(), "value decomposition networks: the sum of the utilities (Sunehag et al. 2018)"),
    "qmix": decomposition(
        QMIX(),
        "monotonic mixing by hypernetworks (Rashid et al. 2018)",
        under={"two-step": lambda world: QMIX(embed=8, hypernet_layers=1)},
        protocols={"pymarl2": pymarl2_qmix},
    ),
    "qatten": decomposition(
        Qatten(),
        "multi-head attention over the agents' utilities (Yang et al. 2020)",
        under={
            "paper": qatten_on,
            "pymarl2": lambda world: Qatten(weighted_head=True, biases=True, regulariser=0.0),
            "two-step": lambda world: Qatten(embed=8),
        },
        absent=("two-step",),
    ),
    "qlinear": decomposition(
        Qlinear(),
        "Qatten's control without attention: state-dependent positive weights",
        absent=("pymarl2", "two-step"),
    ),
    "qplex": decomposition(
        QPLEX(),
        "duplex dueling: every joint value with IGM (Wang et al. 2021)",
        under={"pymarl2": lambda world: QPLEX(importance=Importance(kernels=4, layers=2))},
        protocols={"paper": paper_qplex},
        absent=("two-step",),
    ),
    "qplex-qatten": decomposition(
        QPLEXQatten(),
        "QPLEX on Qatten's attention, as its authors ran it on StarCraft (Wang et al. 2021)",
        under={"paper": lambda world: QPLEXQatten(attention=dataclasses.replace(qatten_on(world), regulariser=0.001))},
        protocols={"paper": paper_qplex},
        absent=("pymarl2", "two-step"),
    ),
    "monotone": decomposition(
        Monotone(),
        "smooth maxima of minima: every monotone joint value, OR as well as AND (Sill 1997, Igel 2024)",
        absent=("paper", "pymarl2", "two-step"),
    ),
    **{f"pqn-{name}": replay_free(name, mixer) for name, mixer in REPLAY_FREE.items()},
    "pqn-iql": replay_free("iql", REPLAY_FREE["iql"], protocols={"fast": fast_independent}),
    "qtran": qtran.BASE,
    "qtran-alt": qtran.ALT,
    "ow-qmix": weighted_qmix.OPTIMISTIC,
    "cw-qmix": weighted_qmix.CENTRAL,
    "coma": coma(),
    "maac": maac(),
    **PPO_METHODS,
}
"""Every method that `qohort train` knows."""

WORLD_DEFAULTS: dict[str, str] = {
    "games/two-step": "two-step",
    "games/relay": "fast",
    "rooms/": "fast",
    "battle/": "fast",
}
"""The preset with which worlds whose names begin so are trained if none is named; `paper` elsewhere."""


def preset_names() -> tuple[str, ...]:
    """The presets that some method has, in the order of the registry."""
    return tuple(dict.fromkeys(name for method in METHODS.values() for name in method.presets))


def method_of(name: str) -> Method:
    """The row of a name, or a sentence with the nearest."""
    if name not in METHODS:
        raise QohortError(unknown("algorithm", name, METHODS))
    return METHODS[name]


def default_preset(name: str, world: str) -> str:
    """The preset that a world is trained with if none is named; `paper` where the method lacks the world's own."""
    usual = fitting(WORLD_DEFAULTS, world, "paper")
    return usual if usual in method_of(name).presets else "paper"


def preset(name: str, world: str, which: str | None = None, *, team: str | None = None) -> Preset:
    """The settings for an algorithm's name, a world and a preset's name, with another network if asked."""
    known = method_of(name).presets
    which = which or default_preset(name, world)
    if which not in known:
        raise QohortError(unknown(f"preset of {name}", which, known))
    settings = known[which](world.partition("?")[0])
    if team is None:
        return settings
    if team not in TEAMS:
        raise QohortError(unknown("team network", team, TEAMS, see="qohort train --help"))
    algorithm: Any = settings.algorithm
    network: Any = TEAMS[team]
    if hasattr(network, "norm") and hasattr(algorithm.team, "norm"):  # without it, learning without replay diverges
        network = dataclasses.replace(network, norm=algorithm.team.norm)
    return dataclasses.replace(settings, algorithm=dataclasses.replace(algorithm, team=network))


def unknown(kind: str, name: str, known: Mapping[str, object], *, see: str = "qohort list") -> str:
    """A sentence for a name that nothing has."""
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.4)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    return f"There is no {kind} named {name!r}.{guess} Known are: {', '.join(known)}. See `{see}`."
