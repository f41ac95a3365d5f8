"""Any world as a parallel environment of PettingZoo. Needs the extra `pettingzoo`.

    env = parallel_env("battle/3m")
    observations, infos = env.reset(seed=0)

An observation holds `observation` and `action_mask`, which is in `infos` too; `state()` is what only training sees.

Agents that are out of the game (`alive` in `infos` is False) stay among `agents` until the episode ends: a reward for
the team is theirs too, and a learner that lost them early would miss most of it. All their actions but those in their
mask are without effect. With `leave=True` they are terminated when they die, as in SMAC's own bridge.
"""

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from qohort.envs.base import AbstractEnv
from qohort.envs.hosted import Hosted, Moment
from qohort.envs.registry import make
from qohort.errors import QohortError

try:
    from gymnasium import spaces
    from pettingzoo import ParallelEnv
except ImportError as error:
    raise QohortError(
        "A PettingZoo environment needs pettingzoo, which is not installed. "
        "In the clone, run: pip install -e '.[pettingzoo]'"
    ) from error

Dicts = dict[str, Any]


def parallel_env(
    world: str | AbstractEnv,
    *,
    render_mode: str | None = None,
    strict: bool = False,
    leave: bool = False,
    **options: Any,
) -> "WorldParallelEnv":
    """A world behind PettingZoo's interface.

    Args:
        world: its name, or the world.
        render_mode: `rgb_array` for pictures, which need the extra `video`.
        strict: refuse actions that are not available; otherwise the first that is available takes their place, and
            `infos` says so under `replaced`.
        leave: agents leave when they die.
        **options: of `qohort.make`, if it is a name.
    """
    if options and not isinstance(world, str):
        raise QohortError(f"Options ({', '.join(options)}) belong to a world's name; the world given is made already.")
    env = make(world, **options) if isinstance(world, str) else world
    return WorldParallelEnv(env, render_mode=render_mode, strict=strict, leave=leave)


class WorldParallelEnv(ParallelEnv):
    """One environment, whose agents act at once.

    Attributes:
        world: the world.
        possible_agents: the names of all agents.
        agents: those who take part; nobody after the end of an episode.
        state_space: of `state()`.
        render_mode: as given.
    """

    def __init__(self, world: AbstractEnv, *, render_mode: str | None, strict: bool, leave: bool) -> None:
        if render_mode not in (None, "rgb_array"):
            raise QohortError(f"`render_mode` is {render_mode!r}; it is 'rgb_array' or None.")
        spec = world.spec
        self.world, self.render_mode, self._strict, self._leave = world, render_mode, strict, leave
        self.metadata = {"name": spec.name, "render_modes": ["rgb_array"], "is_parallelizable": True}
        self.possible_agents = list(spec.agents)
        self.agents: list[str] = []
        self.observation_spaces = {
            agent: spaces.Dict(
                {
                    "observation": spaces.Box(-np.inf, np.inf, (spec.obs_size,), np.float32),
                    "action_mask": spaces.Box(0, 1, (spec.n_actions,), np.int8),
                }
            )
            for agent in spec.agents
        }
        self.action_spaces = {agent: spaces.Discrete(spec.n_actions) for agent in spec.agents}
        self.state_space = spaces.Box(-np.inf, np.inf, (spec.state_size,), np.float32)
        self._hosted: Hosted | None = None
        self._moment: Moment | None = None

    def observation_space(self, agent: str) -> Any:
        """Of one agent."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Of one agent."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Dicts, Dicts]:
        """Begin an episode; without a seed, the random numbers go on. There are no options."""
        if self._hosted is None:
            self._hosted = Hosted(self.world, seed=seed)
        elif seed is not None:
            self._hosted.reseed(seed)
        self._moment = self._hosted.reset()
        self.agents = list(self.possible_agents)
        return self._observations(), self._infos()

    def step(self, actions: Any) -> tuple[Dicts, Dicts, Dicts, Dicts, Dicts]:
        """Let every agent act: observations, rewards, terminations, truncations and infos, by the agents' names."""
        if self._hosted is None or not self.agents:
            raise QohortError(f"{self.world.spec.name}: no episode is going on; call `reset`.")
        chosen, replaced = self._chosen(actions)
        acting = self.agents
        moment = self._moment = self._hosted.step(chosen)
        over = moment.terminated or moment.truncated
        alive = dict(zip(self.possible_agents, moment.alive.tolist(), strict=True))
        rewards = moment.reward * (len(alive) // len(moment.reward))
        by_name = dict(zip(self.possible_agents, rewards, strict=True))
        leaves = {agent: moment.terminated or (self._leave and not alive[agent]) for agent in acting}
        cut = {agent: moment.truncated and not leaves[agent] for agent in acting}
        infos = self._infos()
        for agent in acting:
            infos[agent]["replaced"] = agent in replaced
            if over:
                infos[agent]["metrics"] = dict(moment.metrics)
        returned = self._observations(), {agent: by_name[agent] for agent in acting}, leaves, cut, infos
        self.agents = [agent for agent in acting if not (leaves[agent] or cut[agent])]
        return returned

    def state(self) -> Float[np.ndarray, " S"]:
        """What only training sees."""
        return self._now.state.copy()

    def render(self) -> np.ndarray | None:
        """A picture of this moment."""
        if self.render_mode is None:
            return None
        from qohort.report.raster import draw

        if self._hosted is None:
            raise QohortError(f"{self.world.spec.name}: no episode has begun; call `reset` first.")
        scene = self.world.scene(self._hosted.snapshot)
        if scene is None:
            raise QohortError(f"{self.world.spec.name} cannot be drawn: it has no scene.")
        return np.asarray(draw(scene, title=self.world.spec.name))

    def close(self) -> None:
        """Nothing is held that would have to be given back."""

    @property
    def _now(self) -> Moment:
        if self._moment is None:
            raise QohortError(f"{self.world.spec.name}: no episode has begun; call `reset` first.")
        return self._moment

    def _observations(self) -> Dicts:
        obs, masks = self._now.obs.copy(), self._now.avail.astype(np.int8)
        rows = zip(self.possible_agents, obs, masks, strict=True)
        return {name: {"observation": row, "action_mask": mask} for name, row, mask in rows if name in self.agents}

    def _infos(self) -> Dicts:
        masks, alive = self._now.avail.astype(np.int8), self._now.alive.tolist()
        rows = zip(self.possible_agents, masks, alive, strict=True)
        return {name: {"action_mask": mask, "alive": lives} for name, mask, lives in rows if name in self.agents}

    def _chosen(self, actions: Any) -> tuple[np.ndarray, set[str]]:
        """The actions in the order of the agents, and who got another than it wanted."""
        avail = self._now.avail
        if not isinstance(actions, Mapping):
            raise QohortError(
                f"{self.world.spec.name}: `step` got a {type(actions).__name__}; it takes a dict of agents' actions."
            )
        chosen, replaced = avail.argmax(axis=1).astype(np.int32), set()
        for stranger in actions.keys() - set(self.possible_agents):
            raise QohortError(f"{self.world.spec.name}: there is no agent {stranger!r} to act.")
        for index, agent in enumerate(self.possible_agents):
            if agent not in self.agents:
                continue
            if agent not in actions:
                raise QohortError(f"{self.world.spec.name}: {agent} takes part, but `step` got no action for it.")
            try:
                action = operator.index(actions[agent])
            except TypeError:
                raise QohortError(
                    f"{self.world.spec.name}: the action of {agent} is {actions[agent]!r}; actions are whole numbers."
                ) from None
            if not 0 <= action < avail.shape[1]:
                raise QohortError(
                    f"{self.world.spec.name}: the action of {agent} is {action}; actions are 0 to {avail.shape[1] - 1}."
                )
            if avail[index, action]:
                chosen[index] = action
            elif self._strict:
                can = ", ".join(map(str, np.flatnonzero(avail[index])))
                raise QohortError(f"{self.world.spec.name}: {agent} cannot choose action {action} now, but {can}.")
            else:
                replaced.add(agent)
        return chosen, replaced
