import { CodedError, isMemberId, type MemberId } from '@stoa/schema';
import { bytesToString, type Hex, hexToBytes, stringToHex } from 'viem';

/**
 * A member's slug as the contracts hold it: ASCII in a bytes32, right-padded with zeros.
 *
 * @throws CodedError `MEMBER_ID_INVALID` for text that is no slug
 */
export function slugToBytes32(id: MemberId): Hex {
  if (!isMemberId(id)) {
    throw new CodedError('MEMBER_ID_INVALID', `"${id.slice(0, 64)}" is not a member id.`);
  }
  return stringToHex(id, { size: 32 });
}

/** The slug of a bytes32 that the contracts gave. */
export function bytes32ToSlug(value: Hex): MemberId {
  return bytesToString(hexToBytes(value)).replace(/\0+$/, '');
}
