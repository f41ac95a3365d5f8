"""Train a small team, load it, and let it act in a loop of your own."""

import jax
import jax.numpy as jnp
import numpy as np

import qohort

result = qohort.train(
    qohort.ValueDecomposition(mixer=qohort.QMIX(embed=8), team=qohort.FeedForward(hidden=16)),
    "games/and",
    qohort.Run(steps=500, eval_every=250),
)
team = qohort.load(result.folder, which="best")
env = qohort.make("games/and")
state = env.reset(jax.random.key(0))
team.reset()
seen = env.observe(env.snapshot(state))
actions = team.act(np.asarray(seen.obs), np.asarray(seen.avail))
_, outcome = env.step(jax.random.key(1), state, jnp.asarray(actions))
first = team.agent(0).act(np.asarray(seen.obs[0]), np.asarray(seen.avail[0]))
print(f"The team plays {actions}, gains {float(outcome.reward[0])}; agent 0 alone plays {first}.")
print(f"Mean return of 32 greedy episodes: {qohort.evaluate(team, env, episodes=32)['return'].mean()}")
