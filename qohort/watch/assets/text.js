// Elements and numbers, written out.

const MINUS = "−";

/** An element; attributes that start with "on" are listeners, children are elements or texts. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Change a text only where it differs: browsers lay out again what is written again. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A number in three digits or so. */
export function figure(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size < 0.0005) return "0";
  const text = size.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
  return (value < 0 ? MINUS : "") + text;
}

/** 12345 as 12,345. */
export function count(value) {
  return value.toLocaleString("en");
}

export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
