// The world, drawn: a canvas in which one points at agents.

import { leftOut } from "./camera.js";
import { onWidth, sized } from "./canvas.js";
import { look } from "./colours.js";
import { isStill, paintLayer } from "./draw.js";
import { overlays, paintFocus, paintRing, paintShare } from "./overlay.js";
import { clamp, el, write } from "./text.js";
import { isAlive } from "./values.js";

const REACH = 26;
const TALLEST = 0.52;

export class Stage {
  constructor(episode, clock, chosen, close) {
    Object.assign(this, { episode, clock, chosen });
    this.canvas = el("canvas", { class: "scene", role: "img", "aria-label": `The world: ${episode.scene.note}` });
    this.overlays = overlays(episode);
    this.ring = this.overlays.length > 1 ? 1 : 0;
    this.rings = el(
      "select",
      { "aria-label": "Rings around agents", onchange: () => this.show(this.rings.selectedIndex) },
      ...this.overlays.map(({ name }) => el("option", {}, name)),
    );
    this.rings.selectedIndex = this.ring;
    const legend = el("p", { class: "note" }, episode.scene.note);
    this.close = close;
    this.near = Boolean(this.close);
    this.zoom = el(
      "button",
      { type: "button", "aria-pressed": String(this.near), onclick: () => this.approach(!this.near) },
      "close up",
    );
    this.beside = el("p", { class: "beside" });
    const tools = [...(this.close ? [this.zoom] : []), ...(this.overlays.length > 1 ? [this.rings] : [])];
    const head = tools.length ? [el("div", { class: "stage-tools" }, this.beside, ...tools)] : [];
    this.root = el("figure", { class: "card stage" }, ...head, this.canvas, el("figcaption", {}, legend));
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

  get bounds() {
    return this.near ? this.close : this.episode.scene.bounds;
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
    write(this.beside, this.near ? leftOut(this.episode.scene, this.close, moment) : "");
    const marks = this.places(position);
    const { shares } = this.overlays[this.ring];
    if (shares)
      shares(moment).forEach(
        (share, agent) =>
          isAlive(this.episode, agent, moment) && paintShare(this.context, marks[agent], share, look.value),
      );
    this.paintReach(marks[this.chosen.value], moment);
    if (isAlive(this.episode, this.chosen.value, moment))
      paintFocus(this.context, marks[this.chosen.value], look.value);
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

  /** The radius of the filled circle that stands where an agent is. */
  radius(agent, moment) {
    this.radii ??= new Map();
    const key = moment * this.episode.agents.length + agent;
    if (!this.radii.has(key)) this.radii.set(key, this.measured(agent, moment));
    return clamp(this.radii.get(key) * this.view.scale, 4, 60);
  }

  measured(agent, moment) {
    const { agents, layers } = this.episode.scene;
    const at = 2 * (moment * agents.shape[1] + agent);
    let radius = 0;
    for (const { kind, centre, radius: radii, fill, visible, count } of layers) {
      if (kind !== "circles") continue;
      const row = ({ shape, still }) => (still ? 0 : Math.min(moment, shape[0] - 1));
      for (let mark = 0; mark < count; mark++) {
        if (!visible.data[row(visible) * count + mark] || !fill.data[row(fill) * count + mark]) continue;
        const there = 2 * (row(centre) * count + mark);
        const away = Math.hypot(centre.data[there] - agents.data[at], centre.data[there + 1] - agents.data[at + 1]);
        const size = radii.data[row(radii) * count + mark];
        if (away < 0.05 * size) radius = Math.max(radius, size);
      }
    }
    return radius;
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
