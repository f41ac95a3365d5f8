// What the agent that is looked at could do, and what it took each action to be worth.

import { el, figure, write } from "./text.js";
import { bestValue, isAlive, takenAt, usualGap, valueName, valueOf } from "./values.js";

export class Choices {
  constructor(episode, clock, chosen) {
    Object.assign(this, { episode, clock, chosen });
    this.title = el("h3");
    this.rows = episode.actions.map((name) => this.row(name));
    this.list = el("ul", { class: "choices" }, ...this.rows.map(({ root }) => root));
    this.closed = el("p", { class: "note" });
    const box = el(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": "Actions of the chosen agent" },
      this.list,
    );
    this.root = el("section", { class: "card" }, this.title, box, this.closed);
    this.gap = usualGap(
      episode,
      episode.agents.map((_, agent) => agent),
    );
    clock.position.watch(() => this.show());
    chosen.watch(() => this.show(true));
  }

  row(name) {
    const fill = el("i", { class: "bar" });
    const value = el("span", { class: "number" });
    const taken = el("span", { class: "taken", "aria-hidden": "true" });
    const label = el("span", { class: "action" }, name);
    const said = el("span", { class: "unseen" });
    return {
      root: el("li", {}, taken, label, said, el("span", { class: "rail" }, fill), value),
      fill,
      value,
      taken,
      said,
    };
  }

  /** The length of an action's bar: its probability, or how near to the best its value is. */
  share(worth, best) {
    if (this.episode.outputs === "logits") return worth;
    return Math.max(1 - (best - worth) / this.gap, 0.03);
  }

  show(again = false) {
    const { episode } = this;
    const moment = Math.min(this.clock.moment, episode.length);
    if (moment === this.shown && !again) return;
    this.shown = moment;
    const agent = this.chosen.value;
    const taken = takenAt(episode, agent, moment);
    const best = bestValue(episode, agent, moment);
    write(this.title, `${valueName(episode)} of what ${episode.agents[agent]} can do`);
    const closed = [];
    this.rows.forEach(({ root, fill, value, taken: sign, said }, action) => {
      const worth = valueOf(episode, agent, action, moment);
      root.hidden = Number.isNaN(worth);
      if (root.hidden) {
        closed.push(episode.actions[action]);
        return;
      }
      fill.style.width = `${100 * this.share(worth, best)}%`;
      root.classList.toggle("is-taken", action === taken);
      write(sign, action === taken ? "●" : "");
      write(said, action === taken ? "(taken)" : "");
      write(value, figure(worth));
    });
    const names = closed.length > 6 ? `${closed.length} actions` : closed.join(", ");
    const told = closed.length ? `Not available: ${names}.` : "";
    write(this.closed, isAlive(episode, agent, moment) ? told : "It takes no part any more.");
  }
}
