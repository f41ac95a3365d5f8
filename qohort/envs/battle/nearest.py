"""Battles in which agents see the nearest only and choose among them: what they read does not grow with the crowd."""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.envs.battle import names
from qohort.envs.battle.availability import reachable, targets
from qohort.envs.battle.env import Battle
from qohort.envs.battle.face import Face, Traits
from qohort.envs.battle.observe import (
    Sighted,
    allies_in_sight,
    assembled,
    enemies_in_sight,
    enemies_seen,
    others_seen,
)
from qohort.envs.battle.state import BattleState, Snapshot
from qohort.envs.battle.visibility import Offsets, offsets, to_allies, to_enemies
from qohort.errors import QohortError
from qohort.scene import Scene
from qohort.spec import EnvSpec, Observation, Outcome


class Listed(NamedTuple):
    """Whom agents see, nearest first, by their numbers, and then others, unseen, whose rows are 0."""

    enemies: Int[Array, "A e"]
    others: Int[Array, "A a"]
    targets: Int[Array, "A m"]
    """Medivacs choose among allies, all else among enemies; beyond the last stands a number that nobody has."""


class Sight(NamedTuple):
    """Whom agents see."""

    enemies: Bool[Array, "A E"]
    allies: Bool[Array, "A A"]


class Nearest(AbstractEnv):
    """A battle in which an agent's rows, and the actions that aim, are of the nearest whom it sees.

    The state, the rewards and everything else are the battle's.
    """

    spec: EnvSpec = eqx.field(static=True)
    battle: Battle
    enemies: int = eqx.field(static=True)
    """How many enemies an agent's observation has rows for."""
    others: int = eqx.field(static=True)
    """Likewise allies."""

    def __init__(self, battle: Battle, count: int) -> None:
        """Narrow the view.

        Args:
            battle: the world.
            count: how many enemies, and how many allies; all of them, the nearest first, where there are not more.
        """
        if count < 1:
            raise QohortError(f"{battle.spec.name}: nearest is {count}; it must be at least 1.")
        face = battle.face
        self.battle = battle
        self.enemies, self.others = min(count, face.n_enemies), min(count, face.n_allies - 1)
        rows = [
            [f"near {who} {i + 1}" for i in range(n)] for who, n in (("enemy", self.enemies), ("ally", self.others))
        ]
        aims = rows[0] if not face.healers else [f"near target {i + 1}" for i in range(self._aims)]
        seen = names.observation(face, *rows)
        self.spec = dataclasses.replace(
            battle.spec,
            actions=(*battle.spec.actions[: face.first_target], *aims),
            obs_features=seen,
            state_features=tuple(f"{agent}: {feature}" for agent in battle.spec.agents for feature in seen)
            if face.flags.obs_instead_of_state
            else battle.spec.state_features,
        )

    def reset(self, key: PRNGKeyArray) -> BattleState:
        return self.battle.reset(key)

    def step(self, key: PRNGKeyArray, state: BattleState, actions: Int[Array, " N"]) -> tuple[BattleState, Outcome]:
        return self.battle.step(key, state, self.by_number(self.snapshot(state), actions))

    def snapshot(self, state: BattleState) -> Snapshot:
        return self.battle.snapshot(state)

    def observe(self, snapshot: Snapshot) -> Observation:
        face, n = self.battle.face, self.battle.face.n_allies
        traits = face.traits_of(snapshot.kind)
        sight = sights(face, traits, snapshot)
        listed = self._listed(traits, snapshot, sight)
        reach = reachable(face, traits, snapshot, to_enemies(snapshot, n))
        enemies = _rows(snapshot, listed.enemies, _picked(sight.enemies, listed.enemies), first=n)
        others = _rows(snapshot, listed.others, _picked(sight.allies, listed.others), first=0)
        return assembled(
            face,
            traits,
            snapshot,
            enemies=enemies_seen(face, traits, snapshot, enemies, _picked(reach, listed.targets)[:, : self.enemies]),
            others=others_seen(face, traits, snapshot, others),
            targets=_picked(targets(face, traits, snapshot, reach), listed.targets),
        )

    def scene(self, snapshot: Snapshot) -> Scene:
        return self.battle.scene(snapshot)

    def traits(self, before: Snapshot, after: Snapshot) -> dict[str, Float[Array, " A"]]:
        return self.battle.traits(before, after)

    def listed(self, snapshot: Snapshot) -> Listed:
        """Whom the rows of a moment's observations are about."""
        traits = self.battle.face.traits_of(snapshot.kind)
        return self._listed(traits, snapshot, sights(self.battle.face, traits, snapshot))

    def by_number(self, snapshot: Snapshot, actions: Int[Array, " A"]) -> Int[Array, " A"]:
        """The battle's own actions, which aim at units by their numbers."""
        first = self.battle.face.first_target
        whom = jnp.take_along_axis(self.listed(snapshot).targets, jnp.maximum(actions - first, 0)[:, None], axis=1)[
            :, 0
        ]
        return jnp.where(actions >= first, first + whom, actions)

    def _listed(self, traits: Traits, snapshot: Snapshot, sight: Sight) -> Listed:
        face, n = self.battle.face, self.battle.face.n_allies
        enemies = nearest(to_enemies(snapshot, n), sight.enemies, self.enemies)
        others = nearest(to_allies(snapshot, n), sight.allies, self.others)
        if not face.healers:
            return Listed(enemies, others, enemies)
        wide = [
            jnp.pad(side, ((0, 0), (0, self._aims - side.shape[1])), constant_values=face.n_targets)
            for side in (enemies, others)
        ]
        return Listed(enemies, others, jnp.where(traits.heals[:n, None], wide[1], wide[0]))

    @property
    def _aims(self) -> int:
        """How many actions aim at somebody."""
        return max(self.enemies, self.others) if self.battle.face.healers else self.enemies


def sights(face: Face, traits: Traits, snapshot: Snapshot) -> Sight:
    """Whom agents see; nobody sees oneself."""
    n = face.n_allies
    allies = allies_in_sight(face, traits, snapshot, to_allies(snapshot, n), snapshot.alive[None, :n])
    return Sight(enemies_in_sight(face, traits, snapshot, to_enemies(snapshot, n)), allies & ~np.eye(n, dtype=bool))


def nearest(away: Offsets, seen: Bool[Array, "A m"], count: int) -> Int[Array, "A k"]:
    """The columns of the nearest who are seen, and after them of others; of equal ones the first."""
    return jax.lax.top_k(-jnp.where(seen, away.square, jnp.inf), count)[1]


def _rows(snapshot: Snapshot, whom: Int[Array, "A k"], seen: Bool[Array, "A k"], *, first: int) -> Sighted:
    """Rows about units of the side that begins with the unit `first`."""
    n, x, y = len(whom), snapshot.x[first:], snapshot.y[first:]
    away = offsets(snapshot.x[:n, None], snapshot.y[:n, None], x[whom], y[whom])
    return Sighted(away, seen, lambda values: values[whom])


def _picked(matrix: Bool[Array, "A m"], columns: Int[Array, "A k"]) -> Bool[Array, "A k"]:
    """Some columns of each row, and False where there is no such column."""
    return jnp.take_along_axis(matrix, columns, axis=1, mode="fill", fill_value=False)
