// Where the playhead is. Whole positions are moments; between two of them a step is on its way.

import { Signal } from "./signal.js";
import { clamp } from "./text.js";

/** Steps in a second. */
export const SPEEDS = [1, 2, 4, 8, 16, 32];

export class Clock {
  constructor() {
    this.end = new Signal(0);
    this.position = new Signal(0);
    this.playing = new Signal(false);
    this.speed = new Signal(4);
    this.tick = this.tick.bind(this);
  }

  get signals() {
    return [this.end, this.position, this.playing, this.speed];
  }

  /** How many steps there are. */
  get length() {
    return this.end.value;
  }

  /** Of other episodes; who plays goes on playing. */
  set length(steps) {
    this.end.set(steps);
    this.seek(this.position.value);
  }

  /** The moment that is shown. */
  get moment() {
    return Math.floor(this.position.value + 1e-6);
  }

  seek(position) {
    this.position.set(clamp(position, 0, this.length));
  }

  step(by) {
    this.pause();
    this.seek(this.moment + by);
  }

  toggle() {
    if (this.playing.value) this.pause();
    else this.play();
  }

  play() {
    if (this.position.value >= this.length) this.seek(0);
    this.last = null;
    this.playing.set(true);
    requestAnimationFrame(this.tick);
  }

  /** Stop at a moment, never between two. */
  pause() {
    if (!this.playing.value) return;
    this.playing.set(false);
    this.seek(Math.round(this.position.value));
  }

  faster(by) {
    const place = SPEEDS.indexOf(this.speed.value) + by;
    this.speed.set(SPEEDS[clamp(place, 0, SPEEDS.length - 1)]);
  }

  tick(now) {
    if (!this.playing.value) return;
    const passed = this.last === null ? 0 : Math.min(now - this.last, 250) / 1000;
    this.last = now;
    this.seek(this.position.value + passed * this.speed.value);
    if (this.position.value >= this.length) this.pause();
    else requestAnimationFrame(this.tick);
  }
}
