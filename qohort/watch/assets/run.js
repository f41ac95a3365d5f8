// Everything of one episode, in step with one clock and one chosen agent.

import { Choices } from "./choices.js";
import { Ribbon } from "./ribbon.js";
import { Sight } from "./sight.js";
import { Stage } from "./stage.js";
import { choiceStrip, creditStrips, headStrips, heardStrips, importanceStrips } from "./strips.js";
import { Team } from "./team.js";
import { el, figure } from "./text.js";
import { takenAt } from "./values.js";
import { Worth } from "./worth.js";

/** Names at the left of strips have room for so many letters; longer ones end in dots. */
const LONGEST = 14;

export class Run {
  /** `kept` is what was chosen in the run that this one takes the place of. */
  constructor(episode, clock, chosen, { titled, close, scale, bars, kept }) {
    Object.assign(this, { episode, clock, chosen });
    this.stage = episode.scene ? new Stage(episode, clock, chosen, { close, kept: kept?.stage }) : null;
    this.sight = new Sight(episode, clock, chosen, { wide: !this.stage, kept: kept?.sight });
    const shown = this.stage ?? this.sight;
    const worth = new Worth(episode, clock, chosen, scale);
    const now = [new Team(episode, clock, chosen, bars), new Choices(episode, clock, chosen)];
    if (this.stage) now.push(this.sight);
    const done = [new Ribbon(episode, clock, chosen), choiceStrip(this), ...heardStrips(this)];
    const [credit, heads] = [[...creditStrips(this), ...importanceStrips(this)], headStrips(this)];
    const over = heads.length ? [[...done, ...credit], heads] : [done, credit];
    const roots = (parts) => parts.map(({ root }) => root);
    const longest = Math.max(
      ...episode.agents.map(({ length }) => length),
      ...episode.actions.map(({ length }) => length),
    );
    this.root = el(
      "section",
      { class: "run", "aria-label": episode.title, style: `--names: ${Math.min(Math.max(longest, 8), LONGEST)}ch` },
      el("div", { class: "run-head" }, el("h2", { class: !titled && "unseen" }, episode.title), outcome(episode)),
      el(
        "div",
        { class: "upper" },
        el("div", { class: "stack" }, shown.root, worth.root),
        el("div", { class: "now" }, ...roots(now)),
      ),
      el(
        "div",
        { class: "over" },
        ...over.filter(({ length }) => length).map((parts) => el("div", { class: "stack" }, ...roots(parts))),
      ),
    );
  }

  get kept() {
    return { stage: this.stage?.kept, sight: this.sight.kept };
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
