import { startSampleApi } from './sample-api.ts';

// A node's API in a process of its own, for tests that kill one:
//   node sample-api-process.ts VENUE JWKS ISSUER AUDIENCE
const [, , venue = '', jwks = '', issuer = '', audience = ''] = process.argv;
const api = await startSampleApi(venue, { jwks, issuer, audience });
process.stdout.write(`${JSON.stringify({ ready: true, http: api.url })}\n`);
process.stdin.on('end', () => process.exit(0)).resume();
process.once('SIGTERM', () => {
  void api.stop().then(() => process.exit(0));
});
