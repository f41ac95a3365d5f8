// What agents see, by name: of the one that is looked at, or of several side by side where a world has no drawing.

import { el, figure, write } from "./text.js";

/** A table of so many agents at most has a column for each. */
const SIDE_BY_SIDE = 6;
/** Pages so wide have room for it at once. */
const ROOMY = 1600;

export class Sight {
  constructor(episode, clock, chosen, { wide, kept }) {
    Object.assign(this, { episode, clock, chosen });
    this.wide = wide && episode.agents.length <= SIDE_BY_SIDE;
    this.head = el("tr");
    this.body = el("tbody");
    this.zeros = el("input", { type: "checkbox", checked: kept?.zeros ?? true, onchange: () => this.show(true) });
    const option = el("label", { class: "option" }, this.zeros, " leave out what is 0");
    const table = el(
      "table",
      { class: "sight" },
      el("caption", { class: "unseen" }, "What is seen"),
      el("thead", {}, this.head),
      this.body,
    );
    const label = wide ? "What agents see" : "What the chosen agent sees";
    this.box = el(
      "div",
      { class: wide ? "scroll tall" : "scroll", tabindex: "0", role: "group", "aria-label": label },
      table,
    );
    this.title = el(wide ? "h3" : "summary", {}, label);
    const parts = [
      this.title,
      ...(episode.seen.missing ? [el("p", { class: "note" }, episode.seen.missing)] : [option, this.box]),
    ];
    this.root = wide
      ? el("section", { class: "card" }, ...parts)
      : el(
          "details",
          { class: "card", open: kept?.open ?? window.innerWidth >= ROOMY, ontoggle: () => this.show(true) },
          ...parts,
        );
    if (episode.seen.missing) return;
    this.rows = episode.seen.names.map((name) => this.row(name));
    this.body.append(...this.rows.map(({ root }) => root));
    clock.position.watch(() => this.show());
    chosen.watch(() => this.show(true));
  }

  get kept() {
    return { open: this.root.open, zeros: this.zeros.checked };
  }

  get columns() {
    return this.wide ? this.episode.agents.map((_, agent) => agent) : [this.chosen.value];
  }

  row(name) {
    const cells = (this.wide ? this.episode.agents : [""]).map(() => el("td", { class: "number" }));
    return { root: el("tr", {}, el("th", { scope: "row" }, name), ...cells), cells };
  }

  show(again = false) {
    const { episode } = this;
    const moment = Math.min(this.clock.moment, episode.length);
    if (again) this.name();
    if ((moment === this.shown && !again) || (this.root.tagName === "DETAILS" && !this.root.open)) return;
    this.shown = moment;
    const { data } = episode.seen.obs;
    const features = this.rows.length;
    this.rows.forEach(({ root, cells }, feature) => {
      let any = false;
      this.columns.forEach((agent, column) => {
        const at = (when) => data[(when * episode.agents.length + agent) * features + feature];
        const value = at(moment);
        const before = moment > 0 ? at(moment - 1) : value;
        const changed = Math.abs(value - before) > 1e-4;
        any ||= Math.abs(value) > 1e-4 || changed;
        write(cells[column], figure(value) + (changed ? (value > before ? " ▲" : " ▼") : ""));
        cells[column].classList.toggle("changed", changed);
        cells[column].classList.toggle("chosen", this.wide && agent === this.chosen.value);
      });
      root.hidden = this.zeros.checked && !any;
    });
  }

  name() {
    const { agents } = this.episode;
    if (!this.wide) write(this.title, `What ${agents[this.chosen.value]} sees`);
    const pick = (agent) =>
      el(
        "button",
        {
          type: "button",
          class: "agent",
          "aria-pressed": String(agent === this.chosen.value),
          onclick: () => this.chosen.set(agent),
        },
        agents[agent],
      );
    this.head.replaceChildren(
      el("th", { scope: "col" }, "feature"),
      ...this.columns.map((agent) => el("th", { scope: "col", class: "number" }, this.wide ? pick(agent) : "value")),
    );
  }
}
