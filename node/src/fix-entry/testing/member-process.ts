import fs from 'node:fs';
import { join } from 'node:path';
import { MemberClient } from './member-client.ts';

/**
 * A member's system that sends orders until it is killed, and goes on where it was when it is started
 * again. With `finish` it sends no new ones and ends when all have their fill. Every report is a line
 * of `reports.txt` before it is acknowledged.
 *
 * FOLDER PORT [finish]
 */
const [folder = '', port = '', mode = ''] = process.argv.slice(2);
const WINDOW = 16;

// Between two connections nothing else would hold the process.
const alive = setInterval(() => undefined, 60_000);

const reports = fs.openSync(join(folder, 'reports.txt'), 'a+');
const filled = new Set(linesOf().flatMap(([, type, clOrdId]) => (type === 'F' ? [clOrdId] : [])));
const sent: string[] = [];
const client = new MemberClient({
  ...{ folder, port: Number(port) },
  onNote: (note) => void sent.push(note),
  onMessage: (told) => {
    const line = [told[34], told[150] ?? told[35], told[11], told[17], told[43]].join(' ');
    fs.writeSync(reports, `${line}\n`);
    if (told[150] === 'F') filled.add(told[11]);
    goOn();
  },
}).start();

/** Whole lines: the last may have been cut off by the kill. */
function linesOf(): string[][] {
  const path = join(folder, 'reports.txt');
  const text = fs.readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) fs.truncateSync(path, Buffer.byteLength(whole));
  const lines = whole.split('\n').filter((line) => line !== '');
  return lines.map((line) => line.split(' '));
}

function goOn(): void {
  if (mode === 'finish') {
    if (sent.every((id) => filled.has(id))) setImmediate(() => void stop());
    return;
  }
  while (sent.length - filled.size < WINDOW) {
    const id = `o${sent.length + 1}`;
    sent.push(id);
    client.enter(id, { 38: '10' }, id);
  }
}

async function stop(): Promise<void> {
  await client.stop();
  clearInterval(alive);
}

// What is entered before the session is up goes out when it is.
goOn();
