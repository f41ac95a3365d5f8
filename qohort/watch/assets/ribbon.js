// Who did what: a row for each agent, in which equal actions in a row are one block with the action's sign.

import { look } from "./colours.js";
import { rowHeight, Track } from "./track.js";
import { takenAt } from "./values.js";

const WAYS = {
  north: "↑",
  south: "↓",
  east: "→",
  west: "←",
  up: "↑",
  down: "↓",
  right: "→",
  left: "←",
  ahead: "▸",
  stop: "■",
  stay: "■",
  wait: "■",
};
/** What a sign needs beside it. */
const MARGIN = 3;

/** A sign of a letter or two for each action: arrows, the number of a target, or letters; no two alike. */
export function signs(names, idle) {
  // The last that an action could have is nobody else's, so this ends.
  const possible = names.map((name, action) =>
    action === idle ? ["·"] : [sign(name), name.slice(0, 2), `#${action}`],
  );
  for (;;) {
    const made = possible.map(([first]) => first);
    const alike = possible.filter(({ length, 0: own }) => length > 1 && made.indexOf(own) !== made.lastIndexOf(own));
    if (!alike.length) return made;
    for (const own of alike) own.shift();
  }
}

function sign(name) {
  const words = name.split(/[\s_-]+/);
  const ways = words.map((word) => WAYS[word.toLowerCase()]).filter(Boolean);
  if (ways.length) return ways.slice(0, 2).join("");
  const number = name.match(/\d+$/);
  return number
    ? number[0]
    : words
        .map((word) => word.slice(0, 1))
        .join("")
        .slice(0, 2);
}

export class Ribbon {
  constructor(episode, clock, chosen) {
    Object.assign(this, { episode, clock });
    this.signs = signs(episode.actions, episode.idle);
    const rows = episode.agents;
    this.track = new Track({
      title: "What they did",
      note: this.legend(),
      rows,
      clock,
      height: rows.length * rowHeight(rows.length),
      paint: (context, width, height) => this.paint(context, width, height),
      pick: (agent) => chosen.set(agent),
      describe: "The actions of every agent over time",
    });
    this.root = this.track.root;
    clock.position.watch(() => this.show());
    chosen.watch((agent) => this.track.mark(agent));
  }

  legend() {
    const { actions, idle } = this.episode;
    const shown = actions
      .map((name, action) => (action === idle ? null : `${this.signs[action]} ${name}`))
      .filter(Boolean);
    return shown.length <= 12 ? shown.join("  ·  ") : "";
  }

  paint(context, width, height) {
    const { agents, chosen, length } = this.episode;
    const high = height / agents.length;
    const wide = width / Math.max(this.clock.length, 1);
    const small = Math.min(high - 4, 13);
    context.font = `600 ${small}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    agents.forEach((_, agent) => {
      let begin = 0;
      for (let step = 1; step <= length; step++) {
        const action = chosen.data[begin * agents.length + agent];
        if (step < length && chosen.data[step * agents.length + agent] === action) continue;
        this.block(context, { x: begin * wide, y: agent * high, wide: (step - begin) * wide, high }, action, small);
        begin = step;
      }
    });
  }

  block(context, { x, y, wide, high }, action, small) {
    const { idle } = this.episode;
    if (action === idle) return;
    const colours = look.value.actions;
    context.fillStyle =
      colours[(idle === null || action < idle ? action : action + colours.length - 1) % colours.length];
    context.fillRect(x, y, Math.max(wide - 0.75, 1), high - (high > 8 ? 1 : 0));
    if (small < 7 || wide < context.measureText(this.signs[action]).width + MARGIN) return;
    context.fillStyle = look.value.ink;
    context.fillText(this.signs[action], x + wide / 2, y + high / 2);
  }

  show() {
    const { episode } = this;
    const moment = Math.min(this.clock.moment, episode.length);
    if (moment === this.shown) return;
    this.shown = moment;
    this.track.show(episode.agents.map((_, agent) => this.signs[takenAt(episode, agent, moment)] ?? ""));
  }
}
