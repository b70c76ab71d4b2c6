import { mkdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import {
  FixAcceptor,
  type FixFields,
  type SessionNotice,
  type SessionRunner,
  TAG,
} from '@stoa/adapters';
import type { Instrument, VenueId } from '@stoa/schema';
import { Counter, Gauge, type Registry } from 'prom-client';
import { isTaken } from './entry-message.ts';
import type { FixEntryOptions } from './entry-options.ts';
import { EntrySymbols } from './entry-symbols.ts';
import { whyNotAdmitted } from './logon-judge.ts';
import { MemberSession, type MemberSessionNeeds } from './member-session.ts';

export interface FixEntryNeeds extends Omit<MemberSessionNeeds, 'onNotice' | 'onRequest'> {
  readonly venue: VenueId;
  /** What members can trade over FIX. */
  readonly instruments: readonly Instrument[];
  /** Where sessions keep their numbers and messages. */
  readonly folder: string;
  readonly metrics: Registry;
}

const LOGON_TIMEOUT_MS = 10_000;
const MAX_LOGON_BYTES = 4_096;
const TICK_MS = 1_000;

/**
 * The door through which a venue's members enter orders over FIX: an acceptor for the sessions that
 * were agreed on, and nobody else's.
 */
export class FixEntry {
  readonly #options: FixEntryOptions;
  readonly #needs: FixEntryNeeds;
  readonly #acceptor: FixAcceptor;
  readonly #sessions: ReadonlyMap<string, MemberSession>;
  readonly #notices: Counter<'session' | 'code'>;
  #ticker: NodeJS.Timeout | undefined;

  /** @throws CodedError `FIX_ENTRY_INVALID`, `FIX_STORE_CORRUPT` */
  constructor(options: FixEntryOptions, needs: FixEntryNeeds) {
    this.#options = options;
    this.#needs = needs;
    const registers = [needs.metrics];
    this.#notices = new Counter({
      name: 'stoa_fix_entry_notices_total',
      help: 'What sessions of members had to say to the operator, by its code.',
      labelNames: ['session', 'code'],
      registers,
    });
    const requests = new Counter({
      name: 'stoa_fix_entry_requests_total',
      help: 'Messages of members, by type, and by the type of the message that answered them at once.',
      labelNames: ['session', 'type', 'answer'],
      registers,
    });
    mkdirSync(needs.folder, { recursive: true, mode: 0o700 });
    this.#sessions = this.#open((session, type, answered) =>
      // What is no type of the standard is anybody's text.
      requests.inc({
        ...{ session, answer: answered ?? 'none' },
        type: isTaken(type, false) === undefined ? 'other' : type,
      }),
    );
    const sessions = this.#sessions;
    new Gauge({
      name: 'stoa_fix_entry_up',
      help: 'Sessions of members that are logged on are 1, the others are 0.',
      labelNames: ['session'],
      registers,
      collect() {
        for (const [session, { runner }] of sessions) this.set({ session }, runner.isUp ? 1 : 0);
      },
    });
    const { host, port, tls } = options;
    this.#acceptor = new FixAcceptor(
      {
        ...{ host, port, ...(tls && { tls }), maxConnections: 2 * options.sessions.length + 16 },
        ...{ logonTimeoutMs: LOGON_TIMEOUT_MS, maxLogonBytes: MAX_LOGON_BYTES },
      },
      {
        admit: async (logon, socket) => this.#admit(logon, socket),
        onNotice: (notice) => this.#notice('none', notice),
      },
    );
  }

  /** Takes connections; answers the port. */
  async start(): Promise<number> {
    this.#ticker = setInterval(() => {
      for (const session of this.#sessions.values()) session.tick();
    }, TICK_MS);
    return this.#acceptor.listen();
  }

  /** Logs everybody out. */
  async stop(): Promise<void> {
    clearInterval(this.#ticker);
    const closed = this.#acceptor.close();
    await Promise.all([...this.#sessions.values()].map((session) => session.stop()));
    await closed;
  }

  #open(onRequest: MemberSessionNeeds['onRequest']): Map<string, MemberSession> {
    const { compId: venueCompId, durability, sessions } = this.#options;
    const { venue, folder, instruments, directory } = this.#needs;
    const symbols = new EntrySymbols(instruments, this.#options.symbols, directory);
    const onNotice = (session: string, notice: SessionNotice): void =>
      this.#notice(session, notice);
    const open = sessions.map((one) => {
      const options = { ...one, venue, venueCompId, symbols, folder, durability };
      return new MemberSession(options, { ...this.#needs, onNotice, onRequest });
    });
    return new Map(open.map((session) => [session.options.compId, session]));
  }

  #admit(logon: FixFields, socket: Socket): SessionRunner | string {
    const compId = logon.text(TAG.SenderCompID) ?? '';
    const session = this.#sessions.get(compId);
    if (!session || logon.text(TAG.TargetCompID) !== this.#options.compId) {
      return 'no session has these company ids';
    }
    const { tls } = this.#options;
    const why = whyNotAdmitted(session.options, {
      ...{ logon, address: socket.remoteAddress ?? '', nowMs: this.#needs.nowMs() },
      asksCertificate: tls?.ca !== undefined,
      certificateName: certificateNameOf(socket),
    });
    if (why !== undefined) return `${compId}: ${why}`;
    if (!session.runner.isConnected) session.open();
    return session.runner;
  }

  #notice(session: string, { code, text }: SessionNotice): void {
    this.#notices.inc({ session, code });
    this.#needs.logger.warn({ session, code, text }, 'the FIX session has something to say');
  }
}

function certificateNameOf(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const { CN } = socket.getPeerCertificate().subject ?? {};
  return Array.isArray(CN) ? CN[0] : CN;
}
