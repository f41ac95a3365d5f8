// Which part of the world is shown: all of it, or where something happens in this episode.

import { entryAt } from "./layer.js";

/** How much is shown around the outermost marks, in their radii and at least. */
const RADII = 2.5;
const LEAST = 0.3;
/** Close up is worth it if it shows less than this share of the whole. */
const WORTH = 0.7;

/** The bounds of a close-up of all these scenes: left, bottom, right, top; null where it would show nearly everything. */
export function closeUp(scenes) {
  if (scenes.some((scene) => !scene?.agents)) return null;
  const { bounds } = scenes[0];
  const boxes = scenes.map(reach);
  const all = [0, 1, 2, 3].map((side) => Math[side < 2 ? "min" : "max"](...boxes.map((box) => box[side])));
  return worthwhile(padded(all, bounds), bounds);
}

/** Where agents, and marks that move, have been. */
function reach({ layers, agents }) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const grow = (x, y, margin) => {
    [box[0], box[1]] = [Math.min(box[0], x - margin), Math.min(box[1], y - margin)];
    [box[2], box[3]] = [Math.max(box[2], x + margin), Math.max(box[3], y + margin)];
  };
  for (let at = 0; at < agents.data.length; at += 2) grow(agents.data[at], agents.data[at + 1], 0);
  for (const layer of layers) {
    if (layer.kind !== "circles" || layer.centre.still || layer.fill.data.every((tone) => tone === 0)) continue;
    for (let moment = 0; moment < layer.centre.shape[0]; moment++) {
      for (let mark = 0; mark < layer.count; mark++) {
        if (!entryAt(layer.visible, moment, mark)) continue;
        const [x, y] = [0, 1].map((axis) => entryAt(layer.centre, moment, 2 * mark + axis));
        grow(x, y, RADII * entryAt(layer.radius, moment, mark));
      }
    }
  }
  return box;
}

/** Neither a sliver nor a speck, and within the world. */
function padded(box, bounds) {
  const made = [...box];
  for (const axis of [0, 1]) {
    const whole = bounds[axis + 2] - bounds[axis];
    const other = (made[3 - axis] - made[1 - axis]) * 0.55;
    const lacking = Math.max(Math.max(LEAST * whole, other) - (made[axis + 2] - made[axis]), 0);
    made[axis] = Math.max(made[axis] - lacking / 2, bounds[axis]);
    made[axis + 2] = Math.min(made[axis + 2] + lacking / 2, bounds[axis + 2]);
  }
  return made;
}

function worthwhile(box, bounds) {
  const area = ([left, bottom, right, top]) => (right - left) * (top - bottom);
  return area(box) < WORTH * area(bounds) ? box : null;
}

/** The texts of labels that a close-up leaves out: a line beside it says them. */
export function leftOut({ layers }, [left, bottom, right, top], moment) {
  const texts = [];
  for (const layer of layers) {
    if (layer.kind !== "labels") continue;
    for (let mark = 0; mark < layer.count; mark++) {
      if (!entryAt(layer.visible, moment, mark)) continue;
      const [x, y] = [0, 1].map((axis) => entryAt(layer.at, moment, 2 * mark + axis));
      if (x < left || x > right || y < bottom || y > top) texts.push(layer.texts[entryAt(layer.which, moment, mark)]);
    }
  }
  return texts.filter(Boolean).join(" · ");
}
