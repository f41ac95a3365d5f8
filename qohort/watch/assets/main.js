// The page: episodes out of their texts, one clock for all of them, one agent that everything follows.

import { closeUp } from "./camera.js";
import { Clock } from "./clock.js";
import { followTheme, isDark, look, toggleTheme } from "./colours.js";
import { follow } from "./follow.js";
import { Run } from "./run.js";
import { Signal } from "./signal.js";
import { barScale } from "./team.js";
import { clamp, write } from "./text.js";
import { keys, transport } from "./transport.js";
import { unpack } from "./unpack.js";
import { extent } from "./worth.js";

const $ = (name) => document.getElementById(name);

/** How long nothing must move until the address names the moment: browsers dislike addresses that change all the time. */
const SETTLED = 300;

/** What is on the page at present. */
let shown = null;
let settling = null;

/** Put episodes on the page, where the last ones were left. */
function show(episodes) {
  const before = shown ?? fromAddress();
  const clock = new Clock(Math.max(...episodes.map(({ length }) => length)));
  const chosen = new Signal(clamp(before.agent, 0, episodes[0].agents.length - 1));
  shown?.clock.pause();
  look.watchers.clear(); // those of the episodes before
  look.watch(nameTheme);
  $("runs").replaceChildren();
  $("runs").classList.toggle("two", episodes.length > 1);
  const shared = {
    titled: episodes.length > 1,
    close: closeUp(episodes.map(({ scene }) => scene)),
    scale: extent(episodes),
    bars: barScale(episodes),
  };
  const runs = episodes.map((episode) => new Run(episode, clock, chosen, shared));
  $("runs").append(...runs.map(({ root }) => root));
  $("transport").replaceChildren(...transport(clock));
  clock.seek(before.position);
  shown = {
    clock,
    get position() {
      return clock.moment;
    },
    get agent() {
      return chosen.value;
    },
    go({ position, agent }) {
      clock.step(position - clock.moment);
      chosen.set(clamp(agent, 0, episodes[0].agents.length - 1));
    },
    keys: keys({
      clock,
      chosen,
      agents: episodes[0].agents.length,
      rings: () => turn(runs),
      help: () => $("keys").showModal(),
    }),
  };
  const rest = () => {
    if (clock.playing.value) return;
    write($("spoken"), runs[0].said());
    clearTimeout(settling);
    settling = setTimeout(toAddress, SETTLED);
  };
  for (const signal of [clock.position, clock.playing, chosen]) signal.watch(rest);
}

function nameTheme() {
  write($("theme"), isDark() ? "Light" : "Dark");
}

function turn(runs) {
  for (const { stage } of runs) stage?.show(stage.ring + 1);
}

/** A moment and an agent can be part of the address: page.html#step=12&agent=2, both counted from 1. */
function fromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const from = (name) => Math.max((Number(asked.get(name)) || 1) - 1, 0);
  return { position: from("step"), agent: from("agent") };
}

/** Let the address lead back to what is shown. */
function toAddress() {
  history.replaceState(null, "", `#step=${shown.position + 1}&agent=${shown.agent + 1}`);
}

async function main() {
  followTheme();
  $("theme").addEventListener("click", toggleTheme);
  $("help").addEventListener("click", () => $("keys").showModal());
  document.addEventListener("keydown", (event) => shown?.keys(event));
  window.addEventListener("hashchange", () => shown?.go(fromAddress()));
  const texts = [...document.querySelectorAll("script.episode")].map((script) => script.textContent);
  const episodes = await Promise.all(texts.map(unpack));
  show(episodes);
  document.documentElement.dataset.ready = "yes";
  performance.mark("ready");
  if (document.documentElement.dataset.follow === "yes") {
    follow($("status"), episodes[0].step, async (text) => {
      const newer = await unpack(text);
      write($("title"), newer.title);
      show([newer]);
    });
  }
}

main().catch((error) => {
  $("runs").textContent = `This page could not be read: ${error.message}`;
  throw error;
});
