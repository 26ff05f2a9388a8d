import type { Clock } from "../base/clock.ts";
import { toError } from "../base/errors.ts";
import { type WaitOptions, withDeadline } from "../base/wait.ts";
import type { EngineEndpoint, HubAddress } from "../contracts/provider.ts";
import type { ClusterSettings } from "./cluster-options.ts";
import type { ClusterSession, Leftover } from "./cluster-session.ts";
import { ClusterStartError } from "./cluster-start-error.ts";

/** Milliseconds that a provider has to remove what it opened. */
const CLOSE_MS = 60_000;

/** What a provider does once in a cluster's life: it is opened, and, if that was begun, closed. Each has its deadline. */
export class ProviderLifecycle {
  readonly #settings: ClusterSettings;
  readonly #abandon = new AbortController();
  #opening: Promise<EngineEndpoint | undefined> | undefined;

  constructor(settings: ClusterSettings) {
    this.#settings = settings;
  }

  /** Whether opening it was begun. */
  get begun(): boolean {
    return this.#opening !== undefined;
  }

  /** @throws ClusterStartError */
  locateHub(signal?: AbortSignal): Promise<HubAddress | undefined> {
    const { provider, openTimeoutMs: timeoutMs } = this.#settings;
    // It may throw at once, as well as later; so may `open`.
    const locating = (async () => provider.locateHub?.(signal))();
    return this.#orStartError(locating, `Asking the provider "${provider.name}"`, { timeoutMs, signal });
  }

  /**
   * Opens it, once.
   * @throws ClusterStartError, also when it is abandoned
   */
  open(session: Pick<ClusterSession, "run" | "clock" | "events">): Promise<EngineEndpoint | undefined> {
    this.#opening ??= this.#open(session);
    return this.#opening;
  }

  #open({ clock, run, events }: Pick<ClusterSession, "run" | "clock" | "events">) {
    const { provider, openTimeoutMs: timeoutMs } = this.#settings;
    const signal = AbortSignal.any([run.signal, this.#abandon.signal]);
    const log = (message: string): void =>
      events.emit({ type: "log", at: clock.wallTime(), level: "info", message });
    const opening = (async () => provider.open?.({ ...run, signal, log }))();
    return this.#orStartError(opening, `Opening the provider "${provider.name}"`, {
      timeoutMs,
      clock,
      signal,
    });
  }

  /** Gives up an opening that is under way; resolves when none is. */
  async abandon(): Promise<void> {
    this.#abandon.abort();
    await this.#opening?.catch(() => undefined);
  }

  /** Has removed what was opened; tells what could not be. */
  async close(clock: Clock | undefined): Promise<Leftover[]> {
    if (this.#opening === undefined) return [];
    const { provider } = this.#settings;
    try {
      const closing = Promise.resolve(provider.close?.());
      await withDeadline(closing, `Closing the provider "${provider.name}"`, { timeoutMs: CLOSE_MS, clock });
      return [];
    } catch (error) {
      return [{ what: `something of the provider "${provider.name}"`, reason: toError(error).message }];
    }
  }

  async #orStartError<T>(answer: Promise<T>, what: string, options: WaitOptions): Promise<T> {
    const cluster = this.#settings.name;
    try {
      return await withDeadline(answer, what, options);
    } catch (error) {
      const message = `The cluster "${cluster}" cannot start: ${toError(error).message}`;
      throw new ClusterStartError(message, { cluster }, { cause: error });
    }
  }
}
