// What is drawn over a scene: who is looked at, and how much each agent counts.

import { figure } from "./text.js";

const GAP = 3;
const WIDTH = 3.5;
/** How strong the rings of those are who are out. */
const FAINT = 0.55;

/** What rings around agents can show: nothing, what each counts or would cost, or what one head looks at. */
export function overlays({ joint }) {
  const made = [{ name: "no rings", shares: null }];
  if (joint.slopes) made.push({ name: "rings: weight", shares: (moment) => shares(joint.slopes, moment, 0, 1) });
  if (joint.importance) {
    made.push({ name: "rings: importance", shares: (moment) => shares(joint.importance, moment, 0, 1) });
  }
  if (joint.attention) {
    const heads = joint.attention.shape[1];
    for (let head = 0; head < heads; head++) {
      made.push({ name: `rings: head ${head + 1}`, shares: (moment) => shares(joint.attention, moment, head, heads) });
    }
  }
  return made;
}

/** The parts of a whole that agents have at a step. A mixer may count those who are out, so they are among them. */
function shares({ data, shape }, moment, row, rows) {
  const agents = shape[shape.length - 1];
  const start = (Math.min(moment, shape[0] - 1) * rows + row) * agents;
  const values = Array.from(data.subarray(start, start + agents), Math.abs);
  const total = values.reduce((sum, value) => sum + value, 0) || 1;
  return values.map((value) => value / total);
}

/** What rings are parts of, in words; `outside` is the share of those who are out, null if nobody ever is. */
export function wholeOf(outside) {
  return `Thick rings: shares of one whole${outside === null ? "" : `; who is out has ${figure(outside)} of it`}.`;
}

/** A ring of which as much is drawn as the agent's share is; of who is out it is fainter. */
export function paintShare(context, { x, y, radius }, share, colours, out) {
  const from = -Math.PI / 2;
  const arc = (end, colour, width) => {
    context.beginPath();
    context.arc(x, y, radius + GAP, from, end);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  };
  context.globalAlpha = out ? FAINT : 1;
  arc(from + 2 * Math.PI, colours.card, WIDTH + 1.5);
  arc(from + 2 * Math.PI, colours.line, WIDTH);
  arc(from + 2 * Math.PI * share, colours.ring, WIDTH);
  context.globalAlpha = 1;
}

/** A dashed ring. */
export function paintRing(context, { x, y, radius }, colour) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.setLineDash([5, 5]);
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.stroke();
  context.setLineDash([]);
}

/** Four corners around the agent that is looked at. */
export function paintFocus(context, { x, y, radius }, colours) {
  const half = radius + GAP + WIDTH + 3;
  const arm = Math.max(5, half / 2.5);
  for (const [colour, width] of [
    [colours.card, 5],
    [colours.ink, 2.25],
  ]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    for (const [dx, dy] of [
      [1, 1],
      [1, -1],
      [-1, 1],
      [-1, -1],
    ]) {
      context.moveTo(x + dx * half, y + dy * (half - arm));
      context.lineTo(x + dx * half, y + dy * half);
      context.lineTo(x + dx * (half - arm), y + dy * half);
    }
    context.stroke();
  }
}
