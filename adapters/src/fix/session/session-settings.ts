import type { FixFields } from '../wire/fix-fields.ts';

/** BeginString(8). FIXT.1.1 carries FIX 5.0 and says which in DefaultApplVerID(1137). */
export type BeginString = 'FIX.4.2' | 'FIX.4.4' | 'FIXT.1.1';

/** What both ends of a session have agreed on. */
export interface SessionSettings {
  readonly role: 'initiator' | 'acceptor';
  readonly beginString: BeginString;
  readonly senderCompId: string;
  readonly targetCompId: string;
  readonly senderSubId?: string;
  readonly targetSubId?: string;
  /** DefaultApplVerID(1137): 9 is FIX 5.0 SP2. Only for FIXT.1.1. */
  readonly defaultApplVerId?: string;
  /** HeartBtInt(108) that an initiator asks for; an acceptor takes what it is asked for. */
  readonly heartbeatSeconds: number;
  readonly username?: string;
  readonly password?: string;
  /** Numbers begin at 1 with every logon, ResetSeqNumFlag(141)=Y. What was missed is lost then. */
  readonly resetOnLogon: boolean;
  /** How far SendingTime(52) may be from this clock. */
  readonly maxClockSkewMs: number;
  /** Messages asked for in one ResendRequest(2); 0: all at once. */
  readonly resendChunk: number;
  /**
   * An application message that was sent longer ago is not sent again: a gap fill stands for it, and the
   * application is told. Absent: all are, however old.
   */
  readonly maxResendAgeMs?: number;
  /** Further fields of the Logon(A), as the venue wants them. */
  readonly logonFields: readonly (readonly [tag: number, value: string])[];
}

/** Waits and bounds of a session. */
export interface SessionLimits {
  readonly logonTimeoutMs: number;
  readonly logoutTimeoutMs: number;
  /** A gap that is not filled is asked for again after this, and the session ended the third time. */
  readonly gapTimeoutMs: number;
  /** Messages behind a gap that are kept until it is filled; more are asked for again. */
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  readonly maxMessageBytes: number;
  /** Bytes that may wait for a peer that does not read. */
  readonly maxUnreadBytes: number;
}

export const SESSION_LIMITS: SessionLimits = {
  logonTimeoutMs: 10_000,
  logoutTimeoutMs: 2_000,
  gapTimeoutMs: 10_000,
  maxQueuedMessages: 10_000,
  maxQueuedBytes: 16 * 1_024 * 1_024,
  maxMessageBytes: 1_024 * 1_024,
  maxUnreadBytes: 64 * 1_024 * 1_024,
};

/** Something that the operator should see. Codes are stable. */
export interface SessionNotice {
  readonly code:
    | 'GARBLED'
    | 'SEQUENCE_GAP'
    | 'SEQUENCE_TOO_LOW'
    | 'SEQUENCE_RESET'
    | 'REJECTED_BY_PEER'
    | 'REJECT_SENT'
    | 'COMP_ID_WRONG'
    | 'BEGIN_STRING_WRONG'
    | 'CLOCK_SKEW'
    | 'LOGON_REFUSED'
    | 'LOGON_TWICE'
    | 'LOGGED_OUT'
    | 'HEARTBEAT_LOST'
    | 'PEER_NOT_READING'
    | 'STORE_FAILED'
    | 'CONNECTION';
  readonly text: string;
}

/** A message for the application, in its place. What it says holds until the call returns. */
export interface Delivery {
  readonly fields: FixFields;
  readonly msgType: string;
  readonly seq: number;
  /** PossDupFlag(43): the same number may have come before; it did not, or it would not be here. */
  readonly possDup: boolean;
  /** PossResend(97): the same content may have come under another number. */
  readonly possResend: boolean;
}

/** What a session does, in the order it is said. */
export interface SessionOutput {
  /**
   * A message under a new number. Number, and message where it is the application's, are persisted
   * before it goes out; where the session is down it is only persisted, and sent when asked for again.
   */
  send(message: OutgoingMessage): void;
  /** A repeat, or a gap fill: it uses no number. */
  repeat(bytes: Buffer): void;
  deliver(delivery: Delivery): void;
  /** The peer asked for this message and does not get it: it is too old. */
  withheld(seq: number): void;
  /** Everything below `nextIn` was taken in; what was delivered counts once it is acknowledged. */
  advanced(nextIn: number): void;
  /** Numbers begin anew. */
  reset(nextOut: number, nextIn: number): void;
  /** A heartbeat that answers a ping, after everything that was said before it. */
  pong(id: string): void;
  /** Logged on, by both sides' word. */
  established(): void;
  /** The connection is to be closed once what was sent is out. */
  end(): void;
  notice(notice: SessionNotice): void;
}

export interface OutgoingMessage {
  readonly seq: number;
  readonly bytes: Buffer;
  /** Of the application: kept, so that it can be sent again. */
  readonly kept: boolean;
  /** What the application wants persisted in the same write. */
  readonly note: Buffer | undefined;
  /** Whether it goes out now. */
  readonly online: boolean;
}

/** Messages that were sent, by number. */
export interface SentMessages {
  message(seq: number): Buffer | undefined;
}
