// Canvases with as many pixels as the screen has.

/** Give a canvas a size in CSS pixels, and a context that speaks them; what was on it is gone. */
export function sized(canvas, width, height) {
  const density = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * density));
  canvas.height = Math.max(1, Math.round(height * density));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  return context;
}

/** Call when an element's width changes, and at once. */
export function onWidth(element, act) {
  let width = -1;
  new ResizeObserver(() => {
    if (element.clientWidth === width) return;
    width = element.clientWidth;
    act(width);
  }).observe(element);
}
