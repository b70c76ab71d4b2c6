/**
 * A member's node as a process of its own, for tests that stop or stall one. Arguments: its member id,
 * the venue's member id, and the address of a node. Says "up" on stdout when it is connected, and then
 * ends with its stdin.
 */
import { memoryDirectory, testInstrument } from '../network/testing/memory-directory.ts';
import { startNode } from './running-node.ts';
import { until } from './until.ts';

const [member = '', venue = '', peer = ''] = process.argv.slice(2);
const directory = memoryDirectory([venue], [member], [testInstrument(1)]);
const node = await startNode(member, directory, { peers: [peer] });
process.stdin.on('end', () => process.exit(0)).resume();
await until(() => node.observer.peers().includes(venue));
process.stdout.write('up\n');
