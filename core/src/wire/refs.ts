/** Stands, inside encoded arguments, for the value of the task's n-th dependency. */
export class Ref {
  readonly index: number;

  constructor(index: number) {
    this.index = index;
  }
}

/** Stands for an array with the values of `count` dependencies from `start` on: a mapped task's futures as one argument. */
export class RefRange {
  readonly start: number;
  readonly count: number;

  constructor(start: number, count: number) {
    this.start = start;
    this.count = count;
  }
}
