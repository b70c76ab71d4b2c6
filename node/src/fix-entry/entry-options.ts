import type { FixVersion, SessionSchedule } from '@stoa/adapters';
import type { MemberId } from '@stoa/schema';

/** One session of a member, as both sides agreed on it. */
export interface EntrySessionOptions {
  readonly member: MemberId;
  /** The member's company id: SenderCompID(49) of what it sends. */
  readonly compId: string;
  readonly version: FixVersion;
  /** What Password(554) of its Logon must be. */
  readonly password: string | undefined;
  /** Addresses it may come from, as address or address/bits; none: from anywhere. */
  readonly allowedAddresses: readonly string[];
  readonly schedule: SessionSchedule | undefined;
  readonly cancelOnDisconnect: boolean;
  readonly accounts: Readonly<Record<string, `0x${string}`>>;
  readonly defaultAccount: `0x${string}` | undefined;
  readonly maxClockSkewMs: number;
  readonly maxRequestsPerSecond: number;
  readonly maxMessageBytes: number;
}

/** Where members' sessions are taken, and whose. */
export interface FixEntryOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string; readonly ca?: string } | undefined;
  /** This venue's own company id: TargetCompID(56) of what members send. */
  readonly compId: string;
  /** Symbols by instrument id, where they are not the instruments' own. */
  readonly symbols: Readonly<Record<string, string>>;
  readonly sessions: readonly EntrySessionOptions[];
  readonly durability: 'page-cache' | 'fdatasync';
  /** Where sessions keep their numbers and messages; undefined: the node's own place for it. */
  readonly folder: string | undefined;
}
