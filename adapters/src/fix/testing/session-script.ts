import { FixSession, type SessionNumbers } from '../session/fix-session.ts';
import { SESSION_LIMITS, type SessionSettings } from '../session/session-settings.ts';
import { timestampText } from '../wire/utc-timestamp.ts';
import { fixField, fixMessage, fixText } from './fix-text.ts';

/** An acceptor's settings, which a test changes. */
export const BASE: SessionSettings = {
  role: 'acceptor',
  beginString: 'FIX.4.4',
  senderCompId: 'US',
  targetCompId: 'THEM',
  heartbeatSeconds: 30,
  resetOnLogon: false,
  maxClockSkewMs: 120_000,
  resendChunk: 0,
  logonFields: [],
};

/** A session with a peer that says what the test wants, and a clock that stands until it is moved. */
export class SessionScript {
  nowMs = Date.parse('2027-03-01T12:00:00Z');
  readonly kept = new Map<number, Buffer>();
  readonly out: string[] = [];
  readonly delivered: string[] = [];
  readonly notices: string[] = [];
  readonly withheld: number[] = [];
  ended = 0;
  resets = 0;
  readonly session: FixSession;
  #seq = 1;

  readonly settings: SessionSettings;

  constructor(
    settings: SessionSettings = BASE,
    numbers: SessionNumbers = { nextOut: 1, nextIn: 1 },
    limits = SESSION_LIMITS,
  ) {
    this.settings = settings;
    this.session = new FixSession(settings, limits, numbers, {
      sent: { message: (seq) => this.kept.get(seq) },
      output: {
        send: ({ seq, bytes, kept, online }) => {
          if (kept) this.kept.set(seq, bytes);
          if (online) this.out.push(fixText(bytes));
        },
        repeat: (bytes) => this.out.push(fixText(bytes)),
        deliver: ({ fields, msgType, seq, possDup, possResend }) =>
          this.delivered.push(
            `${msgType}#${seq}#${fields.text(58) ?? ''}${possDup ? ' dup' : ''}${possResend ? ' resend' : ''}`,
          ),
        withheld: (seq) => this.withheld.push(seq),
        advanced: () => undefined,
        reset: () => {
          this.resets += 1;
        },
        established: () => undefined,
        pong: (id) => this.delivered.push(`pong#${id}`),
        end: () => {
          this.ended += 1;
        },
        notice: ({ code, text }) => this.notices.push(`${code} ${text}`),
      },
    });
  }

  /** Logged on, and what was said about it forgotten. */
  up(): this {
    this.session.connected(this.nowMs);
    this.say('A', '98=0|108=30');
    this.out.length = 0;
    return this;
  }

  raw(body: string, beginString = this.settings.beginString): void {
    const bytes = fixMessage(body, beginString);
    this.session.receive(bytes, 0, bytes.length, this.nowMs);
  }

  /** The peer's next message, or one under a number of the test's choice. */
  say(msgType: string, body = '', seq = this.#seq, header = ''): void {
    if (seq === this.#seq) this.#seq += 1;
    const time = timestampText(this.nowMs);
    const rest = [header, body].filter((part) => part !== '').join('|');
    this.raw(`35=${msgType}|49=THEM|56=US|34=${seq}|52=${time}${rest === '' ? '' : `|${rest}`}`);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.session.tick(this.nowMs);
  }

  /** What was sent since the last look: types, or `type:field`. */
  sent(...tags: number[]): string[] {
    const said = this.out.map((one) =>
      [fixField(one, 35), ...tags.map((tag) => fixField(one, tag))].join(' '),
    );
    this.out.length = 0;
    return said;
  }
}

/** Header fields of a possible duplicate. */
export const dupHeader = (atMs: number): string => `43=Y|122=${timestampText(atMs)}`;
