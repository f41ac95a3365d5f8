// Heat maps of an episode: the values of an agent's actions, what each agent counts, what each head looks at.

import { Heat } from "./heat.js";
import { figure } from "./text.js";
import { bestValue, isAlive, partOf, takenAt, usualGap, valueName, valueOf, weightOf } from "./values.js";

/** The values of all actions of the chosen agent. */
export function choiceStrip({ episode, clock, chosen }) {
  let gap = 1;
  const heat = new Heat({
    title: "",
    note: "Full colour: the best available action; fainter: how far below it. Dots: what it did. Hatched: not available.",
    rows: episode.actions,
    steps: episode.length,
    clock,
    value: (action, step) => valueOf(episode, chosen.value, action, step),
    colour: (action, step) => valueOf(episode, chosen.value, action, step) - bestValue(episode, chosen.value, step),
    taken: (action, step) => takenAt(episode, chosen.value, step) === action,
    range: () => [-gap, 0],
    describe: "Heat map: the value of every action of the chosen agent over time",
  });
  chosen.watch((agent) => {
    gap = usualGap(episode, [agent]);
    heat.track.title.textContent = `${valueName(episode)} of each action: ${episode.agents[agent]}`;
    heat.renew();
  });
  return heat;
}

/** How much of every agent's message the chosen one hears; none where nobody speaks. */
export function heardStrips(shown) {
  const { episode, chosen } = shown;
  const { heard, agents } = episode;
  if (!heard) return [];
  const heat = agentStrip(shown, {
    title: "",
    note: "Shares of its attention; what is heard in a step counts in the next one",
    value: (sender, step) => heard.data[(step * agents.length + chosen.value) * agents.length + sender],
    range: [0, 1],
    describe: "Heat map: how much the chosen agent hears of every agent over time",
  });
  chosen.watch((agent) => {
    heat.track.title.textContent = `Whom ${agents[agent]} hears`;
    heat.renew();
  });
  return [heat];
}

/** What each agent counts, and what it so adds to the value of the whole. */
export function creditStrips(shown) {
  const { episode } = shown;
  if (!episode.joint.slopes) return [];
  const weights = agentStrip(shown, {
    title: "Weight of each agent",
    note: "What one more unit of an agent's Q adds to Q_tot",
    value: (agent, step) => weightOf(episode, agent, step),
    describe: "Heat map: the weight of every agent in Q_tot over time",
  });
  const parts = agentStrip(shown, {
    title: "Part of each agent in Q_tot",
    note: "Weight × Q of what it did",
    value: (agent, step) => partOf(episode, agent, step),
    describe: "Heat map: weight times Q of every agent over time",
  });
  return [weights, parts];
}

/** How much an agent's falling short of its best action counts, in a mixer that weighs advantages. */
export function importanceStrips(shown) {
  const { importance } = shown.episode.joint;
  if (!importance) return [];
  const agents = shown.episode.agents.length;
  const strip = agentStrip(shown, {
    title: "Importance of each agent",
    note: "λ: of how much an action is worse than the agent's best one, so many times counts in Q_tot",
    value: (agent, step) => importance.data[step * agents + agent],
    describe: "Heat map: the importance of every agent's advantage over time",
  });
  return [strip];
}

/** What each head looks at. */
export function headStrips(shown) {
  const { attention } = shown.episode.joint;
  if (!attention) return [];
  const heads = attention.shape[1];
  const range = span(Array.from(attention.data));
  return Array.from({ length: heads }, (_, head) => headStrip(shown, { head, heads, range }));
}

function headStrip(shown, { head, heads, range }) {
  const { joint, agents, length } = shown.episode;
  const at = (agent, step) => joint.attention.data[(step * heads + head) * agents.length + agent];
  const weighted = joint.head_weights.data.some((weight) => Math.abs(weight - 1) > 1e-6);
  return agentStrip(shown, {
    title: `Attention of head ${head + 1}`,
    note: head === 0 ? `Equal shares are ${figure(1 / agents.length)}; all heads have the same colours` : "",
    value: at,
    range,
    describe: `Heat map: the attention of head ${head + 1} to every agent over time`,
    more: (track, step) => {
      if (step >= length) return track.read("");
      const spread = entropy(agents.map((_, agent) => at(agent, step)));
      const weight = weighted ? ` · weight ${figure(joint.head_weights.data[step * heads + head])}` : "";
      track.read(`spread ${spread.toFixed(2)} of 1${weight}`);
    },
  });
}

/** A row for each agent. */
function agentStrip({ episode, clock, chosen }, { value, range, note, ...frame }) {
  const steps = [...Array(episode.length).keys()];
  const colours = range ?? span(steps.flatMap((step) => episode.agents.map((_, agent) => value(agent, step))));
  const ends = `colours go from ${figure(colours[0])} (faint) to ${figure(colours[1])} (full), strokes are over who is out.`;
  const heat = new Heat({
    ...frame,
    value,
    note: note && `${note}; ${ends}`,
    rows: episode.agents,
    steps: episode.length,
    clock,
    range: () => colours,
    out: (agent, step) => !isAlive(episode, agent, step),
    pick: (agent) => chosen.set(agent),
  });
  chosen.watch((agent) => heat.track.mark(agent));
  return heat;
}

/** What colours stand for: all values, but never so little that noise looks like a pattern. */
function span(values) {
  const [least, most] = values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
  const room = Math.max(0.2 * Math.max(Math.abs(least), Math.abs(most), 1e-6) - (most - least), 0) / 2;
  return [least - room, most + room];
}

/** How even shares are: 1 if all are equal, 0 if one has all. */
function entropy(shares) {
  if (shares.length < 2) return 0;
  return -shares.reduce((sum, share) => sum + (share > 0 ? share * Math.log(share) : 0), 0) / Math.log(shares.length);
}
