// A strip over time: rows with names at the left, numbers at the right, and the playhead across.

import { onWidth, sized } from "./canvas.js";
import { look } from "./colours.js";
import { clamp, el, write } from "./text.js";

const NAMED = 40;
/** Steps so wide get a frame, narrower ones a line of this width. */
const FRAMED = 8;
const LINE = 2;
/** Heights of a row, by how many there are at most. */
const HEIGHTS = [
  [6, 22],
  [12, 18],
  [20, 15],
  [NAMED, 13],
  [120, 6],
  [Infinity, 3],
];

export function rowHeight(rows) {
  return HEIGHTS.find(([most]) => rows <= most)[1];
}

/**
 * The frame of a strip.
 *
 * `rows` are names (none for a plot), `height` its pixels, `paint(context, width, height)` draws it,
 * `pick(row)` is told which row was clicked, `describe()` says in words what is drawn.
 */
export class Track {
  constructor({ title, note = "", rows = [], height, clock, paint, pick = () => {}, describe }) {
    Object.assign(this, { clock, paint, height, count: rows.length });
    this.canvas = el("canvas", { class: "plot" });
    this.head = el("div", { class: "playhead" });
    this.plot = el("div", { class: "field", role: "img", "aria-label": describe }, this.canvas, this.head);
    const named = rows.length <= NAMED;
    this.names = rows.map((name) => el("span", { title: name }, named ? name : ""));
    this.values = rows.map(() => el("span"));
    const side = (kind, parts) => el("div", { class: `side ${kind}`, "aria-hidden": "true" }, ...(named ? parts : []));
    const wide = rows.length ? [side("names", this.names), this.plot, side("values", this.values)] : [this.plot];
    this.title = el("h3", {}, title);
    this.reading = el("p", { class: "reading" });
    this.root = el(
      "section",
      { class: "card track" },
      el("div", { class: "track-head" }, this.title, this.reading),
      el("div", { class: rows.length ? "strip rows" : "strip" }, ...wide),
      ...(note ? [el("p", { class: "note" }, note)] : []),
    );
    this.root.style.setProperty("--row", `${height / Math.max(rows.length, 1)}px`);
    const seek = (event) => this.seek(event, pick);
    this.plot.addEventListener("pointerdown", seek);
    this.plot.addEventListener("pointermove", (event) => event.buttons && seek(event));
    onWidth(this.plot, () => this.repaint());
    look.watch(() => this.repaint());
    clock.position.watch(() => this.move());
  }

  seek(event, pick) {
    const box = this.plot.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    this.clock.pause();
    this.clock.seek(Math.floor(clamp(share, 0, 0.9999) * this.clock.length));
    if (this.count) pick(clamp(Math.floor(((event.clientY - box.top) / box.height) * this.count), 0, this.count - 1));
  }

  repaint() {
    const width = this.plot.clientWidth;
    if (!width || !look.value) return;
    this.paint(sized(this.canvas, width, this.height), width, this.height);
    this.move();
  }

  move() {
    const width = this.plot.clientWidth;
    const { moment, length } = this.clock;
    if (this.at === moment && this.wide === width) return;
    [this.at, this.wide] = [moment, width];
    const step = width / Math.max(length, 1);
    const framed = moment < length && step >= FRAMED;
    this.head.classList.toggle("framed", framed);
    this.head.style.width = `${framed ? step : LINE}px`;
    this.head.style.transform = `translateX(${Math.min(moment * step + (framed ? 0 : (step - LINE) / 2), width - LINE)}px)`;
  }

  /** The numbers at the right, one for each row. */
  show(texts) {
    texts.forEach((text, row) => write(this.values[row], text));
  }

  read(text) {
    write(this.reading, text);
  }

  /** Which row is looked at. */
  mark(chosen) {
    this.names.forEach((name, row) => name.classList.toggle("chosen", row === chosen));
    this.values.forEach((value, row) => value.classList.toggle("chosen", row === chosen));
  }
}
