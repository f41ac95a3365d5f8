"""How much memory the replay takes, told before it is taken."""

import jax
import jax.numpy as jnp

from qohort.envs.base import AbstractEnv
from qohort.errors import QohortError
from qohort.replay.feed import AbstractFeed
from qohort.replay.frames import Ring, empty_ring
from qohort.sizes import size


def ring_shapes(env: AbstractEnv, feed: AbstractFeed, environments: int) -> Ring:
    """The ring as shapes and types, nothing allocated."""
    return jax.eval_shape(lambda: make_ring(env, feed, environments))


def make_ring(env: AbstractEnv, feed: AbstractFeed, environments: int) -> Ring:
    return empty_ring(
        env, environments=environments, frames=feed.frames_each(env.spec, environments), episodes=feed.table()
    )


def bytes_of(shapes: Ring) -> int:
    return sum(leaf.size * jnp.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(shapes))


def check_memory(env: AbstractEnv, feed: AbstractFeed, *, environments: int, copies: int) -> str:
    """Say how much the replay takes, or refuse if the device does not have it.

    Args:
        copies: how many rings live at the same time (seeds that train together).
    """
    shapes = ring_shapes(env, feed, environments)
    need = bytes_of(shapes) * copies
    frames = shapes.capacity * environments
    each = f", {copies} times" if copies > 1 else ""
    says = (
        f"{feed.kept}: {frames:,} frames of {env.spec.name} ("
        f"{environments} environment{'s' if environments > 1 else ''}{each}) take {size(need)}"
    )
    room = device_memory()
    if room is not None and need > room:
        raise QohortError(
            f"{says}, but {jax.devices()[0].device_kind} has {size(room)} free. {feed.less(0.8 * room / need)}"
        )
    return f"{says}."


def device_memory() -> int | None:
    """Bytes that can still be had on the device; None if it cannot be found out."""
    device = jax.devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    try:
        with open("/proc/meminfo") as lines:
            facts = dict(line.split(":", 1) for line in lines)
    except OSError:
        return None
    return int(facts["MemAvailable"].split()[0]) * 1024
