// The mark that stands for an agent: a drawing gives agents places, but does not say which mark is whose.

import { entryAt } from "./layer.js";
import { isAlive } from "./values.js";

/** A disc is an agent's if its middle is so near to it, as a share of the radius. */
const NEAR = 0.05;
/** A line is if its middle is so near, as a share of the world's width: one of a cross is, one of the ground is not. */
const EXACT = 0.0005;

/** The size of an agent's mark: of a disc its radius, of a cross half a stroke; 0 where none is drawn. */
export function markSize(episode, agent, moment) {
  const { scene } = episode;
  const place = placeOf(scene, agent, moment);
  const living = (other) => isAlive(episode, other, moment);
  const taken = (other) => living(other) && away(place, placeOf(scene, other, moment)) === 0;
  if (!living(agent) && episode.agents.some((_, other) => taken(other))) return 0; // that mark is another's
  return disc(scene, place, moment) || cross(scene, place, moment);
}

function placeOf({ agents }, agent, moment) {
  return pair(agents, moment, agent);
}

function disc({ layers }, place, moment) {
  let radius = 0;
  for (const [layer, mark] of visible(layers, "circles", moment)) {
    const size = entryAt(layer.radius, moment, mark);
    const own = entryAt(layer.fill, moment, mark) && away(place, pair(layer.centre, moment, mark)) < NEAR * size;
    if (own) radius = Math.max(radius, size);
  }
  return radius;
}

function cross({ layers, bounds }, place, moment) {
  const near = EXACT * (bounds[2] - bounds[0]);
  for (const [layer, mark] of visible(layers, "lines", moment)) {
    const [start, end] = [pair(layer.start, moment, mark), pair(layer.end, moment, mark)];
    const middle = [0, 1].map((axis) => (start[axis] + end[axis]) / 2);
    if (away(place, middle) < near) return away(start, end) / 2;
  }
  return 0;
}

function* visible(layers, kind, moment) {
  for (const layer of layers.filter((one) => one.kind === kind)) {
    for (let mark = 0; mark < layer.count; mark++) if (entryAt(layer.visible, moment, mark)) yield [layer, mark];
  }
}

function pair(array, moment, index) {
  return [entryAt(array, moment, 2 * index), entryAt(array, moment, 2 * index + 1)];
}

function away(one, other) {
  return Math.hypot(one[0] - other[0], one[1] - other[1]);
}
