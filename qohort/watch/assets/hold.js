// What a reader has in hand while panels make room for others of the same kind: the focus, and how far one scrolled.

/** Remember it; returns what gives it to the parts that took the place of the old ones. */
export function hold(root) {
  const at = document.activeElement;
  const alike = () => [...root.querySelectorAll(at.tagName)].filter((other) => called(other) === called(at));
  const place = root.contains(at) ? alike().indexOf(at) : -1;
  const tops = [...root.querySelectorAll(".scroll")].map((box) => box.scrollTop);
  const top = window.scrollY;
  return () => {
    root.querySelectorAll(".scroll").forEach((box, index) => box.scrollTo(0, tops[index] ?? 0));
    if (place >= 0) alike()[place]?.focus({ preventScroll: true });
    window.scrollTo(0, top);
  };
}

function called(element) {
  return element.getAttribute("aria-label") ?? element.textContent;
}
