"""A relay race over hurdles: a small world with everything in it, for demonstrations."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from qohort.envs.base import AbstractEnv
from qohort.errors import QohortError
from qohort.scene import Circles, Labels, Lines, Rectangles, Scene, Tone
from qohort.spec import EnvSpec, Observation, Outcome

LANES = ("left", "middle", "right")
MOVES = np.array([0, -1, 0, 1])  # of the actions wait, left, ahead, right
SIGHT = 2
CROWDED = 0.75


class RelayState(eqx.Module):
    """The race; `hurdles[c]` are those before the baton gets from column `c` to `c + 1`."""

    hurdles: Bool[Array, "C 3"]
    column: Int[Array, ""]
    lane: Int[Array, ""]
    time: Int[Array, ""]
    knocked: Int[Array, ""]


class Relay(AbstractEnv):
    """Runners carry a baton over a track of three lanes, each for one leg; a race is won if it arrives in time.

    The carrier chooses a lane for the next column. If a hurdle is there, it falls: the step is lost and so
    is one point, but the way is free. Otherwise the baton advances by a column, for one point. Hurdles are
    drawn anew for each race, so that one way without any exists. The carrier sees two columns ahead.
    Those who wait and those who are done see nothing and can only wait; those who are done are not alive.

    Only the carrier's choice matters at any moment, so the optimal value is a sum of one utility for each
    agent, and the weight that a mixer gives to an agent should follow the baton. The metrics are `won`
    and `hurdles`, the number knocked over.
    """

    spec: EnvSpec = eqx.field(static=True)
    leg: int = eqx.field(static=True)

    def __init__(self, *, runners: int = 4, leg: int = 3, slack: int = 2) -> None:
        """Lay out the track.

        Args:
            runners: the number of agents.
            leg: the number of columns each of them carries the baton.
            slack: the number of hurdles that may fall if the race is to be won.
        """
        for option, value, least in (("runners", runners, 1), ("leg", leg, 1), ("slack", slack, 0)):
            if value < least:
                raise QohortError(f"games/relay: `{option}` is {value}, but it must be at least {least}.")
        columns = runners * leg
        seen = tuple(f"hurdle {ahead + 1} ahead, {lane}" for ahead in range(SIGHT) for lane in LANES)
        own = ("carrying", "done", *(f"in the {lane} lane" for lane in LANES), *seen)
        self.leg = leg
        self.spec = EnvSpec(
            name="games/relay",
            agents=tuple(f"runner {i + 1}" for i in range(runners)),
            actions=("wait", *LANES[:1], "ahead", *LANES[2:]),
            obs_features=own,
            state_features=(
                "way done",
                "time used",
                *(f"baton in the {lane} lane" for lane in LANES),
                *(f"hurdle {column + 1}, {lane}" for column in range(columns) for lane in LANES),
            ),
            unit_features=own,
            limit=columns + slack,
            metrics=("won", "hurdles"),
            no_op=0,
        )

    @property
    def columns(self) -> int:
        """How long the track is."""
        return self.spec.n_agents * self.leg

    def reset(self, key: PRNGKeyArray) -> RelayState:
        draws = jax.random.uniform(key, (1 + self.columns, 4))
        lane, *turns = jnp.floor(3 * draws[:, 0]).astype(jnp.int32)
        way = [lane]
        for turn in turns:
            way.append(jnp.clip(way[-1] + turn - 1, 0, 2))
        free = jax.nn.one_hot(jnp.stack(way[1:]), 3, dtype=bool)
        hurdles = (draws[1:, 1:] < CROWDED) & ~free
        zero = jnp.int32(0)
        return RelayState(hurdles=hurdles, column=zero, lane=lane, time=zero, knocked=zero)

    def step(self, key: PRNGKeyArray, state: RelayState, actions: Int[Array, " N"]) -> tuple[RelayState, Outcome]:
        action = actions[state.column // self.leg]
        lane = jnp.clip(state.lane + jnp.asarray(MOVES)[action], 0, 2)
        falls = state.hurdles[state.column, lane]
        reached = RelayState(
            hurdles=state.hurdles.at[state.column, lane].set(False),
            column=jnp.where(falls, state.column, state.column + 1),
            lane=jnp.where(falls, state.lane, lane),
            time=state.time + 1,
            knocked=state.knocked + falls,
        )
        won = reached.column == self.columns
        return reached, Outcome(
            reward=jnp.where(falls, -1.0, 1.0)[None],
            terminated=won,
            truncated=~won & (reached.time >= self.spec.limit),
            metrics={"won": won.astype(jnp.float32), "hurdles": reached.knocked.astype(jnp.float32)},
        )

    def snapshot(self, state: RelayState) -> RelayState:
        return state

    def observe(self, snapshot: RelayState) -> Observation:
        runner = jnp.arange(self.spec.n_agents)
        carrying = runner == snapshot.column // self.leg
        done = runner < snapshot.column // self.leg
        lane = jax.nn.one_hot(snapshot.lane, 3)
        beyond = jnp.concatenate([snapshot.hurdles, jnp.zeros((SIGHT, 3), bool)])
        ahead = jax.lax.dynamic_slice_in_dim(beyond, snapshot.column, SIGHT).ravel()
        sight = carrying[:, None] * jnp.concatenate([lane, ahead])[None, :]
        own = jnp.concatenate([carrying[:, None], done[:, None], sight], axis=1, dtype=jnp.float32)
        moves = jnp.array([False, True, True, True]) & self._on_track(snapshot.lane)
        way = jnp.stack([snapshot.column / self.columns, snapshot.time / self.spec.limit])
        return Observation(
            obs=own,
            state=jnp.concatenate([way, lane, snapshot.hurdles.ravel()], dtype=jnp.float32),
            units=own,
            avail=jnp.where(carrying[:, None], moves[None, :], jnp.array([[True, False, False, False]])),
            alive=~done,
        )

    def scene(self, snapshot: RelayState) -> Scene:
        """The track from above, the start at the left; runners stand beneath it before and after their leg."""
        length = float(self.columns)
        carrier = jnp.minimum(snapshot.column // self.leg, self.spec.n_agents - 1)
        ends = self.leg * jnp.arange(self.spec.n_agents + 1.0)
        exchanges = Lines(
            jnp.stack([ends, jnp.zeros_like(ends)], axis=1),
            jnp.stack([ends, jnp.full_like(ends, 3.0)], axis=1),
            tone=Tone.MUTED,
            weight=jnp.where((ends == 0) | (ends == length), 3.0, 1.5),
            dashed=(ends > 0) & (ends < length),
        )
        seen_from, seen_to = snapshot.column + 0.05, jnp.minimum(snapshot.column + SIGHT, length) - 0.05
        sight = Rectangles(
            jnp.stack([seen_from, jnp.zeros(())])[None],
            jnp.stack([seen_to, jnp.full((), 3.0)])[None],
            fill=Tone.GLOW,
            visible=snapshot.column < length,
        )
        lanes = Rectangles(
            np.array([[-0.5, y] for y in range(3)]),
            np.array([[length + 0.5, y + 0.94] for y in range(3)]),
            fill=Tone.GROUND,
        )
        names = Labels(np.array([[-0.75, 2.47], [-0.75, 1.47], [-0.75, 0.47]]), LANES, size=0.42, anchor="right")
        return Scene(
            layers=(lanes, sight, exchanges, names, self._hurdles(snapshot), *self._runners(snapshot, carrier)),
            bounds=(-2.2, -1.15, length + 0.7, 3.85),
            note="Shaded: what the carrier sees. Beneath the track: who waits (ring) and who is done (grey).",
            agents=self._places(snapshot, carrier),
        )

    def _places(self, snapshot: RelayState, carrier: Int[Array, ""]) -> Float[Array, "N 2"]:
        """The carrier is on the track, the others beneath where their legs begin and end."""
        runner = jnp.arange(self.spec.n_agents)
        x = jnp.where(runner == carrier, snapshot.column, self.leg * (runner + (runner < carrier)))
        y = jnp.where(runner == carrier, 2.47 - snapshot.lane, -0.6)
        return jnp.stack([x, y], axis=1).astype(jnp.float32)

    def _hurdles(self, snapshot: RelayState) -> Rectangles:
        """Solid where the carrier sees them, hollow where it does not yet, grey behind it."""
        column, lane = np.divmod(np.arange(3 * self.columns), 3)
        foot = np.stack([column + 0.42, 2.1 - lane], axis=1)
        ahead = column - snapshot.column
        seen = (ahead >= 0) & (ahead < SIGHT)
        return Rectangles(
            foot,
            foot + np.array([[0.16, 0.74]]),
            fill=jnp.where(seen, Tone.THEIRS, jnp.where(ahead < 0, Tone.FAINT, Tone.PAPER)),
            outline=jnp.where(seen, Tone.INK, jnp.where(ahead < 0, Tone.FAINT, Tone.MUTED)),
            visible=snapshot.hurdles.ravel(),
        )

    def _runners(self, snapshot: RelayState, carrier: Int[Array, ""]) -> tuple[Circles, Lines, Labels, Labels]:
        """Everyone with a number, the baton with its carrier, and how many hurdles have fallen."""
        runner = jnp.arange(self.spec.n_agents)
        running, done = runner == carrier, runner < carrier
        at = self._places(snapshot, carrier)
        circles = Circles(
            at,
            jnp.where(running, 0.4, 0.34),
            fill=jnp.where(running, Tone.OURS, jnp.where(done, Tone.FAINT, Tone.PAPER)),
            outline=jnp.where(done, Tone.MUTED, Tone.INK),
        )
        hand = at[carrier][None]
        baton = Lines(
            jnp.tile(hand + np.array([[0.18, 0.16]], np.float32), (2, 1)),
            jnp.tile(hand + np.array([[0.33, 0.5]], np.float32), (2, 1)),
            tone=np.array([Tone.INK, Tone.ACCENT]),
            weight=np.array([7.0, 4.0]),
        )
        numbers = Labels(
            at,
            tuple(str(k + 1) for k in range(self.spec.n_agents)),
            size=0.46,
            tone=jnp.where(running, Tone.PAPER, jnp.where(done, Tone.MUTED, Tone.INK)),
        )
        allowed = self.spec.limit - self.columns
        fallen = Labels(
            np.array([[self.columns + 0.5, 3.45]]),
            tuple(f"hurdles fallen: {k} ({allowed} allowed)" for k in range(self.spec.limit + 1)),
            size=0.42,
            which=snapshot.knocked,
            anchor="right",
        )
        return circles, baton, numbers, fallen

    def _on_track(self, lane: Int[Array, ""]) -> Bool[Array, "4"]:
        return (lane + MOVES >= 0) & (lane + MOVES < 3)
