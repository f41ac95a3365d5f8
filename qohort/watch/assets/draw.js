// A scene on a canvas: circles, rectangles, lines and labels, in the order in which the world gave them.

import { entryAt } from "./layer.js";

const STROKE = 1.5;
const DASH = [8, 6];
/** The tone of what is empty in a bar: dark on every page, for on dark pages ink is light and would look full. */
const INK = 6;

/** Where marks are at a position: those that stay visible glide from one moment to the next. */
class Cut {
  constructor(layer, position, glide) {
    this.layer = layer;
    this.moment = Math.floor(position + 1e-6);
    this.share = glide ? position - this.moment : 0;
  }

  choice(name, mark) {
    return entryAt(this.layer[name], this.moment, mark);
  }

  number(name, index, mark) {
    const now = entryAt(this.layer[name], this.moment, index);
    if (this.layer[name].still || this.share <= 0 || !this.staysVisible(mark)) return now;
    return now + this.share * (entryAt(this.layer[name], this.moment + 1, index) - now);
  }

  staysVisible(mark) {
    return entryAt(this.layer.visible, this.moment + 1, mark);
  }
}

/** Paint one layer; `view` maps the world's places to pixels. */
export function paintLayer(context, layer, position, { view, tones, glide }) {
  const cut = new Cut(layer, position, glide);
  for (let mark = 0; mark < layer.count; mark++) {
    if (cut.choice("visible", mark)) PAINTERS[layer.kind](context, cut, mark, view, tones);
  }
}

const PAINTERS = { circles: paintCircle, rectangles: paintRectangle, lines: paintLine, labels: paintLabel };

function paintCircle(context, cut, mark, view, tones) {
  const x = view.x(cut.number("centre", 2 * mark, mark));
  const y = view.y(cut.number("centre", 2 * mark + 1, mark));
  outline(context, x, y, cut.number("radius", mark, mark) * view.scale, cut.choice("sides", mark));
  fill(context, tones[cut.choice("fill", mark)]);
  stroke(context, tones[cut.choice("outline", mark)], 1.25);
}

/** The path of a disc, or of a polygon that stands on its base. */
export function outline(context, x, y, radius, sides) {
  context.beginPath();
  if (sides < 3) {
    context.arc(x, y, Math.max(radius, 0), 0, 2 * Math.PI);
    return;
  }
  const turn = Math.PI / 2 + Math.PI / sides;
  for (let corner = 0; corner < sides; corner++) {
    const angle = turn + (2 * Math.PI * corner) / sides;
    context.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  context.closePath();
}

function paintRectangle(context, cut, mark, view, tones) {
  const left = view.x(cut.number("low", 2 * mark, mark));
  const right = view.x(cut.number("high", 2 * mark, mark));
  const bottom = view.y(cut.number("low", 2 * mark + 1, mark));
  const top = view.y(cut.number("high", 2 * mark + 1, mark));
  const full = Math.min(Math.max(cut.number("full", mark, mark), 0), 1);
  const paint = (from, to, colour) => {
    context.beginPath();
    context.rect(from, top, to - from, bottom - top);
    fill(context, colour);
  };
  const empty = cut.choice("empty", mark);
  if (full < 1) paint(left, right, empty === INK ? tones.hollow : tones[empty]);
  if (full > 0) paint(left, left + full * (right - left), tones[cut.choice("fill", mark)]);
  context.beginPath();
  context.rect(left, top, right - left, bottom - top);
  stroke(context, tones[cut.choice("outline", mark)], 1);
}

function paintLine(context, cut, mark, view, tones) {
  context.beginPath();
  context.moveTo(view.x(cut.number("start", 2 * mark, mark)), view.y(cut.number("start", 2 * mark + 1, mark)));
  context.lineTo(view.x(cut.number("end", 2 * mark, mark)), view.y(cut.number("end", 2 * mark + 1, mark)));
  context.setLineDash(cut.choice("dashed", mark) ? DASH : []);
  stroke(context, tones[cut.choice("tone", mark)], Math.max(cut.number("weight", mark, mark) * STROKE, 0.6));
  context.setLineDash([]);
}

function paintLabel(context, cut, mark, view, tones) {
  const colour = tones[cut.choice("tone", mark)];
  if (!colour) return;
  const { texts, size, anchor } = cut.layer;
  context.font = `600 ${(0.86 * size * view.scale).toFixed(1)}px system-ui, sans-serif`;
  context.textAlign = { left: "left", middle: "center", right: "right" }[anchor];
  context.textBaseline = "alphabetic";
  context.fillStyle = colour;
  const x = view.x(cut.number("at", 2 * mark, mark));
  const y = view.y(cut.number("at", 2 * mark + 1, mark));
  context.fillText(texts[cut.choice("which", mark)], x, y + 0.31 * size * view.scale); // half a capital's height
}

function fill(context, colour) {
  if (!colour) return;
  context.fillStyle = colour;
  context.fill();
}

function stroke(context, colour, width) {
  if (!colour) return;
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}
