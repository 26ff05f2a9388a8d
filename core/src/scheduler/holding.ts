/** Futures that were made one after another share a holding, up to so many: each would cost more than it tells. */
const MAX_FUTURES = 256;

/**
 * What a future holds on to, and a node refers to weakly: so that it can be seen that nobody holds the futures of a node
 * any more, once garbage was collected after that. From then on what the node keeps goes as soon as the last task that
 * takes it has ended, and not when garbage is collected again.
 */
export class Holding {
  readonly ref = new WeakRef(this);
}

/** Gives the futures of one function their holdings. */
export class Holdings {
  #latest: WeakRef<Holding> | undefined;
  #futures = 0;

  next(): Holding {
    const latest = this.#futures < MAX_FUTURES ? this.#latest?.deref() : undefined;
    if (latest !== undefined) {
      this.#futures++;
      return latest;
    }
    const holding = new Holding();
    this.#latest = holding.ref;
    this.#futures = 1;
    return holding;
  }
}
