// A value that others want to know of.

export class Signal {
  constructor(value) {
    this.value = value;
    this.watchers = new Set();
    this.kept = [];
  }

  set(value) {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const watcher of this.watchers) watcher(value);
  }

  /** Tell at once and after every change. */
  watch(watcher) {
    this.watchers.add(watcher);
    watcher(this.value);
  }

  /** Who watches so far does so as long as the page is open. */
  keep() {
    this.kept = [...this.watchers];
  }

  /** Send away whoever began to watch after that. */
  release() {
    this.watchers = new Set(this.kept);
  }
}
