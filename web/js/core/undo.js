// What was done and can be undone, within a budget of memory: the oldest deeds are forgotten first.

export class Undo {
  constructor(maxBytes) {
    this.maxBytes = maxBytes;
    this.done = [];
    this.undone = [];
  }

  /** deed: {undo(), redo(), bytes}. It has been done already. */
  push(deed) {
    this.undone = [];
    this.done.push(deed);
    let bytes = this.done.reduce((sum, { bytes: n }) => sum + n, 0);
    while (bytes > this.maxBytes && this.done.length > 1) bytes -= this.done.shift().bytes;
  }

  get canUndo() {
    return this.done.length > 0;
  }

  get canRedo() {
    return this.undone.length > 0;
  }

  undo() {
    const deed = this.done.pop();
    if (!deed) return false;
    deed.undo();
    this.undone.push(deed);
    return true;
  }

  redo() {
    const deed = this.undone.pop();
    if (!deed) return false;
    deed.redo();
    this.done.push(deed);
    return true;
  }
}
