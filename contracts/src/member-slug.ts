import { CodedError, isMemberId, type MemberId } from '@stoa/schema';
import type { Hex } from 'viem';

/**
 * A member's slug as the contracts hold it: ASCII in a bytes32, right-padded with zeros.
 *
 * @throws CodedError `MEMBER_ID_INVALID` for text that is no slug
 */
export function slugToBytes32(id: MemberId): Hex {
  if (!isMemberId(id)) {
    throw new CodedError('MEMBER_ID_INVALID', `"${id.slice(0, 64)}" is not a member id.`);
  }
  return `0x${Buffer.from(id, 'latin1').toString('hex').padEnd(64, '0')}`;
}

/** The slug of a bytes32 that the contracts gave. */
export function bytes32ToSlug(value: Hex): MemberId {
  return Buffer.from(value.slice(2), 'hex').toString('utf8').replace(/\0+$/, '');
}
