"""What stays the same during a battle: the rules, and what the kinds of the units mean.

`Physics` holds every number of the engine that no public source settles, with the default that we chose; the page on
fidelity says why. `Arena` gathers what the mechanics read, so that each of them is a small function.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from qohort.envs.battle.terrain import Terrain
from qohort.envs.battle.units import Kind, Stats, stats_of
from qohort.errors import QohortError

Follows = Literal["unreached", "none", "all"]
FAR = 1e3
"""Farther than anything on a map."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Physics:
    """How the engine behaves where facts leave room; lengths in cells, times in ticks."""

    jitter: tuple[float, float] = (-1.0, 2.0)
    """What is added to the time between two attacks, uniformly drawn; with (0, 0) nothing but the sides on which
    units go round is random."""
    scan_period: int = 4
    """How often a unit without a target looks for one; units take turns."""
    scan: float = 5.0
    """How far it looks, or as far as its weapon reaches."""
    help_radius: float = 4.0
    """How near the friends are that answer a call for help."""
    help_period: float = 32.0
    """The least time between two calls of a unit."""
    leash: float = 21.0
    """How far a unit follows a target which it chose itself."""
    follows: Follows = "unreached"
    """Which targets out of range a unit follows while others are near: those it has not come to attack yet, or `none`
    (it takes the nearest), or `all`."""
    turns_on_attackers: bool = True
    """Whether a unit that still has to walk to its target answers attacks and calls for help, as idle ones do."""
    arrival: float = 0.25
    """A group has arrived when a unit is within this distance of its goal times the square root of its number."""
    splash_reaches_edges: bool = True
    """Whether areas of damage include units whose edges they touch, or only whose centres they cover."""
    heal_reaches_edges: bool = False
    """Whether the edge of who is healed counts for the range of healing, as the healer's own does."""
    head_start: float = 2.0
    """For how long the enemies have been marching when an episode begins."""
    spread: float = 0.0
    """How far from their places in the formation units may appear."""
    push: float = 1.0
    """The part of an overlap between two units that is undone in a tick."""
    sidestep: float = 1.0
    """How fast a unit that is blocked goes round, in parts of its speed."""

    def __post_init__(self) -> None:
        if not self.jitter[0] <= self.jitter[1]:
            raise QohortError(f"`jitter` is {self.jitter}; its first number must not exceed the second.")
        if self.follows not in get_args(Follows):
            raise QohortError(f"`follows` is {self.follows!r}; it can be {', '.join(map(repr, get_args(Follows)))}.")
        if self.scan_period not in (1, 2, 4, 8):
            raise QohortError(f"`scan_period` is {self.scan_period}; it can be 1, 2, 4 or 8, which divide a step.")
        for name in ("scan", "help_radius", "help_period", "leash", "arrival", "head_start", "spread", "sidestep"):
            if getattr(self, name) < 0:
                raise QohortError(f"`{name}` is {getattr(self, name)}; it must not be negative.")
        if not 0 < self.push <= 1:
            raise QohortError(f"`push` is {self.push}; it is a part of the overlap, above 0 and at most 1.")


class Arena(eqx.Module):
    """What the mechanics read: each unit's statistics, and how the two sides' kinds meet."""

    stats: Stats
    terrain: Terrain
    physics: Physics = eqx.field(static=True)
    n_allies: int = eqx.field(static=True)
    kinds: frozenset[Kind] = eqx.field(static=True)
    """Those that can occur: rules about others are left out of compiled code."""
    room: Float[Array, "..."]
    """How far apart two units have to be; negative if they pass through each other."""
    friends: Float[Array, "n n"]
    """1 for two units of one side, else 0."""
    ours: "Meeting"
    """Allies against enemies."""
    theirs: "Meeting"
    """Enemies against allies."""

    def has(self, *kinds: Kind) -> bool:
        """Whether a unit of one of these kinds can occur."""
        return not self.kinds.isdisjoint(kinds)

    @property
    def has_shields(self) -> bool:
        return self.has(Kind.STALKER, Kind.ZEALOT, Kind.COLOSSUS)

    @property
    def regenerates(self) -> bool:
        return self.has(Kind.ZERGLING, Kind.BANELING, Kind.HYDRALISK, Kind.SPINE_CRAWLER)


class Meeting(eqx.Module):
    """How one side's weapons meet the other side's bodies: a row for each attacker, a column for each victim."""

    strength: Float[Array, "*rows a v"]
    """Damage of one hit before armour."""
    can_hit: Bool[Array, "*rows a v"]
    threatened: Bool[Array, "*rows a v"]
    """Whether the *victim* could harm the attacker, or counts as if: such targets are preferred."""


def arena(
    kind: Int[Array, " n"],
    n_allies: int,
    *,
    kinds: Sequence[Kind],
    table: Stats,
    terrain: Terrain,
    physics: Physics,
) -> Arena:
    """Look up what the kinds of the units mean.

    Args:
        kind: the kind of each unit, allies first.
        n_allies: how many are allies.
        kinds: those that can occur.
        table: the statistics of all kinds.
        terrain: the ground.
        physics: the engine's free numbers.
    """
    stats = stats_of(kind, table)
    allies, enemies = (
        jax.tree.map(lambda a, s=side: a[s], stats) for side in (slice(None, n_allies), slice(n_allies, None))
    )
    allied = jnp.arange(len(kind)) < n_allies
    return Arena(
        stats=stats,
        terrain=terrain,
        physics=physics,
        n_allies=n_allies,
        kinds=frozenset(kinds),
        room=room(stats),
        friends=(allied[:, None] == allied[None, :]).astype(jnp.float32),
        ours=meeting(allies, enemies),
        theirs=meeting(enemies, allies),
    )


def room(stats: Stats) -> Float[Array, "n n"]:
    """How far apart units have to be: fliers, climbers and those on the ground only care for their own sort."""
    layer = jnp.where(stats.air, 1, jnp.where(stats.walks_cliffs, 2, 0))
    meets = (layer[:, None] == layer[None, :]) & ~jnp.eye(len(layer), dtype=bool)
    return jnp.where(meets, stats.separation[:, None] + stats.separation[None, :], -FAR)


def meeting(attackers: Stats, victims: Stats) -> Meeting:
    """Who can hit whom, how hard, and who is worth hitting first."""
    favoured = jnp.where(attackers.bonus_light[:, None], victims.light[None, :], victims.armoured[None, :])
    reaches = _reaches(attackers, victims)
    return Meeting(
        strength=attackers.damage[:, None] + jnp.where(favoured, attackers.bonus[:, None], 0.0),
        can_hit=reaches,
        threatened=_reaches(victims, attackers).T | victims.threatens[None, :],
    )


def _reaches(attackers: Stats, victims: Stats) -> Bool[Array, "a v"]:
    """Armed, and able to aim up if the victim flies; a Colossus can be hit from the ground and from the air."""
    armed = attackers.damage > 0
    return armed[:, None] & (~victims.air[None, :] | attackers.hits_air[:, None])
