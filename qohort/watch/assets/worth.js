// What the team took its situation to be worth, what came of it, and the rewards.

import { look } from "./colours.js";
import { figure } from "./text.js";
import { Track } from "./track.js";
import { restName, valueTaken } from "./values.js";

const HEIGHT = 156;
const DASHES = { expected: [], rest: [2, 4], came: [6, 4] };
const REWARDS = 0.26;

/** The least and the greatest number that is drawn of these episodes: one scale for all of them. */
export function extent(episodes) {
  let [least, most] = [0, 1e-6];
  for (const data of episodes.flatMap(drawn)) {
    for (const value of data) {
      if (Number.isFinite(value)) [least, most] = [Math.min(least, value), Math.max(most, value)];
    }
  }
  return [least, most];
}

/** The numbers of all lines; where nothing is mixed, of everybody who may be looked at. */
function drawn(episode) {
  const { joint, returns, agents, length, outputs } = episode;
  const steps = [...Array(length).keys()];
  const taken = () => agents.map((_, agent) => steps.map((step) => valueTaken(episode, agent, step)));
  return [
    ...(returns ? [returns.data] : []),
    ...(joint.rest ? [joint.rest.data] : []),
    ...(joint.q_tot ? [joint.q_tot.data] : outputs === "utilities" ? taken() : []),
  ];
}

export class Worth {
  constructor(episode, clock, chosen, scale) {
    Object.assign(this, { episode, clock, chosen, scale });
    this.each = !episode.joint.q_tot || episode.joint.q_tot.shape[1] > 1;
    this.expects = episode.outputs === "utilities";
    this.name = this.each ? "Q" : "Q_tot";
    this.parts = [
      ...(this.expects ? [{ name: this.name, key: "expected", at: (step) => this.expected(step) }] : []),
      ...(episode.joint.rest
        ? [{ name: restName(episode), key: "rest", at: (step) => episode.joint.rest.data[step] }]
        : []),
      { name: "came", key: "came", at: (step) => this.of(episode.returns, step) },
      { name: "reward", key: "gain", at: (step) => this.of(episode.rewards, step) },
    ];
    this.track = new Track({
      title: this.expects ? "Expected, and what came" : "What came",
      note: `${this.expects ? `${this.name}: what the network took the team's step to be worth. ` : ""}Came: the discounted rewards that followed.`,
      rows: this.parts.map(({ name }) => name),
      height: HEIGHT,
      clock,
      paint: (context, width, height) => this.paint(context, width, height),
      describe: "Line chart over time: the value expected, the return that followed, and bars with the rewards",
    });
    this.root = this.track.root;
    this.track.names.forEach((name, row) => name.classList.add("key", this.parts[row].key));
    clock.position.watch(() => this.show());
    chosen.watch(() => this.each && this.renew());
  }

  renew() {
    this.shown = null;
    this.track.repaint();
    this.show();
  }

  /** The joint value; where nothing is mixed, the value of the agent that is looked at. */
  expected(step) {
    if (!this.expects) return NaN;
    if (this.each) return valueTaken(this.episode, this.chosen.value, step);
    return this.episode.joint.q_tot.data[step];
  }

  /** One number for the team: of single agents' numbers, that of the agent that is looked at. */
  of(array, step) {
    if (!array) return NaN;
    const each = array.shape[1];
    return array.data[step * each + (each > 1 ? this.chosen.value : 0)];
  }

  paint(context, width, height) {
    const steps = [...Array(this.episode.length).keys()];
    const [least, most] = this.scale;
    const tall = height * (1 - REWARDS) - 10;
    const x = (step) => ((step + 0.5) / Math.max(this.clock.length, 1)) * width;
    const y = (value) => 8 + (1 - (value - least) / (most - least)) * (tall - 8);
    this.grid(context, width, y, least, most);
    for (const { key, at } of this.parts.filter((part) => part.key in DASHES).reverse()) {
      this.line(context, steps, x, (step) => y(at(step)), look.value[key], DASHES[key]);
    }
    this.ticks(context, y, least, most);
    this.bars(context, width, tall + 8, height);
  }

  ticks(context, y, least, most) {
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "bottom";
    context.textAlign = "left";
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.strokeStyle = look.value.card;
    context.fillStyle = look.value.muted;
    for (const value of roundNumbers(least, most)) {
      context.strokeText(figure(value), 3, y(value) - 1);
      context.fillText(figure(value), 3, y(value) - 1);
    }
  }

  grid(context, width, y, least, most) {
    context.fillStyle = look.value.line;
    for (const value of roundNumbers(least, most)) context.fillRect(0, Math.round(y(value)), width, 1);
  }

  line(context, steps, x, y, colour, dashes) {
    context.beginPath();
    steps.forEach((step) => Number.isFinite(y(step)) && context.lineTo(x(step), y(step)));
    context.strokeStyle = colour;
    context.lineWidth = 2.25;
    context.lineJoin = "round";
    context.setLineDash(dashes);
    context.stroke();
    context.setLineDash([]);
  }

  bars(context, width, top, height) {
    const { length } = this.episode;
    const rewards = Array.from({ length }, (_, step) => this.of(this.episode.rewards, step));
    const most = Math.max(1e-9, ...rewards.map(Math.abs));
    const below = rewards.some((reward) => reward < 0);
    const zero = below ? (top + height) / 2 : height - 1;
    const tall = below ? (height - top) / 2 : height - top - 1;
    const wide = width / Math.max(this.clock.length, 1);
    context.fillStyle = look.value.line;
    context.fillRect(0, zero, width, 1);
    rewards.forEach((reward, step) => {
      const size = (Math.abs(reward) / most) * tall;
      context.fillStyle = reward < 0 ? look.value.loss : look.value.gain;
      context.fillRect(step * wide + 0.5, reward < 0 ? zero : zero - size, Math.max(wide - 1, 1), size);
    });
  }

  show() {
    const moment = this.clock.moment;
    if (moment === this.shown) return;
    this.shown = moment;
    this.track.show(this.parts.map(({ at }) => (moment < this.episode.length ? figure(at(moment)) : "")));
  }
}

/** About three numbers in a range that are read easily: multiples of 1, 2 or 5 times a power of ten. */
function roundNumbers(least, most) {
  const apart = (most - least) / 3;
  const power = 10 ** Math.floor(Math.log10(apart));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= apart);
  const first = Math.ceil(least / step);
  return Array.from({ length: Math.floor(most / step) - first + 1 }, (_, index) => (first + index) * step);
}
