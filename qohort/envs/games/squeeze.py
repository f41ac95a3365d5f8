"""The Gaussian squeezes of QTRAN: many agents share the use of a resource, and the best use is a narrow peak."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.games.tables import ArrayLike
from qohort.errors import QohortError
from qohort.scene import Circles, Labels, Lines, Rectangles, Scene, Tone
from qohort.spec import EnvSpec, Observation, Outcome

DOMAINS: dict[str, tuple[tuple[float, float], ...]] = {
    "gaussian-squeeze": ((8.0, 0.5),),
    "multi-domain-gaussian-squeeze": ((8.0, 0.5), (5.0, 1.0)),
}
"""The middle and the width of each domain."""
FINE = 1_000
"""So many uses are tried for the best one."""
CURVE, MARKS = 240, 11
TINY = 1e-9


class Squeeze(eqx.Module):
    """What each agent's unit of effort is worth, and what everyone did, if it is done."""

    worth: Float[Array, " N"]
    effort: Int[Array, " N"]
    played: Bool[Array, ""]


class GaussianSqueeze(AbstractEnv):
    """Son et al. 2019 (QTRAN): everyone chooses an effort once, and the team wants a certain sum.

    At the beginning the worth s_i of each agent's effort is drawn from 0 to `spread`. The efforts a_i are the
    numbers of the actions. The use of the resource is x = Σ a_i s_i / N, the reward the sum over the domains
    (μ, σ) of x exp(-(x - μ)²/σ²). With a second, broader domain at a smaller x a team that gropes its way ends
    there. Each agent sees its own worth and, as in the authors' code, everybody's; an agent's units are its worth.

    The metrics are `use`, which is x, and `share`: the reward as a part of the greatest that any use within the
    team's reach would bring. As efforts are whole numbers, the best team may stay a little below 1.

    Differences from the authors' code: an agent's own worth comes first in what it sees; there, a number tells
    agents apart.
    """

    spec: EnvSpec = eqx.field(static=True)
    spread: float = eqx.field(static=True)
    seen: str = eqx.field(static=True)
    domains: Float[Array, "D 2"]

    def __init__(
        self,
        *,
        agents: int = 10,
        efforts: int = 11,
        spread: float = 2.0,
        domains: ArrayLike | None = None,
        seen: str = "all",
        name: str = "gaussian-squeeze",
    ) -> None:
        """Keep the numbers.

        Args:
            agents: how many there are, N.
            efforts: how many efforts to choose from; they are 0, 1, 2 and so on.
            spread: the greatest worth of a unit of effort.
            domains: the middle μ and the width σ of each; default: those of the paper's game of this name.
            seen: whether an agent sees the worth of `"all"`, or its `"own"` alone.
            name: the world's name, without `games/`.
        """
        world = f"games/{name}"
        for option, value, least in (("agents", agents, 1), ("efforts", efforts, 2)):
            if value < least:
                raise QohortError(f"{world}: `{option}` is {value}, but it must be at least {least}.")
        if not spread > 0:
            raise QohortError(f"{world}: `spread` is {spread:g}, but it must be greater than 0.")
        if seen not in ("all", "own"):
            raise QohortError(f'{world}: `seen` is {seen!r}, but it must be "all" or "own".')
        whose = tuple(f"worth of agent {i + 1}" for i in range(agents))
        self.spec = EnvSpec(
            name=world,
            agents=tuple(f"agent {i + 1}" for i in range(agents)),
            actions=tuple(f"effort {k}" for k in range(efforts)),
            obs_features=("own worth", *(whose if seen == "all" else ())),
            state_features=whose,
            unit_features=("own worth",),
            limit=1,
            metrics=("use", "share"),
        )
        self.spread, self.seen = float(spread), seen
        self.domains = jnp.asarray(_table(world, DOMAINS.get(name, ()) if domains is None else domains), jnp.float32)

    def reward(self, use: Float[Array, "*x"]) -> Float[Array, "*x"]:
        """What a use of the resource brings."""
        middle, width = self.domains.T.reshape(2, -1, *(1,) * use.ndim)
        return (use[None] * jnp.exp(-(((use[None] - middle) / width) ** 2))).sum(0)

    def reset(self, key: PRNGKeyArray) -> Squeeze:
        n_agents = self.spec.n_agents
        worth = jax.random.uniform(key, (n_agents,), maxval=self.spread)
        return Squeeze(worth, jnp.zeros(n_agents, jnp.int32), jnp.array(False))

    def step(self, key: PRNGKeyArray, state: Squeeze, actions: Int[Array, " N"]) -> tuple[Squeeze, Outcome]:
        use = self._use(state.worth, actions)
        reward = self.reward(use)
        most = self._use(state.worth, jnp.full_like(actions, self.spec.n_actions - 1))
        # The middles too: a narrow peak may lie between two points; and the use itself, so that a share is at most 1.
        peaks = jnp.clip(self.domains[:, 0], 0.0, most)
        within = jnp.concatenate([jnp.linspace(0.0, 1.0, FINE) * most, peaks, use[None]])
        return Squeeze(state.worth, actions.astype(jnp.int32), jnp.array(True)), Outcome(
            reward=reward[None],
            terminated=jnp.array(True),
            truncated=jnp.array(False),
            metrics={"use": use, "share": reward / jnp.maximum(self.reward(within).max(), TINY)},
        )

    def snapshot(self, state: Squeeze) -> Squeeze:
        return state

    def observe(self, snapshot: Squeeze) -> Observation:
        n_agents = self.spec.n_agents
        own = snapshot.worth[:, None]
        everyone = jnp.broadcast_to(snapshot.worth, (n_agents, n_agents))
        return Observation(
            obs=jnp.concatenate([own, everyone], axis=1) if self.seen == "all" else own,
            state=snapshot.worth,
            units=own,
            avail=jnp.ones((n_agents, self.spec.n_actions), bool),
            alive=jnp.ones(n_agents, bool),
        )

    def scene(self, snapshot: Squeeze) -> Scene:
        """The reward over the use, and beneath it what each agent could give and gives."""
        return Scene(
            layers=(*self._curve(snapshot), *self._efforts(snapshot)),
            bounds=(-0.3, -0.1, 10.3, 7.3),
            note="Above: the reward over the use of the resource. Below: what each agent could give (frame) and gives.",
        )

    def _curve(self, snapshot: Squeeze) -> tuple[Lines, Lines, Lines, Circles, Labels]:
        """With a mark at the use that the team made of the resource."""
        reach = self.spread * (self.spec.n_actions - 1)
        uses = jnp.linspace(0.0, reach, CURVE)
        heights = self.reward(uses)
        use = self._use(snapshot.worth, snapshot.effort)
        high = jnp.maximum(jnp.maximum(heights.max(), self.reward(use)), TINY)
        points = jnp.stack([uses / reach * 10, heights / high * 3 + 4], axis=1)
        x, y = use / reach * 10, self.reward(use) / high * 3 + 4
        top, foot = jnp.stack([x, y])[None], jnp.stack([x, jnp.full((), 4.0)])[None]
        marks = np.linspace(0.0, reach, MARKS)
        below = np.stack([marks / reach * 10, np.full(len(marks), 3.78)], axis=1)
        return (
            Lines(np.array([[0.0, 4.0]]), np.array([[10.0, 4.0]]), tone=Tone.MUTED),
            Lines(points[:-1], points[1:], tone=Tone.OURS, weight=2.5),
            Lines(top, foot, dashed=True, visible=snapshot.played),
            Circles(top, 0.13, fill=Tone.ACCENT, visible=snapshot.played),
            Labels(below, tuple(f"{mark:g}" for mark in marks), size=0.28),
        )

    def _efforts(self, snapshot: Squeeze) -> tuple[Rectangles, Rectangles, Labels]:
        n_agents = self.spec.n_agents
        wide = 8 / n_agents
        left = np.arange(n_agents) * 10 / n_agents + wide / 8
        low = np.stack([left, np.full(n_agents, 0.5)], axis=1)
        could = snapshot.worth / self.spread * 2.4
        gives = could * snapshot.effort / (self.spec.n_actions - 1)

        def top(height: Float[Array, " N"]) -> Float[Array, "N 2"]:
            return jnp.stack([left + wide, 0.5 + height], axis=1)

        names = tuple(str(i + 1) for i in range(n_agents))
        return (
            Rectangles(low, top(gives), fill=Tone.OURS),
            Rectangles(low, top(could), fill=Tone.NONE, outline=Tone.INK),
            Labels(low + np.array([[wide / 2, -0.3]]), names, size=0.32),
        )

    def _use(self, worth: Float[Array, " N"], effort: Int[Array, " N"]) -> Float[Array, ""]:
        return (effort * worth).sum() / self.spec.n_agents


def _table(world: str, domains: ArrayLike) -> Float[np.ndarray, "D 2"]:
    """Domains as rows of a middle and a width."""
    try:
        table = np.array(domains, np.float64)
    except (TypeError, ValueError):
        table = np.empty((0, 0))
    if table.ndim != 2 or table.shape[1] != 2 or not np.isfinite(table).all() or not (table[:, 1] > 0).all():
        raise QohortError(
            f"{world}: `domains` is {domains}, but it must be a list of pairs, the middle and the width of each "
            "domain, with widths greater than 0: [[8, 0.5], [5, 1]]."
        )
    return table
