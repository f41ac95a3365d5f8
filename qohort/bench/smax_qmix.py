"""JaxMARL's QMIX on SMAX, written anew to be measured beside ours: its package holds the worlds, not the learners.

The settings are those that JaxMARL ships for SMAX (`ql_rnn_smax.yaml`) except the width of the networks, 64 instead of
512, which is in its favour where time is counted. The peculiarities of `qmix_rnn.py` that touch what is learned are
kept: every outer iteration begins in fresh battles; an agent's memory is cleared where it is dead, not where a battle
begins; the flag that stops a target from looking ahead is that of the step before; all steps count alike.

*Differences from JaxMARL*: one outer iteration is one call of a compiled program instead of a turn of one loop over
the whole training; seeds are not vmapped; the buffer is no larger than the run needs; a greedy battle is the first one
of each environment, where JaxMARL averages over all that end within 128 steps.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

FORBIDDEN = 1e10
"""What is taken off the values of actions that are not available."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmaxQmix:
    """JaxMARL's settings for QMIX on SMAX."""

    steps: int = 1_000_000
    """Environment steps to train for; exploration falls over the first tenth of them."""
    environments: int = 16
    """Battles at once."""
    rollout: int = 128
    """Steps of each in an outer iteration."""
    updates: int = 8
    """Gradient steps in an outer iteration."""
    batch: int = 32
    """Rollouts of a gradient step; learning begins after as many outer iterations."""
    kept: int = 5000
    """Rollouts in the buffer."""
    hidden: int = 64
    """Width of the agents' networks; 512 in JaxMARL."""
    embed: int = 64
    """Width of the mixer."""
    hyper: int = 256
    """Width of the hypernetworks."""
    mixer_scale: float = 1e-3
    """Scale of the mixer's orthogonal initial weights."""
    learning_rate: float = 5e-5
    """Of RAdam."""
    clip: float = 10.0
    """Greatest norm of a gradient."""
    target_every: int = 10
    """Outer iterations between two copies to the target networks."""
    gamma: float = 0.99
    """Discount."""
    reward_scale: float = 10.0
    """Rewards are multiplied by it."""
    last_epsilon: float = 0.05
    """Exploration after the first tenth."""

    @property
    def stride(self) -> int:
        """Environment steps of an outer iteration."""
        return self.environments * self.rollout

    @property
    def iterations(self) -> int:
        return max(1, self.steps // self.stride)

    def epsilon(self, iteration: Int[Array, ""]) -> Float[Array, ""]:
        """Linear from 1 over a tenth of the iterations."""
        gone = jnp.clip(iteration / (0.1 * self.iterations), 0.0, 1.0)
        return 1.0 + gone * (self.last_epsilon - 1.0)


class Sight(NamedTuple):
    """What the learner is shown of a moment."""

    obs: Float[Array, "*B N O"]
    state: Float[Array, "*B S"]
    avail: Float[Array, "*B N A"]
    dead: Bool[Array, "*B N"]
    """Agents that the step before left dead; their memory is cleared."""
    over: Bool[Array, "*B"]
    """Whether the step before was the last of a battle."""


class Step(NamedTuple):
    """A moment as the buffer keeps it."""

    sight: Sight
    actions: Int[Array, "*B N"]
    reward: Float[Array, "*B"]


class World(NamedTuple):
    """A game as the learner is shown it; when it is over it begins again by itself."""

    reset: Callable[[PRNGKeyArray], tuple[Any, Sight]]
    step: Callable[[PRNGKeyArray, Any, Int[Array, " N"]], tuple[Any, Sight, Float[Array, ""]]]
    limit: int
    """The most steps of an episode."""


def smax(scenario: str) -> World:
    """SMAX with its heuristic enemy: dictionaries of agents become arrays, agents are told who they are."""
    import jaxmarl
    from jaxmarl.environments.smax import map_name_to_scenario

    env = jaxmarl.make(
        "HeuristicEnemySMAX",
        scenario=map_name_to_scenario(scenario),
        see_enemy_actions=True,
        walls_cause_death=True,
        attack_mode="closest",
    )
    agents: list[str] = env.agents

    def sight(state: Any, seen: Any, dead: Bool[Array, " N"], over: Bool[Array, ""]) -> Sight:
        obs = jnp.concatenate([jnp.stack([seen[agent] for agent in agents]), jnp.eye(len(agents))], axis=-1)
        avail = env.get_avail_actions(state)
        return Sight(
            obs=jnp.where(dead[:, None], 0.0, obs),
            state=seen["world_state"],
            avail=jnp.stack([avail[agent] for agent in agents]).astype(jnp.float32),
            dead=dead,
            over=over,
        )

    def reset(key: PRNGKeyArray) -> tuple[Any, Sight]:
        seen, state = env.reset(key)
        return state, sight(state, seen, jnp.zeros(len(agents), bool), jnp.array(False))

    def step(key: PRNGKeyArray, state: Any, actions: Int[Array, " N"]) -> tuple[Any, Sight, Float[Array, ""]]:
        seen, state, reward, done, _ = env.step(key, state, dict(zip(agents, actions, strict=True)))
        dead = jnp.stack([done[agent] for agent in agents])
        return state, sight(state, seen, dead, done["__all__"]), reward[agents[0]]

    return World(reset, step, env.max_steps)


class Dense(eqx.Module):
    """A linear layer."""

    kernel: Float[Array, "I O"]
    bias: Float[Array, " O"]

    def __init__(self, key: PRNGKeyArray, inputs: int, outputs: int, initial: Callable[..., Array]) -> None:
        self.kernel = initial(key, (inputs, outputs), jnp.float32)
        self.bias = jnp.zeros(outputs)

    def __call__(self, x: Float[Array, "*B I"]) -> Float[Array, "*B O"]:
        y = x @ self.kernel
        return y + self.bias.reshape((1,) * (y.ndim - 1) + self.bias.shape)


class Agents(eqx.Module):
    """Linear, ReLU, GRU, linear; one set of weights for all agents."""

    enter: Dense
    inputs: tuple[Dense, Dense, Dense]
    """Of the reset gate, the update gate and the candidate."""
    memory: tuple[Array, Array, Dense]
    leave: Dense

    def __init__(self, key: PRNGKeyArray, obs: int, hidden: int, actions: int) -> None:
        keys = jax.random.split(key, 8)
        orthogonal, lecun = jax.nn.initializers.orthogonal(), jax.nn.initializers.lecun_normal()
        square = (hidden, hidden)
        self.enter = Dense(keys[0], obs, hidden, orthogonal)
        reset, update, candidate = (Dense(keys[1 + gate], hidden, hidden, lecun) for gate in range(3))
        self.inputs = (reset, update, candidate)
        last = Dense(keys[6], hidden, hidden, orthogonal)
        self.memory = (orthogonal(keys[4], square, jnp.float32), orthogonal(keys[5], square, jnp.float32), last)
        self.leave = Dense(keys[7], hidden, actions, orthogonal)

    def __call__(
        self, carry: Float[Array, "B N H"], sight: Sight
    ) -> tuple[Float[Array, "B N H"], Float[Array, "B N A"]]:
        """One step."""
        carry = self._remember(carry, jax.nn.relu(self.enter(sight.obs)), sight.dead)
        return carry, self.leave(carry)

    def unroll(self, sight: Sight) -> Float[Array, "T B N A"]:
        """Values along rollouts, from an empty memory."""
        x = jax.nn.relu(self.enter(sight.obs))

        def body(carry: Array, inputs: tuple[Array, Array]) -> tuple[Array, Array]:
            carry = self._remember(carry, *inputs)
            return carry, carry

        return self.leave(jax.lax.scan(body, jnp.zeros_like(x[0]), (x, sight.dead))[1])

    def _remember(
        self, carry: Float[Array, "B N H"], x: Float[Array, "B N H"], dead: Bool[Array, "B N"]
    ) -> Float[Array, "B N H"]:
        carry = jnp.where(dead[..., None], 0.0, carry)
        to_reset, to_update, to_candidate = self.inputs
        of_reset, of_update, of_candidate = self.memory
        reset = jax.nn.sigmoid(to_reset(x) + carry @ of_reset)
        update = jax.nn.sigmoid(to_update(x) + carry @ of_update)
        candidate = jnp.tanh(to_candidate(x) + reset * of_candidate(carry))
        return (1.0 - update) * candidate + update * carry


class Mixer(eqx.Module):
    """QMIX's mixing network; all four weights come from hypernetworks of the state."""

    w1: tuple[Dense, Dense]
    b1: Dense
    w2: tuple[Dense, Dense]
    b2: tuple[Dense, Dense]

    def __init__(self, key: PRNGKeyArray, state: int, agents: int, settings: SmaxQmix) -> None:
        keys = jax.random.split(key, 7)
        embed, hyper = settings.embed, settings.hyper
        build = functools.partial(Dense, initial=jax.nn.initializers.orthogonal(settings.mixer_scale))
        self.w1 = (build(keys[0], state, hyper), build(keys[1], hyper, embed * agents))
        self.b1 = build(keys[2], state, embed)
        self.w2 = (build(keys[3], state, hyper), build(keys[4], hyper, embed))
        self.b2 = (build(keys[5], state, embed), build(keys[6], embed, 1))

    def __call__(self, values: Float[Array, "T B N"], state: Float[Array, "T B S"]) -> Float[Array, "T B"]:
        w1, w2, b2 = (second(jax.nn.relu(first(state))) for first, second in (self.w1, self.w2, self.b2))
        w1 = jnp.abs(w1).reshape(*values.shape, -1)
        hidden = jax.nn.elu((values[..., None, :] @ w1)[..., 0, :] + self.b1(state))
        return (hidden * jnp.abs(w2)).sum(-1) + b2[..., 0]


class Weights(eqx.Module):
    agents: Agents
    mixer: Mixer


class Learner(eqx.Module):
    """Everything that changes."""

    weights: Weights
    target: Weights
    optimiser: Any
    buffer: Step
    """Its leaves have the axes row, environment, step; a row is an outer iteration."""
    iteration: Int[Array, ""]
    key: PRNGKeyArray


def late_targets(
    reward: Float[Array, "T B"], over: Bool[Array, "T B"], following: Float[Array, "T B"], gamma: float
) -> Float[Array, "T-1 B"]:
    """r + γ(1 - over)·Q of the next moment, where `over` speaks of the step before, as in JaxMARL."""
    return reward[:-1] + gamma * (1.0 - over[:-1]) * following[1:]


def loss_of(weights: Weights, target: Weights, batch: Step, gamma: float) -> Float[Array, ""]:
    """The squared one-step error with double Q-learning, averaged over all steps."""
    sight = batch.sight
    values = weights.agents.unroll(sight)
    chosen = jnp.take_along_axis(values, batch.actions[..., None], axis=-1)[..., 0]
    best = jnp.argmax(values - (1.0 - sight.avail) * FORBIDDEN, axis=-1)
    following = jnp.take_along_axis(target.agents.unroll(sight), best[..., None], axis=-1)[..., 0]
    goal = late_targets(batch.reward, sight.over, target.mixer(following, sight.state), gamma)
    mixed = weights.mixer(chosen, sight.state)[:-1]
    return jnp.mean((mixed - jax.lax.stop_gradient(goal)) ** 2)


class Programs:
    """Begin, one outer iteration, greedy battles; each compiled once."""

    def __init__(self, world: World, settings: SmaxQmix, *, episodes: int) -> None:
        self._world, self._settings = world, settings
        self._optimiser = optax.chain(optax.clip_by_global_norm(settings.clip), optax.radam(settings.learning_rate))
        self.begin = jax.jit(self._begin)
        self.iterate = jax.jit(self._iterate, donate_argnums=0)
        self.win_rate = jax.jit(functools.partial(self._win_rate, episodes=episodes))

    def _begin(self, key: PRNGKeyArray) -> Learner:
        settings = self._settings
        agents_key, mixer_key, play_key, key = jax.random.split(key, 4)
        sight = jax.eval_shape(self._world.reset, key)[1]
        count, obs = sight.obs.shape
        agents = Agents(agents_key, obs, settings.hidden, sight.avail.shape[-1])
        weights = Weights(agents, Mixer(mixer_key, sight.state.shape[0], count, settings))
        rows = max(1, min(settings.kept // settings.environments, settings.iterations))
        rollout = jax.eval_shape(self._play, agents, jnp.zeros(()), play_key)
        return Learner(
            weights=weights,
            target=jax.tree.map(jnp.copy, weights),
            optimiser=self._optimiser.init(eqx.filter(weights, eqx.is_array)),
            buffer=jax.tree.map(lambda leaf: jnp.zeros((rows, *leaf.shape), leaf.dtype), rollout),
            iteration=jnp.zeros((), jnp.int32),
            key=key,
        )

    def _iterate(self, learner: Learner) -> Learner:
        """Play, learn, and now and then copy to the target networks."""
        settings = self._settings
        key, play_key, learn_key = jax.random.split(learner.key, 3)
        played = self._play(learner.weights.agents, settings.epsilon(learner.iteration), play_key)
        rows = jax.tree.leaves(learner.buffer)[0].shape[0]
        at = learner.iteration % rows
        buffer = jax.tree.map(lambda kept, new: kept.at[at].set(new), learner.buffer, played)
        filled = jnp.minimum(learner.iteration + 1, rows)
        gradient_steps = jnp.where(filled >= settings.batch, settings.updates, 0)

        def update(index: Array, carry: tuple[Any, Any]) -> tuple[Any, Any]:
            weights, optimiser = carry
            batch = self._draw(buffer, filled, jax.random.fold_in(learn_key, index))
            gradient = jax.grad(loss_of)(weights, learner.target, batch, settings.gamma)
            change, optimiser = self._optimiser.update(gradient, optimiser, weights)
            return eqx.apply_updates(weights, change), optimiser

        weights, optimiser = jax.lax.fori_loop(0, gradient_steps, update, (learner.weights, learner.optimiser))
        copy = learner.iteration % settings.target_every == 0
        target = jax.tree.map(lambda new, old: jnp.where(copy, new, old), weights, learner.target)
        return Learner(weights, target, optimiser, buffer, learner.iteration + 1, key)

    def _play(self, agents: Agents, epsilon: Float[Array, ""], key: PRNGKeyArray) -> Step:
        """A rollout from fresh battles; its leaves have the axes environment, step."""
        settings = self._settings
        reset_key, key = jax.random.split(key)
        state, sight = jax.vmap(self._world.reset)(jax.random.split(reset_key, settings.environments))

        def body(carry: tuple[Any, Sight, Array], key: PRNGKeyArray) -> tuple[tuple[Any, Sight, Array], Step]:
            state, sight, memory = carry
            which_key, whether_key, step_key = jax.random.split(key, 3)
            memory, values = agents(memory, sight)
            greedy = jnp.argmax(values - (1.0 - sight.avail) * FORBIDDEN, axis=-1)
            whim = jax.random.categorical(which_key, jnp.where(sight.avail > 0, 0.0, -jnp.inf))
            actions = jnp.where(jax.random.uniform(whether_key, greedy.shape) < epsilon, whim, greedy)
            keys = jax.random.split(step_key, settings.environments)
            state, after, reward = jax.vmap(self._world.step)(keys, state, actions)
            return (state, after, memory), Step(sight, actions, settings.reward_scale * reward)

        memory = jnp.zeros((*sight.dead.shape, settings.hidden))
        steps = jax.lax.scan(body, (state, sight, memory), jax.random.split(key, settings.rollout))[1]
        return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), steps)

    def _draw(self, buffer: Step, filled: Int[Array, ""], key: PRNGKeyArray) -> Step:
        """Rollouts, uniform with replacement; time comes first."""
        row_key, column_key = jax.random.split(key)
        shape = (self._settings.batch,)
        rows = jax.random.randint(row_key, shape, 0, filled)
        columns = jax.random.randint(column_key, shape, 0, self._settings.environments)
        return jax.tree.map(lambda leaf: jnp.swapaxes(leaf[rows, columns], 0, 1), buffer)

    def _win_rate(self, agents: Agents, key: PRNGKeyArray, *, episodes: int) -> Float[Array, ""]:
        """Of the first greedy battle of each environment. SMAX says who won by its bonus of 1 in the last reward."""
        reset_key, key = jax.random.split(key)
        state, sight = jax.vmap(self._world.reset)(jax.random.split(reset_key, episodes))

        def body(carry: tuple[Any, Sight, Array, Array, Array], key: PRNGKeyArray) -> tuple[Any, None]:
            state, sight, memory, going, won = carry
            memory, values = agents(memory, sight)
            actions = jnp.argmax(values - (1.0 - sight.avail) * FORBIDDEN, axis=-1)
            state, sight, reward = jax.vmap(self._world.step)(jax.random.split(key, episodes), state, actions)
            won = won | (going & sight.over & (reward >= 1.0))
            return (state, sight, memory, going & ~sight.over, won), None

        memory = jnp.zeros((*sight.dead.shape, self._settings.hidden))
        going, won = jnp.ones(episodes, bool), jnp.zeros(episodes, bool)
        first = (state, sight, memory, going, won)
        (*_, won), _ = jax.lax.scan(body, first, jax.random.split(key, self._world.limit))
        return won.mean()
