"""Learning from past episodes: two ways to fill windows from the ring.

`episodes` gives whole episodes, padded to the world's limit: what the published settings mean.
`windows` begins at a random episode and runs on across the following ones, so that hardly anything is
computed on padding. An episode that is longer than a window has several, which begin a window's length apart, with
agents that remember nothing; it is drawn so much more often. Both draw without replacement from the episodes in the
table that are still whole.
"""

import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.errors import QohortError
from qohort.limits import at_least, choices
from qohort.networks.base import Carry
from qohort.replay.feed import AbstractFeed, Mark
from qohort.replay.frames import Frame, Ring
from qohort.replay.window import Window
from qohort.spec import EnvSpec, Observation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Replayed(AbstractFeed):
    """Learning from a replay of past episodes."""

    kept: ClassVar[str] = "Replay"

    sampler: Literal["episodes", "windows"] = "episodes"
    """`episodes`: whole ones, padded; `windows`: stretches that run on across episodes, and divide long ones."""
    batch: int = 32
    """How many episodes or windows one update learns from."""
    length: int | None = None
    """Steps of a window (`windows` only); the world's limit if not given."""
    episodes: int = 5000
    """How many of the newest episodes may be drawn."""
    frames: int | None = None
    """Frames kept in all; if not given, enough for `episodes` episodes of full length."""

    def __post_init__(self) -> None:
        choices(self, of="feed")
        at_least(1, of="feed", batch=self.batch, length=self.length, episodes=self.episodes, frames=self.frames)
        if self.batch > self.episodes:
            raise QohortError(
                f"feed.batch is {self.batch}, but only {self.episodes} episodes are kept (feed.episodes), "
                "and a batch holds different ones; lower the batch or keep more."
            )
        if self.sampler == "episodes" and self.length is not None:
            raise QohortError(
                f"feed.length is {self.length}, but whole episodes have the length that the world gives them; "
                "leave it out or use feed.sampler=windows."
            )

    def steps(self, spec: EnvSpec) -> int:
        """The `T` of the windows."""
        return self.length or spec.limit

    def frames_each(self, spec: EnvSpec, environments: int) -> int:
        """The capacity of one environment's ring.

        While the newest `episodes` episodes were played, one environment wrote at most `limit` + 1 frames
        for each of its share of them; the episode now running and the scratch slot come on top.
        """
        self._check_drawable(spec, environments)
        longest = spec.limit + 1
        shortest = self.steps(spec) + longest + 2
        if self.frames is None:
            return -(-self.episodes // environments) * longest + shortest
        each = self.frames // environments
        if each < shortest:
            raise QohortError(
                f"feed.frames is {self.frames}, which leaves {each} for each of {environments} environments; "
                f"one window and one episode of {spec.name} need {shortest}. Give at least {shortest * environments}."
            )
        return each

    def _check_drawable(self, spec: EnvSpec, environments: int) -> None:
        """Refuse a replay whose episodes are all too new to begin a window, for ever."""
        # What began within a window's length of the newest frame; the running episode and one more may reach beyond.
        parts = -(-(self.steps(spec) + 1) // (spec.limit + 1))
        fresh = environments * max(0, parts - 2)
        if fresh + self.batch > self.episodes:
            raise QohortError(
                f"feed.episodes is {self.episodes}: while a window of {self.steps(spec)} steps is played, "
                f"{environments} environments of {spec.name} finish at least {fresh} episodes, which are too new to "
                f"begin one, and a batch is {self.batch} windows, so nothing would ever be learned. Keep at least "
                f"{fresh + self.batch}, most often more, or give shorter windows (feed.length)."
            )

    def check_chunk(self, chunk: int) -> None:
        """Chunks may have any length."""

    def table(self) -> int:
        return self.episodes

    def less(self, share: float) -> str:
        what, kept = ("episodes", self.episodes) if self.frames is None else ("frames", self.frames)
        return f"Keep fewer {what}: --algorithm.feed.{what} {max(1, int(kept * share))}."

    def mark(self, ring: Ring, carry: Carry) -> Mark:
        return None

    def ready(self, ring: Ring, spec: EnvSpec) -> Bool[Array, ""]:
        """Whether a batch of different windows can be drawn."""
        return jnp.sum(_eligible(ring, self, spec)) >= self.batch

    def draw(self, key: PRNGKeyArray, ring: Ring, env: AbstractEnv, *, mark: Mark = None) -> Window:
        steps = self.steps(env.spec)
        eligible = _eligible(ring, self, env.spec)
        parts = jnp.maximum(-(-ring.episode_length // steps), 1)
        # The greatest of u^(1/w) are a weighted sample without replacement (Efraimidis and Spirakis 2006).
        lots = jax.random.uniform(key, eligible.shape) ** (1 / parts)
        _, rows = jax.lax.top_k(jnp.where(eligible, lots, -1.0), self.batch)
        length, which = ring.episode_length[rows], ring.episode_env[rows]
        part = jax.random.randint(jax.random.fold_in(key, 1), rows.shape, 0, parts[rows])
        newest = ring.written[which] - steps - 1
        start = jnp.maximum(jnp.minimum(ring.episode_start[rows] + part * steps, newest), ring.episode_start[rows])
        times = jnp.arange(steps + 1, dtype=start.dtype)[:, None]
        slots = (start[None, :] + times) % ring.capacity
        frames = jax.tree.map(lambda store: store[which[None, :], slots], ring.frames)
        observations = jax.vmap(jax.vmap(env.observe))(frames.snapshot)
        if self.sampler == "windows":
            return running_on(frames, observations, before=ring.frames.actions[which, (start - 1) % ring.capacity])
        return _padded(frames, observations, times, length)

    def marked_again(self, mark: Mark, ring: Ring, *, carry: Carry, updates: Int[Array, ""]) -> Mark:
        return None


def _eligible(ring: Ring, feed: Replayed, spec: EnvSpec) -> Bool[Array, " episodes"]:
    """The episodes whose frames are all still there and, for windows, followed by enough others."""
    written = ring.written[ring.episode_env]
    used = ring.episode_length > 0
    kept = ring.episode_start > written - ring.capacity
    if feed.sampler == "windows":
        kept &= ring.episode_start + feed.steps(spec) + 1 <= written
    return used & kept


def running_on(frames: Frame, observations: Observation, *, before: Int[Array, "B N"]) -> Window:
    """Every frame is played, but for the ones that hold what a time limit left.

    Args:
        frames: of a stretch of time.
        observations: in these frames.
        before: the actions in the frame before the first one; not looked at where an episode begins.
    """
    held = jnp.concatenate([jnp.zeros_like(frames.truncated[:1]), frames.truncated[:-1]])
    return window_of(
        frames, observations, first=frames.first, valid=~held[:-1], acted_before=~frames.first, before=before
    )


def _padded(frames: Frame, observations: Observation, times: Int[Array, "T1 1"], length: Int[Array, " B"]) -> Window:
    """Rows after the end are zero, and so is what was done there, as in a freshly allocated episode batch.

    The frame after the last decision belongs to the episode only if the time limit held it.
    """
    held = jnp.take_along_axis(frames.truncated, length[None, :] - 1, axis=0)
    played = times < length[None, :]

    def blank(leaf: Array, there: Bool[Array, "T1 B"]) -> Array:
        return jnp.where(there.reshape(there.shape + (1,) * (leaf.ndim - 2)), leaf, jnp.zeros_like(leaf))

    seen = jax.tree.map(lambda leaf: blank(leaf, times < length[None, :] + held), observations)
    done = jax.tree.map(lambda leaf: blank(leaf, played), dataclasses.replace(frames, snapshot=None))
    first = jnp.broadcast_to(times == 0, played.shape)
    acted_before = jnp.concatenate([jnp.zeros_like(played[:1]), played[:-1]])
    nothing = jnp.zeros_like(frames.actions[0])
    return window_of(done, seen, first=first, valid=played[:-1], acted_before=acted_before, before=nothing)


def window_of(
    frames: Frame,
    observations: Observation,
    *,
    first: Bool[Array, "T1 B"],
    valid: Bool[Array, "T B"],
    acted_before: Bool[Array, "T1 B"],
    before: Int[Array, "B N"],
) -> Window:
    actions = frames.actions.astype(jnp.int32)
    previous = jnp.concatenate([before[None].astype(jnp.int32), actions[:-1]])
    return Window(
        observations=observations,
        last_action=jnp.where(acted_before[:, :, None], previous, -1),
        first=first,
        actions=actions[:-1],
        reward=frames.reward[:-1],
        terminated=frames.terminated[:-1],
        truncated=frames.truncated[:-1],
        valid=valid,
        exploration=frames.exploration[:-1],
    )
