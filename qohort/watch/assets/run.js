// Everything of one episode, in step with one clock and one chosen agent.

import { Choices } from "./choices.js";
import { Heat } from "./heat.js";
import { Ribbon } from "./ribbon.js";
import { Sight } from "./sight.js";
import { Stage } from "./stage.js";
import { Team } from "./team.js";
import { el, figure } from "./text.js";
import { bestValue, isAlive, takenAt, usualGap, valueName, valueOf, valueTaken } from "./values.js";
import { Worth } from "./worth.js";

/** Names at the left of strips have room for so many letters; longer ones end in dots. */
const LONGEST = 14;

export class Run {
  constructor(episode, clock, chosen, { titled, close, scale }) {
    Object.assign(this, { episode, clock, chosen });
    this.stage = episode.scene ? new Stage(episode, clock, chosen, close) : null;
    const shown = this.stage ?? new Sight(episode, clock, chosen, { wide: true });
    const worth = new Worth(episode, clock, chosen, scale);
    const now = [new Team(episode, clock, chosen), new Choices(episode, clock, chosen)];
    if (this.stage) now.push(new Sight(episode, clock, chosen, { wide: false }));
    const done = [new Ribbon(episode, clock, chosen), this.values()];
    const [credit, heads] = [this.credit(), this.heads()];
    const over = heads.length ? [[...done, ...credit], heads] : [done, credit];
    const roots = (parts) => parts.map(({ root }) => root);
    const longest = Math.max(...episode.agents.map(({ length }) => length), ...episode.actions.map(({ length }) => length));
    this.root = el(
      "section",
      { class: "run", "aria-label": episode.title, style: `--names: ${Math.min(Math.max(longest, 8), LONGEST)}ch` },
      el("div", { class: "run-head" }, el("h2", { class: !titled && "unseen" }, episode.title), outcome(episode)),
      el("div", { class: "upper" }, el("div", { class: "stack" }, shown.root, worth.root), el("div", { class: "now" }, ...roots(now))),
      el("div", { class: "over" }, ...over.filter(({ length }) => length).map((parts) => el("div", { class: "stack" }, ...roots(parts)))),
    );
  }

  /** The values of all actions of the chosen agent, over time. */
  values() {
    const { episode, clock, chosen } = this;
    const name = valueName(episode);
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
      heat.track.title.textContent = `${name} of each action: ${episode.agents[agent]}`;
      heat.renew();
    });
    return heat;
  }

  /** What each agent counts, and what it so adds to the value of the whole. */
  credit() {
    const { joint, agents } = this.episode;
    if (!joint.slopes) return [];
    const parts = Array.from(joint.slopes.data, (slope, place) => {
      const step = Math.floor(place / agents.length);
      return slope * valueTaken(this.episode, place % agents.length, step);
    });
    const weights = this.byAgent({
      title: "Weight of each agent",
      note: "What one more unit of an agent's Q adds to Q_tot",
      value: (agent, step) => joint.slopes.data[step * agents.length + agent],
      range: span(joint.slopes.data),
      describe: "Heat map: the weight of every agent in Q_tot over time",
    });
    const shares = this.byAgent({
      title: "Part of each agent in Q_tot",
      note: "Weight × Q of what it did",
      value: (agent, step) => parts[step * agents.length + agent],
      range: span(parts),
      describe: "Heat map: weight times Q of every agent over time",
    });
    return [weights, shares];
  }

  /** What each head looks at. */
  heads() {
    const { joint } = this.episode;
    const heads = joint.attention ? joint.attention.shape[1] : 0;
    return Array.from({ length: heads }, (_, head) => this.head(head, heads));
  }

  head(head, heads) {
    const { joint, agents, length } = this.episode;
    const at = (agent, step) => joint.attention.data[(step * heads + head) * agents.length + agent];
    const counted = joint.head_weights.data.some((weight) => Math.abs(weight - 1) > 1e-6);
    return this.byAgent({
      title: `Attention of head ${head + 1}`,
      note: head === 0 ? `Equal shares are ${figure(1 / agents.length)}; all heads have the same colours` : "",
      value: at,
      range: span(joint.attention.data),
      describe: `Heat map: the attention of head ${head + 1} to every agent over time`,
      more: (track, step) => {
        if (step >= length) return track.read("");
        const spread = entropy(agents.map((_, agent) => at(agent, step)));
        const weight = counted ? ` · weight ${figure(joint.head_weights.data[step * heads + head])}` : "";
        track.read(`spread ${spread.toFixed(2)} of 1${weight}`);
      },
    });
  }

  byAgent({ range, note, ...frame }) {
    const { episode, clock, chosen } = this;
    const told = note && `${note}; colours go from ${figure(range[0])} (faint) to ${figure(range[1])} (full), strokes are over who is out.`;
    const heat = new Heat({ ...frame, note: told, rows: episode.agents, steps: episode.length, clock, range: () => range, out: (agent, step) => !isAlive(episode, agent, step), pick: (agent) => chosen.set(agent) });
    chosen.watch((agent) => heat.track.mark(agent));
    return heat;
  }

  /** What is shown, in a sentence. */
  said() {
    const { episode } = this;
    const moment = Math.min(this.clock.moment, episode.length);
    if (moment >= episode.length) return `After ${episode.length} steps: ${episode.ending}`;
    const agent = this.chosen.value;
    const action = episode.actions[takenAt(episode, agent, moment)];
    return `Step ${moment + 1} of ${episode.length}. ${episode.agents[agent]}: ${action}.`;
  }
}

function outcome({ ending, outcome: { return: gained }, length }) {
  const [first, ...rest] = ending.split("; ");
  const won = first.startsWith("won") ? "won" : first.startsWith("lost") ? "lost" : "";
  const facts = [`${length} steps`, `return ${figure(gained)}`, ...rest.map((fact) => fact.replaceAll("_", " "))];
  return el("p", { class: "outcome" }, el("strong", { class: won }, first), ` ${facts.join(" · ")}`);
}

/** What colours stand for: all values, but never so little that noise looks like a pattern. */
function span(values) {
  const [least, most] = values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const room = Math.max(0.2 * Math.max(Math.abs(least), Math.abs(most), 1e-6) - (most - least), 0) / 2;
  return [least - room, most + room];
}

/** How even shares are: 1 if all are equal, 0 if one has all. */
function entropy(shares) {
  if (shares.length < 2) return 0;
  return -shares.reduce((sum, share) => sum + (share > 0 ? share * Math.log(share) : 0), 0) / Math.log(shares.length);
}
