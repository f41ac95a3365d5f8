"""One greedy episode of a trained team, with everything that one would want to look at."""

import collections
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.algorithms.base import AbstractAlgorithm
from qohort.algorithms.joint import pick
from qohort.envs import AbstractEnv
from qohort.envs.base import Snapshot
from qohort.mixers.base import AbstractMixer
from qohort.networks.base import AbstractTeam
from qohort.report.joint import Joint, joint
from qohort.spec import Observation
from qohort.training.collect import Actors, first_actors, view_of
from qohort.training.evaluation import evaluation_key
from qohort.training.load import EVALUATE_STREAM, Which, check_asked, load_params, read_run
from qohort.training.moments import Moment, look_and_step
from qohort.training.tally import metric_name

LISTED = 4
"""More agents than these are counted by action instead of named in a caption."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Episode:
    """What happened, stacked over time: T steps, and T + 1 moments, the last of which nobody acted in."""

    env: AbstractEnv
    title: str
    snapshots: Snapshot
    """The moments; every leaf begins with the axis T + 1."""
    values: Float[np.ndarray, "T1 N A"]
    """The utility of every action in every moment, as the team network gave it."""
    avail: Bool[np.ndarray, "T1 N A"]
    alive: Bool[np.ndarray, "T1 N"]
    actions: Int[np.ndarray, "T N"]
    rewards: Float[np.ndarray, "T M"]
    terminated: bool
    """Whether the task ended; otherwise the time limit was hit."""
    metrics: dict[str, float]
    """What the world says of the whole episode."""
    outputs: Literal["utilities", "logits"] = "utilities"
    """What `values` are."""
    returns: Float[np.ndarray, "T M2"] | None = None
    """What followed each step in this episode: the discounted sum of rewards, as they are learnt from."""
    heard: Float[np.ndarray, "T1 N N"] | None = None
    """How much of whom each agent hears, receivers first; None where nobody speaks."""
    joint: Joint | str = "Nothing is known of a mixer."
    """What the mixer made of the utilities, or why there is nothing to say."""

    @property
    def length(self) -> int:
        """How many steps it has."""
        return len(self.actions)

    def gained(self, moment: int) -> float:
        """The reward before a moment; the mean over agents where they are rewarded one by one."""
        return float(self.rewards[:moment].mean(axis=-1).sum())

    def caption(self, moment: int) -> tuple[str, str]:
        """Two lines for a picture: where the episode stands, and what is done next."""
        so_far = f"reward so far {self.gained(moment):.4g}"
        if moment < self.length:
            return f"step {moment + 1}, {so_far}", self._doing(moment)
        return f"after {self.length} steps, {so_far}", self._ending()

    def _doing(self, moment: int) -> str:
        """Actions by name; nothing is said of agents that have no choice."""
        spec = self.env.spec
        chose = [
            (spec.agents[agent], spec.actions[self.actions[moment, agent]])
            for agent in range(spec.n_agents)
            if self.avail[moment, agent].sum() > 1
        ]
        if not chose:
            return "nobody has a choice"
        if len(chose) <= LISTED:
            return "; ".join(f"{agent}: {action}" for agent, action in chose)
        counts = collections.Counter(action for _, action in chose)
        return ", ".join(f"{count} x {action}" for action, count in counts.most_common())

    def _ending(self) -> str:
        over = "the task ended" if self.terminated else "the time limit was hit"
        if "won" in self.metrics:
            over = f"{'won' if self.metrics['won'] else 'lost'}: {over}"
        others = "".join(f"; {name} {value:.4g}" for name, value in self.metrics.items() if name != "won")
        return over + others


def watch(
    run: str | Path,
    *,
    seed: int | None = None,
    which: Which = "best",
    number: int = 0,
    stream: int = 0,
    start: int | None = None,
    env: AbstractEnv | None = None,
    classes: Sequence[type] = (),
) -> Episode:
    """Play one of the episodes that `qohort eval` counts, and keep what happened.

    Args:
        run: the run folder; it may belong to a run that still goes on.
        seed: which seed's team; the run's first if not given.
        which: the one with the best evaluation, or the newest one.
        number: which episode of the random stream, from 0.
        stream: the random stream, as in `qohort eval RUN --stream`.
        start: the seed whose episodes are played, as in `qohort eval --seed`; by default, the team's own.
        env: the world, if the run was started from Python with a world that has no registered name.
        classes: config classes of your own that the run was made with.
    """
    check_asked(stream=stream, number=number)
    config = read_run(run, classes)
    world = env or config.make()
    seed = config.run.seed if seed is None else seed
    params, counters = load_params(Path(run), config, world.spec, seed=seed, which=which)
    key = evaluation_key(seed if start is None else start, EVALUATE_STREAM + stream)
    title = f"{config.name} on {config.world}, seed {seed}"
    title += ", best team" if which == "best" else f", team at step {counters['step']:,}"
    mixer = config.algorithm.mixer_of(params) or f"{config.name} has no mixer."
    return play(config.algorithm, world, params.team, key=key, number=number, title=title, mixer=mixer)


def play(
    algorithm: AbstractAlgorithm,
    env: AbstractEnv,
    team: AbstractTeam,
    *,
    key: PRNGKeyArray,
    number: int = 0,
    title: str = "",
    mixer: AbstractMixer | str = "Nothing is known of a mixer.",
) -> Episode:
    """The greedy episode that is the `number`-th of `evaluate` with this key."""
    moments, last = jax.jit(_roll, static_argnums=(0, 4))(algorithm, env, team, key, number)
    ended = np.asarray(moments.terminated | moments.truncated)
    length = int(ended.argmax()) + 1 if ended.any() else len(ended)

    def stacked(field: str) -> Any:
        """The moments of the episode, with the last one."""
        every = jax.tree.map(
            lambda old, new: jnp.concatenate([old, new[None]]), getattr(moments, field), getattr(last, field)
        )
        return jax.tree.map(lambda leaf: leaf[: length + 1], every)

    snapshots, values, actions = stacked("snapshot"), np.asarray(stacked("values")), moments.actions[:length]
    seen = jax.jit(jax.vmap(env.observe))(snapshots)
    made: Joint | str = mixer if isinstance(mixer, str) else ""
    if isinstance(mixer, AbstractMixer):
        acted_in = jax.tree.map(lambda leaf: leaf[:length], seen)
        made = joint(mixer, pick(jnp.asarray(values[:length]), actions), acted_in, actions)
    learnt = np.asarray(algorithm.team_reward(moments.reward[:length, None]))
    return Episode(
        env=env,
        title=title or env.spec.name,
        snapshots=snapshots,
        values=values,
        avail=np.asarray(stacked("avail")),
        alive=np.asarray(stacked("alive")),
        actions=np.asarray(actions),
        rewards=np.asarray(moments.reward[:length]),
        terminated=bool(moments.terminated[length - 1]),
        metrics={metric: float(value[length - 1]) for metric, value in moments.metrics.items()},
        outputs=algorithm.outputs,
        returns=discounted(learnt[:, 0], algorithm.gamma),
        joint=made,
        heard=_heard(team, seen, actions) if team.talks else None,
    )


def discounted(rewards: Float[np.ndarray, "T M"], gamma: float) -> Float[np.ndarray, "T M"]:
    """The discounted sum of the rewards from each step on."""
    totals, total = np.zeros(rewards.shape, np.float32), np.zeros(rewards.shape[1])
    for step in reversed(range(len(rewards))):
        total = totals[step] = rewards[step] + gamma * total
    return totals


def figures(episode: Episode) -> dict[str, float]:
    """Return, length and metrics under the names that evaluations use."""
    scores = {"return": episode.gained(episode.length), "length": float(episode.length), **episode.metrics}
    return {metric_name(name): value for name, value in scores.items()}


def _heard(team: AbstractTeam, seen: Observation, actions: Int[Array, "T N"]) -> Float[np.ndarray, "T1 N N"] | None:
    """Who hears whom, by reading the episode once more."""
    before = jnp.concatenate([jnp.full_like(actions[:1], -1), actions])
    view = jax.tree.map(lambda leaf: leaf[:, None], view_of(seen, before))
    first = jnp.arange(len(before))[:, None] == 0
    heard = jax.jit(lambda: team(team.initial(1), view, first)[0].aux)().get("heard")
    return None if heard is None else np.asarray(heard[:, 0])


def _roll(
    algorithm: AbstractAlgorithm, env: AbstractEnv, team: AbstractTeam, key: PRNGKeyArray, number: int
) -> tuple[Moment, Moment]:
    """Play on to the limit as `evaluate` does, and one moment more; what comes after the end is cut off later.

    An episode's random numbers depend on its place alone, so the first `number + 1` are played.
    """
    environments = number + 1
    key_reset, key_play = jax.random.split(key)

    def step(actors: Actors, time: Int[Array, ""]) -> tuple[Actors, Moment]:
        actors, moment = look_and_step(algorithm, env, team, actors, key=jax.random.fold_in(key_play, time))
        return actors, jax.tree.map(lambda leaf: leaf[number], moment)

    actors = first_actors(env, team, environments=environments, key=key_reset)
    actors, moments = jax.lax.scan(step, actors, jnp.arange(env.spec.limit))
    return moments, step(actors, jnp.int32(env.spec.limit))[1]
