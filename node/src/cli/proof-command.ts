import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { importJWK, SignJWT } from 'jose';
import { tokenHash } from '../access/proof-of-possession.ts';
import { type Command, EXIT } from './command.ts';
import { keyIn } from './token-command.ts';

const HELP = `Usage: stoa proof --key FILE --token TOKEN --url URL [--method POST] [--nonce NONCE]

Prints a proof that you hold the key which a token is bound to (DPoP, RFC 9449): one request, one proof,
good for a minute.

  --key FILE       the key, a JWK, that the token was bound to with "stoa token --bind FILE"
  --token TOKEN    the access token it goes with
  --url URL        the address of the request, as you send it there
  --method NAME    POST unless told
  --nonce NONCE    the server's last DPoP-Nonce, where it asks for one

Example:
  curl https://stoa.example/graphql -H 'content-type: application/json' \\
    -H "authorization: DPoP $TOKEN" \\
    -H "dpop: $(stoa proof --key desk.jwk --token $TOKEN --url https://stoa.example/graphql)" \\
    -d '{"query":"mutation { cancelAllOrders { __typename } }"}'
`;

/** `stoa proof`: a proof of possession, for use with curl. */
export const proofCommand: Command = {
  name: 'proof',
  summary: 'prove that you hold the key of a token, for one request',
  help: HELP,
  async run(args, { out, err }) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...{ key: { type: 'string' }, token: { type: 'string' }, url: { type: 'string' } },
        ...{ nonce: { type: 'string' }, method: { type: 'string', default: 'POST' } },
      },
    } as const);
    const { key, token, url, nonce, method } = values;
    if (key === undefined || token === undefined || url === undefined || !URL.canParse(url)) {
      err(HELP);
      return EXIT.unusable;
    }
    const { d: _, use: _use, kid: _kid, alg: _alg, ...publicJwk } = await keyIn(key);
    const proof = await new SignJWT({
      ...{ jti: randomUUID(), htm: method, htu: url, ath: tokenHash(token) },
      ...(nonce === undefined ? {} : { nonce }),
    })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'dpop+jwt', jwk: publicJwk })
      .setIssuedAt()
      .sign(await importJWK(await keyIn(key), 'EdDSA'));
    out(`${proof}\n`);
    return EXIT.ok;
  },
};
