// The page: episodes out of their texts, one clock for all of them, one agent that everything follows.

import { closeUp } from "./camera.js";
import { Clock } from "./clock.js";
import { followTheme, isDark, look, toggleTheme } from "./colours.js";
import { follow } from "./follow.js";
import { hold } from "./hold.js";
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

/** What stays while episodes come and go, and who shows them. */
const held = { clock: new Clock(), chosen: new Signal(0), runs: [] };
let settling = null;

/** Put episodes on the page: at a moment and an agent, or where the last ones were left. */
function show(episodes, { position, agent } = { position: held.clock.position.value, agent: held.chosen.value }) {
  const { clock, chosen, runs } = held;
  for (const signal of [look, chosen, ...clock.signals]) signal.release();
  clock.length = Math.max(...episodes.map(({ length }) => length));
  clock.seek(position);
  chosen.set(clamp(agent, 0, episodes[0].agents.length - 1));
  const shared = {
    titled: episodes.length > 1,
    close: closeUp(episodes.map(({ scene }) => scene)),
    scale: extent(episodes),
    bars: barScale(episodes),
  };
  held.runs = episodes.map((episode, place) => new Run(episode, clock, chosen, { ...shared, kept: runs[place]?.kept }));
  const giveBack = hold($("runs"));
  $("runs").classList.toggle("two", episodes.length > 1);
  $("runs").replaceChildren(...held.runs.map(({ root }) => root));
  giveBack();
  rest();
}

/** Say what is shown, as soon as it stays for a while. */
function rest() {
  if (held.clock.playing.value || !held.runs.length) return;
  write($("spoken"), held.runs[0].said());
  clearTimeout(settling);
  settling = setTimeout(toAddress, SETTLED);
}

/** What belongs to the page and not to an episode. */
function frame() {
  const { clock, chosen } = held;
  const help = () => $("keys").showModal();
  const press = keys({ clock, chosen, agents: teamSize, rings: turn, help });
  followTheme();
  look.watch(() => write($("theme"), isDark() ? "Light" : "Dark"));
  $("theme").addEventListener("click", toggleTheme);
  $("help").addEventListener("click", help);
  $("transport").append(...transport(clock));
  for (const signal of [clock.position, clock.playing, chosen]) signal.watch(rest);
  for (const signal of [look, chosen, ...clock.signals]) signal.keep();
  document.addEventListener("keydown", (event) => held.runs.length && press(event));
  window.addEventListener("hashchange", () => held.runs.length && go(fromAddress()));
}

function teamSize() {
  return held.runs[0].episode.agents.length;
}

function go({ position, agent }) {
  held.clock.pause();
  held.clock.seek(position);
  held.chosen.set(clamp(agent, 0, teamSize() - 1));
}

function turn() {
  for (const { stage } of held.runs) stage?.show(stage.ring + 1);
}

/** A moment and an agent can be part of the address: page.html#step=12&agent=2, both counted from 1. */
function fromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const from = (name) => Math.max((Math.floor(Number(asked.get(name))) || 1) - 1, 0);
  return { position: from("step"), agent: from("agent") };
}

/** Let the address lead back to what is shown. */
function toAddress() {
  history.replaceState(null, "", `#step=${held.clock.moment + 1}&agent=${held.chosen.value + 1}`);
}

async function main() {
  frame();
  const texts = [...document.querySelectorAll("script.episode")].map((script) => script.textContent);
  const episodes = await Promise.all(texts.map(unpack));
  show(episodes, fromAddress());
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
