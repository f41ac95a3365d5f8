// The team at one moment: who does what, and how the value of the whole is made up of it.

import { el, figure, write } from "./text.js";
import { isAlive, partOf, restName, takenAt, valueName, valueTaken, weightOf } from "./values.js";

/** One length for the bars of all these episodes: the greatest part of anything in Q_tot, and whether some are negative. */
export function barScale(episodes) {
  const parts = episodes.flatMap((episode) => {
    const { joint, agents, length } = episode;
    if (!joint.slopes) return [];
    const steps = [...Array(length).keys()];
    return [
      ...joint.q_tot.data,
      ...joint.rest.data,
      ...steps.flatMap((step) => agents.map((_, agent) => partOf(episode, agent, step))),
    ];
  });
  return {
    most: parts.reduce((most, part) => Math.max(most, Math.abs(part)), 1e-9),
    signed: parts.some((part) => part < 0),
  };
}

export class Team {
  constructor(episode, clock, chosen, { most, signed }) {
    Object.assign(this, { episode, clock, chosen, most, signed });
    const { joint } = episode;
    this.mixed = Boolean(joint.slopes);
    const heads = ["Agent", "does", valueName(episode), ...(this.mixed ? ["weight", "weight × Q"] : [])];
    this.rows = episode.agents.map((name, agent) => this.row(name, agent));
    this.sums = this.mixed ? [this.sum(restName(episode)), this.sum("Q_tot")] : [];
    this.title = el("h3", {}, "Now");
    const table = el(
      "table",
      { class: "team" },
      el("caption", { class: "unseen" }, "The team at this moment"),
      el(
        "thead",
        {},
        el("tr", {}, ...heads.map((head, place) => el("th", { scope: "col", class: place > 1 && "number" }, head))),
      ),
      el("tbody", {}, ...this.rows.map(({ root }) => root)),
      el("tfoot", {}, ...this.sums.map(({ root }) => root)),
    );
    const missing = joint.missing ? [el("p", { class: "note" }, joint.missing)] : [];
    const box = el(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": "The team, agent by agent" },
      table,
    );
    this.root = el("section", { class: "card" }, this.title, box, ...missing);
    clock.position.watch(() => this.show());
    chosen.watch((agent) => this.mark(agent));
  }

  row(name, agent) {
    const button = el(
      "button",
      { type: "button", class: "agent", "aria-pressed": "false", onclick: () => this.chosen.set(agent) },
      name,
    );
    const cells = { does: el("td", { class: "does" }), value: el("td", { class: "number" }) };
    if (this.mixed) Object.assign(cells, { weight: el("td", { class: "number" }), part: bar(this.signed) });
    const root = el(
      "tr",
      { onclick: () => this.chosen.set(agent) },
      el("th", { scope: "row" }, button),
      ...Object.values(cells).map((cell) => cell.root ?? cell),
    );
    return { root, button, ...cells };
  }

  sum(name) {
    const part = bar(this.signed);
    return { root: el("tr", {}, el("th", { scope: "row", colspan: "4" }, name), part.root), part };
  }

  show() {
    const { episode } = this;
    const moment = Math.min(this.clock.moment, episode.length);
    if (moment === this.shown) return;
    this.shown = moment;
    write(
      this.title,
      moment < episode.length ? `Step ${moment + 1} of ${episode.length}` : `After ${episode.length} steps`,
    );
    this.rows.forEach(({ root, does, value, weight, part }, agent) => {
      const alive = isAlive(episode, agent, moment);
      root.classList.toggle("out", !alive);
      write(does, alive ? (episode.actions[takenAt(episode, agent, moment)] ?? "–") : "out");
      write(value, figure(valueTaken(episode, agent, moment)));
      if (!this.mixed) return;
      const acts = moment < episode.length;
      write(weight, acts ? figure(weightOf(episode, agent, moment)) : "–");
      part.set(acts ? partOf(episode, agent, moment) : NaN, this.most);
    });
    if (!this.mixed) return;
    const of = ({ data }) => (moment < episode.length ? data[moment] : NaN);
    this.sums[0].part.set(of(episode.joint.rest), this.most);
    this.sums[1].part.set(of(episode.joint.q_tot), this.most);
  }

  mark(chosen) {
    this.rows.forEach(({ root, button }, agent) => {
      root.classList.toggle("chosen", agent === chosen);
      button.setAttribute("aria-pressed", String(agent === chosen));
    });
  }
}

/** A cell with a bar and a number; where some are negative, it grows from the middle. */
function bar(signed) {
  const text = el("span");
  const fill = el("i", { class: "bar" });
  const root = el("td", { class: "number part" }, el("span", { class: "rail" }, fill), text);
  const set = (value, most) => {
    write(text, figure(value));
    const share = Number.isFinite(value) ? Math.min(Math.abs(value) / most, 1) : 0;
    const half = signed ? 50 : 100;
    fill.style.width = `${half * share}%`;
    fill.style.left = `${value < 0 ? half - half * share : 100 - half}%`;
    fill.classList.toggle("negative", value < 0);
  };
  return { root, set };
}
