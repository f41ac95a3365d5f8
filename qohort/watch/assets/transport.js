// The bar with which one plays, and the keys that do the same.

import { toggleTheme } from "./colours.js";
import { SPEEDS } from "./clock.js";
import { el, write } from "./text.js";

export function transport(clock) {
  const button = (label, sign, act) =>
    el("button", { type: "button", "aria-label": label, title: label, onclick: act }, sign);
  const play = button("Play", "▶", () => clock.toggle());
  play.classList.add("play");
  const slider = el("input", {
    type: "range",
    min: 0,
    step: 1,
    value: 0,
    "aria-label": "Moment",
    oninput: () => {
      clock.pause();
      clock.seek(Number(slider.value));
    },
  });
  const place = el("output", { class: "place" });
  const speed = el(
    "select",
    { "aria-label": "Speed", onchange: () => clock.speed.set(Number(speed.value)) },
    ...SPEEDS.map((steps) => el("option", { value: steps }, `${steps} ${steps > 1 ? "steps" : "step"}/s`)),
  );
  clock.playing.watch((playing) => {
    write(play, playing ? "❚❚" : "▶");
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    play.title = playing ? "Pause (space)" : "Play (space)";
  });
  clock.speed.watch((steps) => (speed.value = steps));
  const show = () => {
    slider.max = clock.length;
    slider.value = clock.moment;
    const text = clock.moment < clock.length ? `step ${clock.moment + 1} of ${clock.length}` : "the end";
    slider.setAttribute("aria-valuetext", text);
    write(place, text);
  };
  for (const signal of [clock.end, clock.position]) signal.watch(show);
  return [
    button("Step back", "◂", () => clock.step(-1)),
    play,
    button("Step ahead", "▸", () => clock.step(1)),
    slider,
    place,
    speed,
  ];
}

/** Keys for those who do not use a pointer; while one types or chooses, they are what they always are. */
export function keys({ clock, chosen, agents, rings, help }) {
  const acts = {
    " ": () => clock.toggle(),
    ArrowLeft: (event) => clock.step(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => clock.step(event.shiftKey ? 10 : 1),
    Home: () => clock.step(-Infinity),
    End: () => clock.step(Infinity),
    "[": () => chosen.set((chosen.value + agents() - 1) % agents()),
    "]": () => chosen.set((chosen.value + 1) % agents()),
    "-": () => clock.faster(-1),
    "+": () => clock.faster(1),
    "=": () => clock.faster(1),
    o: rings,
    t: toggleTheme,
    "?": help,
  };
  return (event) => {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in acts)) return;
    if (target.closest("select, dialog[open], input[type=range], .scroll:focus") && event.key !== " ") return;
    if (target.closest("button, select, summary, dialog[open], input[type=checkbox]") && event.key === " ") return;
    event.preventDefault();
    acts[event.key](event);
  };
}
