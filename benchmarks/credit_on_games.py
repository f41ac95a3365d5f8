"""How well Qatten's credit agrees with Shapley values in games whose optimal values are known.

    python benchmarks/credit_on_games.py [KINDS ...] [--games 5] [--steps 40960] [--folder runs/credit]

Four agents with three actions each in four states; a game of each kind for each seed. Everyone explores all the time,
so every joint action is learned from. In `additive`, `supermodular` and `misleading` games
(`qohort.envs.games.random_games`) all agents see the state and who they are. In `hidden` games an agent sees only who
it is, while how much its action counts depends on the state: Q*(s, u) is a sum of a_i(s) x_i(u_i), and only the mixer,
which reads s, can tell a_i(s).
"""

import dataclasses
import json
import pathlib
import tempfile
from typing import Annotated, Any

import numpy as np
import tyro

from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.analyse.credit import MEASURES, Credit, weigh
from qohort.analyse.influence import Replays
from qohort.analyse.page import mean_of, plain, told
from qohort.analyse.subject import subjects
from qohort.envs.games import random_games
from qohort.envs.games.tabular import TabularGame
from qohort.estimators.exploration import LinearSchedule
from qohort.mixers import Qatten
from qohort.networks.feedforward import FeedForward
from qohort.replay.samplers import Replayed
from qohort.training.run import Run
from qohort.training.train import train

RESULTS = pathlib.Path(__file__).parent / "results" / "credit-on-games.json"
AGENTS, ACTIONS, STATES, GAMMA = 4, 3, 4, 0.9
KINDS = ("additive", "supermodular", "misleading", "hidden")


@dataclasses.dataclass(frozen=True)
class Flags:
    kinds: Annotated[tuple[str, ...], tyro.conf.Positional] = KINDS
    """Which kinds of games."""
    games: int = 5
    """Games of each kind; a team is trained on each."""
    steps: int = 40_960
    """Environment steps of each training."""
    regulariser: tuple[float, ...] = (0.01, 0.0)
    """Weights of Qatten's penalty on logits."""
    folder: pathlib.Path | None = None
    """Where the runs go; a folder that is deleted afterwards if not given."""
    out: pathlib.Path = RESULTS
    """Where the numbers go, as JSON."""


def game(kind: str, seed: int) -> TabularGame:
    """A game of this kind in which every agent sees who it is."""
    sizes = {"n_states": STATES, "n_agents": AGENTS, "n_actions": ACTIONS, "gamma": GAMMA}
    builders = {
        "additive": random_games.random_additive_game,
        "supermodular": random_games.random_monotone_supermodular_game,
        "misleading": random_games.random_misleading_game,
    }
    if kind == "hidden":
        known = random_games.random_additive_game(seed, **sizes)
        q = np.concatenate([_weighted(seed), np.zeros((1, *(ACTIONS,) * AGENTS))])
    else:
        known = builders[kind](seed, **sizes)
        q = known.q
    tables = known.game.tabular()
    transitions = tables.transitions / tables.transitions.sum(axis=-1, keepdims=True)
    who = np.broadcast_to(np.eye(AGENTS), (STATES + 1, AGENTS, AGENTS))
    where = np.broadcast_to(np.eye(STATES + 1)[:, None], (STATES + 1, AGENTS, STATES + 1))
    return TabularGame(
        transitions,
        random_games.tabular_from_q(q, transitions, GAMMA),
        terminal=tables.terminal,
        initial=tables.initial,
        observations=who if kind == "hidden" else np.concatenate([who, where], axis=-1),
        states=np.eye(STATES + 1),
        name=f"games/{kind}",
    )


def _weighted(seed: int) -> np.ndarray:
    """Sums of a_i(s) x_i(u_i): x are utilities with gaps, a are shares of 4 that differ from state to state."""
    rng = np.random.default_rng(seed)
    utilities = [rng.permutation(np.concatenate([[0.0], np.cumsum(rng.uniform(0.35, 0.8, 2))])) for _ in range(AGENTS)]
    tables = []
    for _ in range(STATES):
        shares = AGENTS * rng.dirichlet(np.ones(AGENTS))
        total = np.zeros(())
        for share, utility in zip(shares, utilities, strict=True):
            total = np.add.outer(total, share * utility)
        tables.append(total)
    return np.stack(tables)


def trained(kind: str, seed: int, regulariser: float, flags: Flags, folder: pathlib.Path) -> Credit:
    """Train, and compare credit in 64 moments of greedy play."""
    world = game(kind, seed)
    algorithm = ValueDecomposition(
        mixer=Qatten(regulariser=regulariser),
        team=FeedForward(hidden=64),
        feed=Replayed(batch=32, length=8, sampler="windows", episodes=4000),
        epsilon=LinearSchedule(start=1.0, end=1.0, steps=1),
        optimiser=dataclasses.replace(ValueDecomposition().optimiser, kind="adam", learning_rate=1e-3),
        environments=16,
        update_every=16,
        update_unit="steps",
        gamma=GAMMA,
    )
    run = Run(steps=flags.steps, seed=seed, chunk=16, eval_every=flags.steps, eval_episodes=32, folder=folder)
    train(algorithm, world, run, name="qatten")
    (team,) = subjects([folder], env=world)
    return weigh(team, episodes=32, how=Replays(gamma=GAMMA))


def main() -> None:
    flags = tyro.cli(Flags, description=__doc__)
    results: dict[str, Any] = json.loads(flags.out.read_text()) if flags.out.exists() else {}
    with tempfile.TemporaryDirectory() as temporary:
        root = flags.folder or pathlib.Path(temporary)
        for kind in flags.kinds:
            for regulariser in flags.regulariser:
                name = f"{kind}, penalty {regulariser:g}"
                found = [
                    trained(kind, seed, regulariser, flags, root / f"{kind}-{regulariser:g}-{seed}")
                    for seed in range(flags.games)
                ]
                results[name] = {
                    measure: {
                        "rank": [item.ranks[measure][0] for item in found],
                        "linear": [item.linear[measure][0] for item in found],
                    }
                    for measure in MEASURES
                }
                print(name)
                for measure, scores in results[name].items():
                    ranks, linear = (mean_of(scores[which], least=-1.0, greatest=1.0) for which in ("rank", "linear"))
                    print(f"  {measure:<22} rank {told(ranks):<20} linear {told(linear)}", flush=True)
    flags.out.write_text(json.dumps(plain(results), indent=1) + "\n")


if __name__ == "__main__":
    main()
