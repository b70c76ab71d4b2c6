import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIPv6 } from 'node:net';
import { type FixFields, TAG, windowAt } from '@stoa/adapters';
import type { EntrySessionOptions } from './entry-options.ts';

/** Who knocks, beside what the Logon(A) says. */
export interface LogonFacts {
  readonly logon: FixFields;
  readonly address: string;
  /** Common name of the certificate that was shown, where one is asked for. */
  readonly certificateName: string | undefined;
  readonly asksCertificate: boolean;
  readonly nowMs: number;
}

type Check = (session: EntrySessionOptions, facts: LogonFacts) => string | undefined;

/** In this order: what costs nothing first, and the secret last. */
const CHECKS: readonly Check[] = [
  ({ version }, { logon }) => {
    const beginString = version === 'FIX.5.0SP2' ? 'FIXT.1.1' : version;
    return logon.text(TAG.BeginString) === beginString ? undefined : `it does not speak ${version}`;
  },
  ({ allowedAddresses }, { address }) =>
    isAllowed(allowedAddresses, address) ? undefined : 'its address is not allowed',
  ({ schedule }, { nowMs }) =>
    schedule === undefined || windowAt(schedule, nowMs) ? undefined : 'it is outside its hours',
  ({ compId }, { asksCertificate, certificateName }) =>
    !asksCertificate || certificateName === compId
      ? undefined
      : `its certificate is of ${certificateName ?? 'nobody'}`,
  ({ password }, { logon }) =>
    password === undefined || isSame(password, logon.text(TAG.Password) ?? '')
      ? undefined
      : 'its password is wrong',
];

/** Why a Logon(A) that names this session does not open it, for the operator; undefined: it does. */
export function whyNotAdmitted(
  session: EntrySessionOptions,
  facts: LogonFacts,
): string | undefined {
  for (const check of CHECKS) {
    const reason = check(session, facts);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function isAllowed(networks: readonly string[], address: string): boolean {
  if (networks.length === 0) return true;
  const list = new BlockList();
  for (const network of networks) {
    const [base = '', bits] = network.split('/');
    const family = isIPv6(base) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(base, family);
    else list.addSubnet(base, Number(bits), family);
  }
  // A socket for both families writes IPv4 addresses as IPv6.
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  return list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}

/** Takes as long whatever differs. */
function isSame(wanted: string, given: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(wanted), hash(given));
}
