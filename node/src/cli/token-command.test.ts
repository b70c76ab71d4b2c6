import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTokenVerifier } from '../access/token-verifier.ts';
import { createLogger } from '../telemetry/logger.ts';
import { runCommand } from './run-command.ts';

const URL_HERE = 'https://stoa.example/graphql';
let folder: string;
const file = (name: string) => join(folder, name);

async function stoa(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const told = { out: '', err: '' };
  const code = await runCommand(args, {
    out: (text) => void (told.out += text),
    err: (text) => void (told.err += text),
  });
  return { code, ...told };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-token-command-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('stoa token', () => {
  const who = ['--role', 'broker', '--member', 'harbor', '--home', 'alpha'];

  it('issues tokens that a node takes, also ones that are bound to a key, with stoa proof', async () => {
    const issuer = ['token', '--key', file('issuer.jwk')];
    expect(await stoa(...issuer, '--jwks', file('jwks.json'))).toMatchObject({ code: 0, out: '' });
    expect((await stat(file('issuer.jwk'))).mode & 0o777).toBe(0o600);
    const verifier = await createTokenVerifier(
      {
        ...{ jwks: file('jwks.json'), issuer: 'https://tokens.stoa.invalid', audience: 'stoa' },
        publicUrls: [URL_HERE],
      },
      { logger: createLogger('test', 'silent') },
    );
    const bearer = (await stoa(...issuer, ...who)).out.trim();
    expect(await verifier.verify(`Bearer ${bearer}`)).toMatchObject({
      caller: { member: 'harbor', home: 'alpha', scopes: new Set(['orders:read', 'orders:write']) },
      holding: 'bearer',
    });
    const bound = await stoa(...issuer, ...who, '--bind', file('desk.jwk'), '--json');
    const { token, type } = JSON.parse(bound.out) as { token: string; type: string };
    expect(type).toBe('DPoP');
    const given = ['--key', file('desk.jwk'), '--token', token, '--url', URL_HERE];
    const proof = (await stoa('proof', ...given)).out.trim();
    const presented = { method: 'POST', proof, acts: true };
    expect(await verifier.verify(`DPoP ${token}`, presented)).toMatchObject({ holding: 'proven' });
    verifier.close();
  });

  it.each([
    ['no member', ['--role', 'broker', '--home', 'alpha'], '--member'],
    ['a role that is none', ['--role', 'king', '--member', 'harbor', '--home', 'alpha'], '"king"'],
    ['a lifetime of nothing', [...who, '--lifetime', '0'], '--lifetime'],
    ['neither role nor scope', ['--member', 'harbor', '--home', 'alpha'], '--role'],
  ])('says what is wrong with %s', async (_what, args, told) => {
    const answer = await stoa('token', '--key', file('issuer.jwk'), ...args);
    expect(answer).toMatchObject({ code: 2, out: '', err: expect.stringContaining(told) });
  });
});
