import { startSampleApi } from './sample-api.ts';

// A node's API in a process of its own, for tests that kill one:
//   node sample-api-process.ts VENUE TOKEN-OPTIONS
const [, , venue = '', tokens = ''] = process.argv;
const api = await startSampleApi(venue, JSON.parse(tokens));
process.stdout.write(`${JSON.stringify({ ready: true, http: api.url })}\n`);
process.stdin.on('end', () => process.exit(0)).resume();
process.once('SIGTERM', () => {
  void api.stop().then(() => process.exit(0));
});
