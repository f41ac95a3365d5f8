// A heat map over time: darker (on dark pages lighter) is more; the numbers at the playhead stand beside it.

import { look, shade } from "./colours.js";
import { clamp, figure } from "./text.js";
import { rowHeight, Track } from "./track.js";

/** Distance of the strokes that mean "not there". */
const HATCH = 5;

/**
 * `value(row, step)` is NaN where there is nothing; `colour(row, step)` is what is drawn of it, if not the value itself.
 * `range()` is what the least and the greatest colour stand for; `taken(row, step)` gets a dot,
 * and `out(row, step)`, who takes no part any more, strokes over the colour.
 */
export class Heat {
  constructor({
    rows,
    steps,
    clock,
    value,
    colour = value,
    range,
    taken = () => false,
    out = () => false,
    more = () => {},
    ...frame
  }) {
    Object.assign(this, { rows, steps, clock, value, colour, range, taken, out, more });
    const paint = (context, width, height) => this.paint(context, width, height);
    this.track = new Track({ ...frame, rows, clock, height: rows.length * rowHeight(rows.length), paint });
    this.root = this.track.root;
    clock.position.watch(() => this.show());
  }

  /** Other numbers: draw again. */
  renew() {
    this.shown = null;
    this.track.repaint();
    this.show();
  }

  paint(context, width, height) {
    const high = height / this.rows.length;
    const wide = width / Math.max(this.clock.length, 1);
    const [least, most] = this.range();
    const dot = clamp(0.28 * Math.min(wide, high), 1, 4);
    this.rows.forEach((_, row) => {
      for (let step = 0; step < this.steps; step++) {
        const value = this.value(row, step);
        const [x, y] = [step * wide, row * high];
        if (Number.isNaN(value)) {
          hatch(context, x, y, wide, high);
          continue;
        }
        const share = clamp((this.colour(row, step) - least) / (most - least || 1), 0, 1);
        context.fillStyle = shade(look.value.ramp, share);
        context.fillRect(x, y, wide + 0.5, high - (high > 8 ? 1 : 0));
        if (this.out(row, step)) hatch(context, x, y, wide, high, look.value.card);
        if (this.taken(row, step)) spot(context, x + wide / 2, y + high / 2, dot, share);
      }
    });
  }

  show() {
    const moment = this.clock.moment;
    if (moment === this.shown) return;
    this.shown = moment;
    const values = this.rows.map((_, row) => (moment < this.steps ? this.value(row, moment) : NaN));
    this.track.show(values.map((value) => (Number.isNaN(value) ? "" : figure(value))));
    this.more(this.track, moment);
  }
}

function hatch(context, x, y, wide, high, colour = look.value.line) {
  context.save();
  context.beginPath();
  context.rect(x, y, wide, high);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  // Strokes are counted from the corner of the map, so that those of neighbours meet.
  for (let k = Math.floor((x + y) / HATCH); k * HATCH < x + wide + y + high; k++) {
    context.moveTo(k * HATCH - y, y);
    context.lineTo(k * HATCH - y - high, y + high);
  }
  context.stroke();
  context.restore();
}

function spot(context, x, y, radius, share) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = share > 0.5 ? look.value.card : look.value.ink;
  context.fill();
}
