// A value that others want to know of.

export class Signal {
  constructor(value) {
    this.value = value;
    this.watchers = new Set();
  }

  set(value) {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const watcher of this.watchers) watcher(value);
  }

  /** Tell now and after every change; returns what ends it. */
  watch(watcher) {
    this.watchers.add(watcher);
    watcher(this.value);
    return () => this.watchers.delete(watcher);
  }
}
