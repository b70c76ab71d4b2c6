import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { CodedError, isMemberId } from '@stoa/schema';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { createDevelopmentIssuer, makeIssuerKey } from '../access/development-issuer.ts';
import { isRole } from '../access/roles.ts';
import { type Command, EXIT } from './command.ts';

const HELP = `Usage: stoa token --key FILE --role ROLE --member ID --home VENUE [OPTIONS]
       stoa token --key FILE --jwks FILE

The development issuer of access tokens: for a network on one machine, and for tests. In production any
OpenID Connect provider issues them (docs/security.md).

  --key FILE            the issuer's private key, a JWK; made, readable by you alone, where there is none
  --jwks FILE           write the public key set there, for STOA_JWKS
  --role ROLE           broker, viewer, issuer, operator or examiner
  --scope "SCOPES"      scopes in place of the role's, space separated
  --member ID           the member whose token it is; the member registry says what it may do
  --home VENUE          the venue whose node keeps its orders
  --client ID           the client it is for; stoa-demo unless told
  --subject ID          who holds it; MEMBER-desk unless told
  --lifetime SECONDS    43200 unless told
  --bind FILE           bind it to the key in this file, a JWK: only with proofs by it is it good (DPoP);
                        "stoa proof" makes them. Made where there is none
  --issuer URL          https://tokens.stoa.invalid unless told: STOA_TOKEN_ISSUER
  --audience NAME       stoa unless told: STOA_TOKEN_AUDIENCE
  --json                one JSON object on standard output

Exit code: 0 done, 2 an argument or a file is of no use.

Examples:
  stoa token --key issuer.jwk --jwks jwks.json
  stoa token --key issuer.jwk --role broker --member harbor --home alpha
  stoa token --key issuer.jwk --role operator --member alpha --home alpha --lifetime 600 --json
  stoa token --key issuer.jwk --role broker --member harbor --home alpha --client desk --bind desk.jwk
`;

const MAX_LIFETIME_SECONDS = 30 * 86_400;

/** `stoa token`: the development issuer. */
export const tokenCommand: Command = {
  name: 'token',
  summary: 'issue an access token, for development',
  help: HELP,
  async run(args, { out, err }) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...{ key: { type: 'string' }, jwks: { type: 'string' }, role: { type: 'string' } },
        ...{ scope: { type: 'string' }, member: { type: 'string' }, home: { type: 'string' } },
        ...{ client: { type: 'string' }, subject: { type: 'string' }, bind: { type: 'string' } },
        lifetime: { type: 'string', default: '43200' },
        issuer: { type: 'string', default: 'https://tokens.stoa.invalid' },
        audience: { type: 'string', default: 'stoa' },
        json: { type: 'boolean', default: false },
      },
    } as const);
    const { key, jwks, role, scope, member, home } = values;
    const lifetimeSeconds = Number(values.lifetime);
    const mistake = mistakeIn({ ...values, lifetimeSeconds });
    if (key === undefined || mistake !== undefined) {
      err(mistake === undefined ? HELP : `${mistake}\n\n${HELP}`);
      return EXIT.unusable;
    }
    const issuer = await createDevelopmentIssuer(values, await keyIn(key));
    if (jwks !== undefined) {
      await writeFile(jwks, `${JSON.stringify(issuer.jwks, undefined, 2)}\n`);
      err(`The public key set is in ${jwks}.\n`);
    }
    if (member === undefined || home === undefined) return EXIT.ok;
    const keyThumbprint =
      values.bind === undefined
        ? undefined
        : await calculateJwkThumbprint(await keyIn(values.bind));
    const token = await issuer.issue({
      ...{ member, home, scope, lifetimeSeconds, keyThumbprint },
      ...{ role: role !== undefined && isRole(role) ? role : undefined },
      ...{ client: values.client, subject: values.subject },
    });
    const type = keyThumbprint === undefined ? 'Bearer' : 'DPoP';
    out(
      values.json
        ? `${JSON.stringify({ token, type, lifetimeSeconds, keyThumbprint })}\n`
        : `${token}\n`,
    );
    return EXIT.ok;
  },
};

/** What is wrong with the arguments, in one sentence. */
function mistakeIn(given: {
  readonly role?: string | undefined;
  readonly scope?: string | undefined;
  readonly member?: string | undefined;
  readonly home?: string | undefined;
  readonly jwks?: string | undefined;
  readonly lifetimeSeconds: number;
}): string | undefined {
  const { role, scope, member, home, jwks, lifetimeSeconds } = given;
  if (member === undefined && home === undefined && jwks !== undefined) return undefined;
  if (member === undefined || !isMemberId(member))
    return 'Give --member: a member id such as harbor.';
  if (home === undefined || !isMemberId(home)) return 'Give --home: a venue id such as alpha.';
  if (role === undefined && scope === undefined) return 'Give --role or --scope.';
  if (role !== undefined && !isRole(role)) return `There is no role ${JSON.stringify(role)}.`;
  if (lifetimeSeconds >= 1 && lifetimeSeconds <= MAX_LIFETIME_SECONDS) return undefined;
  return `--lifetime is 1 to ${MAX_LIFETIME_SECONDS} seconds.`;
}

/** The private key in a file; a new one, readable by its owner alone, where there is no such file. */
export async function keyIn(path: string): Promise<JWK> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as JWK;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new CodedError('KEY_UNREADABLE', `${path} holds no key as a JWK.`, { cause });
    }
  }
  const key = await makeIssuerKey();
  // Never over a file that came meanwhile.
  await writeFile(path, `${JSON.stringify(key, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' });
  return key;
}
