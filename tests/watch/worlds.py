"""Episodes to make pages of, without training: drawn weights play a short race, and noise fills a page."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.envs.base import AbstractEnv
from qohort.envs.games import Relay
from qohort.mixers import Qatten
from qohort.mixers.base import AbstractMixerConfig
from qohort.networks.base import AbstractTeamConfig
from qohort.networks.recurrent import Recurrent
from qohort.report.episode import Episode, play
from qohort.report.joint import Joint
from qohort.scene import Circles, Labels, Rectangles, Scene, Tone
from qohort.spec import EnvSpec, Observation, Outcome

RACE = Relay(runners=3, leg=2, slack=2)


def race(
    mixer: AbstractMixerConfig | None = None,
    *,
    team: AbstractTeamConfig | None = None,
    seed: int = 0,
    env: AbstractEnv = RACE,
) -> Episode:
    """An episode of a team with drawn weights."""
    algorithm = ValueDecomposition(mixer=mixer or Qatten(heads=2, embed=4), team=team or Recurrent(hidden=8))
    params = algorithm.init(env.spec, jax.random.key(seed)).params
    title = f"seed {seed} on {env.spec.name}"
    return play(algorithm, env, params.team, key=jax.random.key(5), mixer=params.mixer, title=title)


class Undrawn(AbstractEnv):
    """The race without a drawing."""

    spec: EnvSpec = eqx.field(static=True)

    def __init__(self) -> None:
        self.spec = RACE.spec

    def reset(self, key: PRNGKeyArray) -> object:
        return RACE.reset(key)

    def step(self, key: PRNGKeyArray, state: object, actions: Int[Array, " N"]) -> tuple[object, Outcome]:
        return RACE.step(key, state, actions)  # pyright: ignore[reportArgumentType]

    def snapshot(self, state: object) -> object:
        return state

    def observe(self, snapshot: object) -> Observation:
        return RACE.observe(snapshot)  # pyright: ignore[reportArgumentType]


class Noise(AbstractEnv):
    """Whatever is seen and drawn here is noise, of which nothing can be packed; its snapshots are what is seen."""

    spec: EnvSpec = eqx.field(static=True)

    def __init__(self, *, agents: int, actions: int, features: int, limit: int) -> None:
        self.spec = EnvSpec(
            name="noise",
            agents=tuple(f"Marine {k + 1}" for k in range(agents)),
            actions=tuple(f"enemy {k}" for k in range(actions)),
            obs_features=tuple(f"feature {k}" for k in range(features)),
            state_features=("nothing",),
            unit_features=("nothing",),
            limit=limit,
        )

    def reset(self, key: PRNGKeyArray) -> Observation:
        raise NotImplementedError

    def step(self, key: PRNGKeyArray, state: Observation, actions: Int[Array, " N"]) -> tuple[Observation, Outcome]:
        raise NotImplementedError

    def snapshot(self, state: Observation) -> Observation:
        return state

    def observe(self, snapshot: Observation) -> Observation:
        return snapshot

    def scene(self, snapshot: Observation) -> Scene:
        places = 16 * jax.nn.sigmoid(snapshot.obs[:, :2])
        others = 16 * jax.nn.sigmoid(snapshot.obs[:, 2:4])
        cells = np.stack(np.meshgrid(np.arange(16.0), np.arange(16.0)), axis=-1).reshape(-1, 2)
        units = jnp.concatenate([places, others])
        return Scene(
            layers=(
                Rectangles(cells, cells + 0.95),
                Circles(units, 0.4, fill=np.repeat([Tone.OURS, Tone.THEIRS], [len(places), len(others)])),
                Rectangles(units - 0.3, units + jnp.array([[0.3, -0.1]]), full=0.5, fill=Tone.GOOD, empty=Tone.INK),
                Labels(places, tuple(str(k + 1) for k in range(len(places))), size=0.5, tone=Tone.PAPER),
            ),
            bounds=(0.0, 0.0, 16.0, 16.0),
            note="Noise.",
            agents=places,
        )


def noise(*, steps: int = 150, agents: int = 10, actions: int = 17, features: int = 200, heads: int = 4) -> Episode:
    """As much as a long battle of ten has, and nothing that repeats itself."""
    draw = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return draw.normal(size=shape).astype(np.float32)

    moments = steps + 1
    chosen = draw.integers(actions, size=(steps, agents))
    shares = np.exp(normal(steps, heads, agents))
    seen = Observation(
        obs=jnp.asarray(normal(moments, agents, features)),
        state=jnp.zeros((moments, 1)),
        units=jnp.zeros((moments, agents, 1)),
        avail=jnp.ones((moments, agents, actions), bool),
        alive=jnp.ones((moments, agents), bool),
    )
    attention = shares / shares.sum(axis=-1, keepdims=True)
    return Episode(
        env=Noise(agents=agents, actions=actions, features=features, limit=steps),
        title="noise",
        snapshots=seen,
        values=normal(moments, agents, actions),
        avail=np.ones((moments, agents, actions), bool),
        alive=np.ones((moments, agents), bool),
        actions=chosen,
        rewards=normal(steps, 1),
        terminated=True,
        metrics={"won": 1.0},
        returns=normal(steps, 1),
        joint=Joint(
            q_tot=normal(steps, 1),
            slopes=attention.sum(axis=1),
            aux={"attention": attention, "head_weights": np.ones((steps, heads), np.float32)},
        ),
    )
