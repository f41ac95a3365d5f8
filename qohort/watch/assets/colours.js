// The palette as canvases need it. It is defined in tones.css; a tone is its place in qohort.scene.Tone.

import { Signal } from "./signal.js";

const TONES = [
  "paper",
  "ground",
  "wall",
  "faint",
  "muted",
  "ink",
  "ours",
  "theirs",
  "third",
  "good",
  "shield",
  "accent",
  "glow",
];
const ACTIONS = 7;
const STEPS = 64;

/** What canvases paint with; it changes with the theme. */
export const look = new Signal(null);

/** Follow what the system likes, until somebody chooses. */
export function followTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const read = () => look.set(readLook());
  dark.addEventListener("change", read);
  read();
}

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

export function toggleTheme() {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  look.set(readLook());
}

function readLook() {
  const probe = document.createElement("span");
  document.body.append(probe);
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const made = {
    tones: Object.assign([null, ...TONES.map((name) => read(`tone-${name}`))], { hollow: read("hollow") }),
    ink: read("ink"),
    muted: read("muted"),
    line: read("line"),
    card: read("card"),
    ring: read("ring"),
    expected: read("expected"),
    came: read("came"),
    rest: read("muted"),
    gain: read("gain"),
    loss: read("loss"),
    actions: Array.from({ length: ACTIONS }, (_, index) => read(`action-${index}`)),
    ramp: ramp([0, 1, 2, 3].map((index) => read(`ramp-${index}`))),
  };
  probe.remove();
  return made;
}

/** Colours from least to most, darker (on dark pages lighter) all the way. */
function ramp(anchors) {
  const parsed = anchors.map((colour) =>
    colour
      .match(/[\d.]+/g)
      .slice(0, 3)
      .map(Number),
  );
  return Array.from({ length: STEPS }, (_, index) => {
    const place = (index / (STEPS - 1)) * (parsed.length - 1);
    const from = Math.min(Math.floor(place), parsed.length - 2);
    const mixed = parsed[from].map((part, channel) => part + (place - from) * (parsed[from + 1][channel] - part));
    return `rgb(${mixed.map(Math.round).join(" ")})`;
  });
}

/** The colour of a share of 0 to 1. */
export function shade(colours, share) {
  return colours[Math.min(Math.max(Math.round(share * (colours.length - 1)), 0), colours.length - 1)];
}
