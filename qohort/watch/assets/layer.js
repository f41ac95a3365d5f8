// How a layer is stored: what never changes has one row, everything else a row for each moment.

/** A number at a moment; those of one mark follow one another. */
export function entryAt({ data, shape, still }, moment, index) {
  const row = still ? 0 : Math.min(moment, shape[0] - 1);
  return data[row * (data.length / shape[0]) + index];
}

/** Whether a layer is the same at every moment. */
export function isStill(layer) {
  return Object.values(layer).every(
    (part) => part === null || typeof part !== "object" || !("data" in part) || part.still,
  );
}
