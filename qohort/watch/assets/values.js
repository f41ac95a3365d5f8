// What actions were taken to be worth, read out of an episode.

/** What the numbers of actions are called. */
export function valueName({ outputs }) {
  return outputs === "logits" ? "Probability" : "Q";
}

/** The action that an agent takes at a step; none at the last moment. */
export function takenAt({ agents, chosen, length }, agent, step) {
  return step < length ? chosen.data[step * agents.length + agent] : -1;
}

/** What Q_tot is made of besides the agents. */
export function restName({ joint }) {
  return joint.linear ? "c(s)" : "the rest";
}

export function isAlive({ agents, alive, length }, agent, moment) {
  return Boolean(alive.data[Math.min(moment, length) * agents.length + agent]);
}

/** The value of an action; NaN where it is not available. */
export function valueOf({ values, avail, agents, actions }, agent, action, moment) {
  const at = (moment * agents.length + agent) * actions.length + action;
  return avail.data[at] ? values.data[at] : NaN;
}

/** The value of what an agent does. */
export function valueTaken(episode, agent, step) {
  const action = takenAt(episode, agent, step);
  return action < 0 ? NaN : valueOf(episode, agent, action, step);
}

/** What an agent's value adds to that of the whole. */
export function partOf(episode, agent, step) {
  return weightOf(episode, agent, step) * valueTaken(episode, agent, step);
}

export function weightOf({ joint, agents }, agent, step) {
  return joint.slopes.data[step * agents.length + agent];
}

/** Every agent's best value at every moment. Strips ask for it once for each cell they paint, so it is kept. */
const BEST = new WeakMap();

/** The value of the best available action. */
export function bestValue(episode, agent, moment) {
  if (!BEST.has(episode)) BEST.set(episode, bestValues(episode));
  return BEST.get(episode)[moment * episode.agents.length + agent];
}

function bestValues({ values, avail, actions }) {
  const best = new Float32Array(values.data.length / actions.length).fill(-Infinity);
  values.data.forEach((value, at) => {
    const row = Math.floor(at / actions.length);
    if (avail.data[at] && Number.isFinite(value) && value > best[row]) best[row] = value;
  });
  return best;
}

/** How far below the best the others are: nineteen of twenty that these agents have in an episode are nearer. */
export function usualGap(episode, agents) {
  const gaps = new Float32Array(agents.length * episode.length * episode.actions.length);
  let count = 0;
  for (const agent of agents) {
    for (let step = 0; step < episode.length; step++) {
      const best = bestValue(episode, agent, step);
      for (let action = 0; action < episode.actions.length; action++) {
        const gap = best - valueOf(episode, agent, action, step);
        if (gap > 0) gaps[count++] = gap;
      }
    }
  }
  return gaps.subarray(0, count).sort()[Math.floor(0.95 * count)] ?? 1;
}
