// Where a server has them: newer episodes of a run that goes on.

import { count } from "./text.js";

const PATIENCE = 4000;

/** Ask now and then for an episode of a newer team, and hand it over. */
export function follow(status, step, show) {
  let newest = step;
  let goal = null;
  const tell = (text) => {
    status.textContent = text;
  };
  const ask = async () => {
    try {
      const answer = await fetch(`episode?after=${newest}`);
      const at = Number(answer.headers.get("X-Step"));
      goal = Number(answer.headers.get("X-Goal")) || goal;
      if (answer.status === 200) {
        newest = at;
        await show(await answer.text());
      }
      const done = goal !== null && newest >= goal;
      tell(
        done ? `Trained for ${count(newest)} steps.` : `Following: step ${count(newest)} of ${count(goal ?? newest)}.`,
      );
      if (!done) setTimeout(ask, PATIENCE);
    } catch {
      tell("The server does not answer any more; this is the last that it told.");
    }
  };
  tell("Following the run.");
  ask();
}
