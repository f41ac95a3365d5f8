// The world, drawn: a canvas in which one points at agents.

import { leftOut } from "./camera.js";
import { onWidth, sized } from "./canvas.js";
import { look } from "./colours.js";
import { paintLayer } from "./draw.js";
import { isStill } from "./layer.js";
import { markSize } from "./marks.js";
import { overlays, paintFocus, paintRing, paintShare, wholeOf } from "./overlay.js";
import { clamp, el, write } from "./text.js";
import { isAlive } from "./values.js";

const REACH = 26;
const TALLEST = 0.52;

export class Stage {
  constructor(episode, clock, chosen, { close, kept }) {
    Object.assign(this, { episode, clock, chosen, close });
    this.canvas = el("canvas", { class: "scene", role: "img", "aria-label": `The world: ${episode.scene.note}` });
    this.overlays = overlays(episode);
    this.ring = this.overlays.findIndex(({ name }) => name === kept?.ring);
    if (this.ring < 0) this.ring = this.overlays.length > 1 ? 1 : 0;
    this.rings = el(
      "select",
      { "aria-label": "Rings around agents", onchange: () => this.show(this.rings.selectedIndex) },
      ...this.overlays.map(({ name }) => el("option", {}, name)),
    );
    this.rings.selectedIndex = this.ring;
    const legend = el("p", { class: "note" }, episode.scene.note);
    this.whole = el("p", { class: "note" });
    this.near = kept?.near ?? true;
    this.zoom = el(
      "button",
      { type: "button", "aria-pressed": String(this.near), onclick: () => this.approach(!this.near) },
      "close up",
    );
    this.beside = el("p", { class: "beside" });
    const tools = [...(this.close ? [this.zoom] : []), ...(this.overlays.length > 1 ? [this.rings] : [])];
    const head = tools.length ? [el("div", { class: "stage-tools" }, this.beside, ...tools)] : [];
    this.root = el("figure", { class: "card stage" }, ...head, this.canvas, el("figcaption", {}, legend, this.whole));
    this.complete = episode.alive.data.every(Boolean);
    this.backdrop = el("canvas");
    this.still = episode.scene.layers.findIndex((layer) => !isStill(layer));
    if (this.still < 0) this.still = episode.scene.layers.length;
    this.canvas.addEventListener("pointerdown", (event) => this.point(event));
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    onWidth(this.root, () => this.resize());
    look.watch(() => this.resize());
    clock.position.watch(() => this.paint());
    chosen.watch(() => this.paint());
  }

  /** What rings show, by its place in the list. */
  show(ring) {
    this.ring = (ring + this.overlays.length) % this.overlays.length;
    this.rings.selectedIndex = this.ring;
    this.paint();
  }

  /** Show the part of the world where something happens, or all of it. */
  approach(near) {
    this.near = near;
    this.zoom.setAttribute("aria-pressed", String(near));
    this.resize();
  }

  /** What was chosen here, for the stage of the episode that takes this one's place. */
  get kept() {
    return { ring: this.overlays[this.ring].name, near: this.near };
  }

  get bounds() {
    return (this.near && this.close) || this.episode.scene.bounds;
  }

  resize() {
    const [left, bottom, right, top] = this.bounds;
    const room = this.root.clientWidth - 2 * parseFloat(getComputedStyle(this.root).paddingLeft || 0);
    if (room <= 0 || !look.value) return;
    const scale = Math.min(room / (right - left), Math.max(TALLEST * window.innerHeight, 260) / (top - bottom));
    this.size = [(right - left) * scale, (top - bottom) * scale];
    this.view = { scale, x: (x) => (x - left) * scale, y: (y) => (top - y) * scale };
    this.context = sized(this.canvas, ...this.size);
    const context = sized(this.backdrop, ...this.size);
    for (const layer of this.episode.scene.layers.slice(0, this.still)) this.layer(context, layer, 0);
    this.paint();
  }

  layer(context, layer, position) {
    paintLayer(context, layer, position, { view: this.view, tones: look.value.tones, glide: !this.calm });
  }

  paint() {
    if (!this.context) return;
    const position = Math.min(this.clock.position.value, this.episode.length);
    this.context.clearRect(0, 0, ...this.size);
    this.context.drawImage(this.backdrop, 0, 0, ...this.size);
    for (const layer of this.episode.scene.layers.slice(this.still)) this.layer(this.context, layer, position);
    if (!this.episode.scene.agents) return;
    const moment = Math.floor(position + 1e-6);
    write(this.beside, this.near && this.close ? leftOut(this.episode.scene, this.close, moment) : "");
    const marks = this.places(position);
    this.paintShares(marks, moment);
    this.paintReach(marks[this.chosen.value], moment);
    if (isAlive(this.episode, this.chosen.value, moment))
      paintFocus(this.context, marks[this.chosen.value], look.value);
  }

  /** A ring around everybody who is drawn; who is out and is not drawn is in the sentence only. */
  paintShares(marks, moment) {
    const shares = this.overlays[this.ring].shares?.(moment) ?? [];
    const out = shares.map((_, agent) => !isAlive(this.episode, agent, moment));
    const drawn = shares.map((_, agent) => agent).filter((agent) => !out[agent] || this.sizeOf(agent, moment));
    drawn.sort((one, other) => out[other] - out[one]); // the living are painted last, over the others
    for (const agent of drawn) paintShare(this.context, marks[agent], shares[agent], look.value, out[agent]);
    const outside = shares.reduce((sum, share, agent) => sum + (out[agent] ? share : 0), 0);
    write(this.whole, shares.length ? wholeOf(this.complete ? null : outside) : "");
  }

  /** How far the agent that is looked at can reach. */
  paintReach({ x, y }, moment) {
    const { reach } = this.episode.scene;
    const agent = this.chosen.value;
    if (!reach || !isAlive(this.episode, agent, moment)) return;
    const radius = reach.data[moment * this.episode.agents.length + agent] * this.view.scale;
    if (radius > 0) paintRing(this.context, { x, y, radius }, look.value.muted);
  }

  /** Where agents are on the canvas, and how large the marks are that stand there. */
  places(position) {
    const { data, shape } = this.episode.scene.agents;
    const agents = shape[1];
    const moment = Math.floor(position + 1e-6);
    const next = Math.min(moment + 1, shape[0] - 1);
    const share = this.calm ? 0 : position - moment;
    return Array.from({ length: agents }, (_, agent) => {
      const at = (axis) => {
        const now = data[(moment * agents + agent) * 2 + axis];
        return now + share * (data[(next * agents + agent) * 2 + axis] - now);
      };
      return { x: this.view.x(at(0)), y: this.view.y(at(1)), radius: this.radius(agent, moment) };
    });
  }

  /** The radius on the canvas of an agent's mark. */
  radius(agent, moment) {
    return clamp(this.sizeOf(agent, moment) * this.view.scale, 4, 60);
  }

  sizeOf(agent, moment) {
    this.sizes ??= new Map();
    const key = moment * this.episode.agents.length + agent;
    if (!this.sizes.has(key)) this.sizes.set(key, markSize(this.episode, agent, moment));
    return this.sizes.get(key);
  }

  nearest(event) {
    if (!this.episode.scene.agents) return null;
    const marks = this.places(Math.min(this.clock.position.value, this.episode.length));
    const away = marks.map(({ x, y, radius }) => Math.hypot(x - event.offsetX, y - event.offsetY) - radius);
    const agent = away.indexOf(Math.min(...away));
    return away[agent] <= REACH ? agent : null;
  }

  point(event) {
    const agent = this.nearest(event);
    if (agent !== null) this.chosen.set(agent);
  }

  hover(event) {
    const agent = this.nearest(event);
    this.canvas.style.cursor = agent === null ? "default" : "pointer";
    this.canvas.title = agent === null ? "" : this.episode.agents[agent];
  }
}
