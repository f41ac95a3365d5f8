// Where a server has them: newer episodes of a run that goes on.

import { count, write } from "./text.js";

const PATIENCE = 4000;
/** A server that does not answer is asked ever more seldom, but at least once in so long. */
const SELDOM = 60_000;
/** The status of an answer that says in a sentence why there is no episode. */
const REFUSED = 503;
const SILENT = "The server does not answer; this is what it told last. It will be asked again.";

/** Ask now and then for an episode of a newer team, and hand it over; at the goal too, for a run can be resumed. */
export function follow(status, step, show) {
  let newest = step;
  let pause = PATIENCE;
  const ask = async () => {
    const answer = await fetch(`episode?after=${newest}`).catch(() => null);
    if (!answer?.ok) {
      pause = Math.min(2 * pause, SELDOM);
      write(status, answer?.status === REFUSED ? await answer.text() : SILENT);
      return;
    }
    pause = PATIENCE;
    const [at, goal] = ["X-Step", "X-Goal"].map((name) => Number(answer.headers.get(name)));
    if (answer.status === 200) {
      await show(await answer.text());
      newest = at;
    }
    write(
      status,
      newest < goal ? `Following: step ${count(newest)} of ${count(goal)}.` : `Trained for ${count(newest)} steps.`,
    );
  };
  const again = () => ask().finally(() => setTimeout(again, pause));
  write(status, "Following the run.");
  again();
}
