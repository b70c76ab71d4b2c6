import { join } from 'node:path';
import type { Durability } from '../session/append-log.ts';
import { FixInitiator, type FixInitiatorOptions } from '../session/fix-initiator.ts';
import { SessionRunner } from '../session/session-runner.ts';
import type {
  Delivery,
  SessionLimits,
  SessionNotice,
  SessionSettings,
} from '../session/session-settings.ts';
import { SessionStore } from '../session/session-store.ts';

/** One session with the venue, and how it is reached. */
export interface VenueSessionOptions {
  readonly settings: SessionSettings;
  readonly limits: SessionLimits;
  readonly connection: FixInitiatorOptions;
}

export interface VenueSessionNeeds {
  /** Names the session's file and the operator's notices. */
  readonly name: 'orders' | 'market-data' | 'drop-copy';
  readonly folder: string;
  readonly durability: Durability;
  readonly nowMs: () => number;
  readonly onNote?: (note: Buffer) => void;
  readonly snapshot?: () => readonly Buffer[];
  readonly onMessage: (delivery: Delivery) => void;
  readonly onConnecting: () => void;
  readonly onConnected: () => void;
  readonly onWithheld?: (seq: number) => void;
  readonly onEstablished: () => void;
  readonly onDown: () => void;
  readonly onNotice: (session: string, notice: SessionNotice) => void;
}

/** A session as an initiator: its file, its numbers, and the connection that is kept up. */
export class VenueSession {
  readonly runner: SessionRunner;
  readonly store: SessionStore;
  readonly #initiator: FixInitiator;

  /** @throws CodedError `FIX_STORE_CORRUPT` */
  constructor(options: VenueSessionOptions, needs: VenueSessionNeeds) {
    const { nowMs, durability, name, onNote, snapshot, onWithheld } = needs;
    const onNotice = (notice: SessionNotice): void => needs.onNotice(name, notice);
    this.store = new SessionStore({
      ...{ path: join(needs.folder, `${name}.log`), durability, nowMs },
      ...(onNote !== undefined && { onNote }),
      ...(snapshot !== undefined && { snapshot }),
    });
    this.runner = new SessionRunner(options.settings, options.limits, {
      ...{ store: this.store, nowMs, onMessage: needs.onMessage, onNotice },
      ...(onWithheld !== undefined && { onWithheld }),
      onEstablished: () => {
        this.#initiator.established();
        needs.onEstablished();
      },
      onDown: needs.onDown,
    });
    this.#initiator = new FixInitiator(options.connection, {
      ...{ runner: this.runner, nowMs, onNotice },
      begunAtMs: () => this.store.begunAtMs,
      ...{ onConnecting: needs.onConnecting, onConnected: needs.onConnected },
    });
  }

  connect(): void {
    this.#initiator.start();
  }

  async stop(): Promise<void> {
    await this.#initiator.stop();
    this.runner.close();
  }

  /** As the end of the process would: nothing is said or written any more. */
  abort(): void {
    this.#initiator.abort();
    this.runner.close();
  }
}
