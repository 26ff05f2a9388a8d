import type { Cluster } from "./cluster.ts";

/**
 * Cluster classes by the string that names them, so that `clusterKwargs` completes in an editor. A provider adds
 * its own:
 * ```ts
 * declare module "@muster/core" {
 *   interface ClusterRegistry {
 *     "providers/local#LocalCluster": typeof LocalCluster;
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: providers merge their classes into it
export interface ClusterRegistry {}

/** A class of clusters: `new (kwargs)`. */
export type ClusterConstructor<Kwargs = never> = new (kwargs: Kwargs) => Cluster;

/** A function that makes a cluster; called at run time, so it can read `context`. */
export type ClusterFactory<Kwargs = never> = (kwargs: Kwargs) => Cluster | Promise<Cluster>;

/**
 * What names a cluster: a string `module#Export` (`providers/<name>` is short for `@muster/<name>`), a class, or a
 * factory.
 */
export type ClusterClass = keyof ClusterRegistry | (string & {}) | ClusterConstructor | ClusterFactory;

/** What a cluster class takes: of a class its constructor's options, of a factory its argument. */
export type KwargsOf<Class> = Class extends keyof ClusterRegistry
  ? ArgumentOf<ClusterRegistry[Class]>
  : Class extends string
    ? Record<string, unknown>
    : ArgumentOf<Class>;

type ArgumentOf<Class> = Class extends new (
  ...args: infer Args
) => Cluster
  ? FirstOf<Args>
  : Class extends (...args: infer Args) => Cluster | Promise<Cluster>
    ? FirstOf<Args>
    : Record<string, unknown>;

type FirstOf<Args extends readonly unknown[]> = Args extends readonly []
  ? Record<string, never>
  : Exclude<Args[0], undefined>;
