import { expectTypeOf, test } from "vitest";
import { TemporaryClusterExecutor } from "../executor/index.ts";
import {
  type Flow,
  type FutureArray,
  flow,
  type MappedFuture,
  type Resolved,
  type State,
  type Task,
  type TaskFuture,
  task,
  unmapped,
} from "./index.ts";

const countWords = task({ name: "count-words", retries: 2 }, async (file: string) => ({ [file]: 1 }));
const merge = task("merge", (counts: Record<string, number>[]) => Object.assign({}, ...counts) as object);
const lines = task("lines", (_file: string): string[] => []);
const nested = task("nested", (_value: { list: { count: number }[]; when?: Date }) => true);
const pair = task(function pair(_a: number, _b: string): [number, string] {
  return [1, ""];
});

const counts = task("counts", (_byName: Map<string, number>, _all: ReadonlySet<number>) => 1);

/** Compiled, never run: types are all there is to see. */
function insideAFlow() {
  const counted = countWords("a.txt");
  const file: TaskFuture<string> = task("name", () => "a.txt")();
  const count: TaskFuture<number> = task("count", () => 1)();
  return { counted, file, count };
}
type Inside = ReturnType<typeof insideAFlow>;

test("a task has its function's parameters, and gives a future of what that resolves to", () => {
  expectTypeOf(countWords).toEqualTypeOf<Task<[file: string], { [file: string]: number }>>();
  expectTypeOf<Inside["counted"]>().toEqualTypeOf<TaskFuture<{ [file: string]: number }>>();
  expectTypeOf<Awaited<Inside["counted"]>>().toEqualTypeOf<{ [file: string]: number }>();
  expectTypeOf(pair.fn).returns.toEqualTypeOf<[number, string] | PromiseLike<[number, string]>>();
  // @ts-expect-error a number is no file
  () => countWords(1);
  // @ts-expect-error an argument is missing
  () => pair(1);
});

test("a future of T is accepted wherever T is, also deep inside", () => {
  ({ file, count }: Inside) => {
    expectTypeOf(countWords(file)).toEqualTypeOf<TaskFuture<{ [file: string]: number }>>();
    nested({ list: [{ count }, { count: 1 }] });
    nested({ list: task("list", () => [{ count: 1 }])(), when: new Date() });
    pair(count, file);
    merge([countWords("a"), { b: 1 }]);
    merge(countWords.map(["a", file]));
    counts(new Map([["a", count]]), new Set([count, 1]));
    counts(new Map([[file, 1]]), new Set());
    counts(task("map", () => new Map([["a", 1]]))(), new Set([1]));
    // @ts-expect-error nor in a Map
    counts(new Map([["a", file]]), new Set());
    // @ts-expect-error nor in a Set
    counts(new Map(), new Set([file]));
    // @ts-expect-error a future of a number is no file
    countWords(count);
    // @ts-expect-error nor is it one deep inside
    nested({ list: [{ count: file }] });
  };
});

test("map gives an array of futures, or one future when the elements are not known yet", () => {
  ({ file, count }: Inside) => {
    expectTypeOf(countWords.map(["a", file])).toEqualTypeOf<FutureArray<{ [file: string]: number }>>();
    expectTypeOf(countWords.map(new Set(["a"]))).toEqualTypeOf<FutureArray<{ [file: string]: number }>>();
    expectTypeOf(countWords.map(lines("a"))).toEqualTypeOf<MappedFuture<{ [file: string]: number }>>();
    expectTypeOf(pair.map([1, count], unmapped("x"))).toEqualTypeOf<FutureArray<[number, string]>>();
    expectTypeOf(pair.map([1], unmapped(file))).toEqualTypeOf<FutureArray<[number, string]>>();
    expectTypeOf(pair.map([1], lines("a"))).toEqualTypeOf<MappedFuture<[number, string]>>();
    expectTypeOf(Promise.all(countWords.map(["a"]))).resolves.toEqualTypeOf<{ [file: string]: number }[]>();
    expectTypeOf(countWords.map(["a"])[0]).toEqualTypeOf<
      TaskFuture<{ [file: string]: number }> | undefined
    >();
    const twice = lines.map(lines("a"));
    expectTypeOf(twice).resolves.toEqualTypeOf<string[][]>();
    expectTypeOf(countWords.map(lines("a")).elements()).resolves.toEqualTypeOf<
      TaskFuture<{ [file: string]: number }>[]
    >();
    // @ts-expect-error the elements are numbers
    countWords.map([1, 2]);
    // @ts-expect-error a value that each task gets whole is marked as such
    pair.map([1], 5);
  };
});

test("a flow's state has the type of what it returns, without the futures", () => {
  const words = flow({ name: "words" }, async ({ files }: { files: string[] }) => ({
    merged: merge(countWords.map(files)),
    each: countWords.map(files),
    later: pair.map([1], lines("a")),
    when: new Date(),
    total: 3,
  }));
  interface Result {
    merged: object;
    each: { [file: string]: number }[];
    later: [number, string][];
    when: Date;
    total: number;
  }
  expectTypeOf(words).toEqualTypeOf<Flow<{ files: string[] }, Result>>();
  expectTypeOf(words.run).returns.toEqualTypeOf<Promise<State<Result>>>();
  expectTypeOf<Awaited<ReturnType<typeof words.run>>["result"]>().toEqualTypeOf<Result | undefined>();
  // @ts-expect-error files are a list
  () => words.run({ parameters: { files: "a" } });

  const one = flow("one", () => countWords("a"));
  expectTypeOf(one).toEqualTypeOf<Flow<unknown, { [file: string]: number }>>();
});

test("Resolved replaces futures anywhere, and leaves all else", () => {
  expectTypeOf<Resolved<TaskFuture<number>>>().toEqualTypeOf<number>();
  expectTypeOf<Resolved<[TaskFuture<1>, { a: TaskFuture<"x">[] }]>>().toEqualTypeOf<[1, { a: "x"[] }]>();
  expectTypeOf<Resolved<FutureArray<Date>>>().toEqualTypeOf<Date[]>();
  expectTypeOf<Resolved<MappedFuture<Map<string, number>>>>().toEqualTypeOf<Map<string, number>[]>();
  expectTypeOf<Resolved<Map<TaskFuture<string>, { a: TaskFuture<number> }>>>().toEqualTypeOf<
    Map<string, { a: number }>
  >();
  expectTypeOf<Resolved<Set<TaskFuture<1>>>>().toEqualTypeOf<Set<1>>();
  expectTypeOf<Resolved<ReadonlyMap<string, number>>>().toEqualTypeOf<ReadonlyMap<string, number>>();
  expectTypeOf<Resolved<Uint8Array | undefined>>().toEqualTypeOf<Uint8Array | undefined>();
});

test("kwargs are those of the cluster class", () => {
  () => {
    new TemporaryClusterExecutor({ clusterKwargs: { workers: 2 } });
    // @ts-expect-error there is no such option
    new TemporaryClusterExecutor({ clusterKwargs: {}, adapt: {} });
  };
});
