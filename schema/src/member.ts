import type { MemberId } from './ids.ts';

/** A key or signer with the window in which it counts; Unix seconds, `validTo` 0 = no end. */
export interface ValidityWindow {
  readonly validFrom: number;
  readonly validTo: number;
}

/** What kind of firm a member is. */
export type MemberKind = 'venue' | 'broker' | 'issuer' | 'observer' | 'examiner';
/** Standing of a member in the on-chain MemberRegistry. */
export type MemberStatus = 'active' | 'suspended' | 'ceasing' | 'ceased';

/** A firm admitted to the network. */
export interface Member {
  readonly id: MemberId;
  readonly kind: MemberKind;
  readonly status: MemberStatus;
  /** Ed25519 public keys of its node, hex without prefix; the same key is its libp2p identity. */
  readonly nodeKeys: readonly (ValidityWindow & { readonly key: string })[];
  /** Accounts that sign its settlement instructions. */
  readonly signers: readonly (ValidityWindow & { readonly address: `0x${string}` })[];
}

/** Whether a window holds at a time; both ends inclusive. */
export function isWithin(window: ValidityWindow, atSeconds: number): boolean {
  return atSeconds >= window.validFrom && (window.validTo === 0 || atSeconds <= window.validTo);
}

/** Whether a member may take part now: active, or ceasing (it winds down, it is not gone). */
export function isStanding(member: Member): boolean {
  return member.status === 'active' || member.status === 'ceasing';
}
