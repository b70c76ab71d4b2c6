import type { Instrument } from '@stoa/schema';
import { createErc1400Token } from './erc1400.ts';
import { createErc3643Token } from './erc3643.ts';
import type { PermissionedToken, PermissionedTokenOptions } from './permissioned-token.ts';

/** One implementation a standard; a new standard is one file and one line here. */
const standards: Record<
  Instrument['standard'],
  (options: PermissionedTokenOptions) => PermissionedToken
> = {
  'ERC-3643': createErc3643Token,
  'ERC-1400': createErc1400Token,
};

/** The token behind the port, by the standard it is listed under. */
export function createPermissionedToken(
  standard: Instrument['standard'],
  options: PermissionedTokenOptions,
): PermissionedToken {
  return standards[standard](options);
}
