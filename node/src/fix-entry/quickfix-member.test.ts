import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QuickFixMember, whyNoQuickFix } from '@stoa/adapters/testing/quickfix-member';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { EntryWorld } from './testing/entry-world.ts';

const reason = whyNoQuickFix();

describe.runIf(reason === undefined)('a member behind QuickFIX C++', () => {
  let databases: TemporaryDatabases;

  beforeAll(async () => {
    databases = await startTemporaryDatabases();
  });
  afterAll(() => databases.stop());

  it.each(['FIX.4.2', 'FIX.4.4', 'FIX.5.0SP2'] as const)(
    'that speaks %s enters, replaces and cancels, is killed, and misses nothing',
    async (version) => {
      const folder = mkdtempSync(join(tmpdir(), 'stoa-quickfix-member-'));
      const url = await databases.empty('alpha');
      const world = await EntryWorld.open({ url, folder, sessions: [{ version }] });
      const member = new QuickFixMember({
        ...{ folder, port: world.port, version, compId: 'BROKER', venueCompId: 'ALPHA' },
        password: 'open sesame',
      });
      const order = '1=HOUSE|55=BOND|54=1|38=100|40=2|44=10|59=0';
      try {
        member.start();
        await member.said('logon');
        member.send('D', `11=A1|${order}`);
        await member.said('|35=8|', '|11=A1|', '|150=0|');
        await world.offer(1_000, 40);
        await member.said('|11=A1|', '|14=40|', '|32=40|');
        member.send('G', `11=A2|41=A1|55=BOND|54=1|38=80|40=2|44=10`);
        await member.said('|11=A2|', '|150=5|', '|38=80|');
        await member.kill();
        await world.offer(1_000, 20);
        member.lines.length = 0;
        member.start();
        await member.said('|11=A2|', '|14=60|', '|32=20|');
        member.send('F', `11=A3|41=A2|55=BOND|54=1|38=80`);
        await member.said('|11=A3|', '|150=4|', '|14=60|');
        member.send('D', `11=B1|1=HOUSE|55=BOND|38=100|40=2|44=10`);
        await member.said('|35=3|', '|371=54|');
        member.send('F', `11=B2|41=NEVER|55=BOND|54=1|38=80`);
        await member.said('|35=9|', '|11=B2|', '|102=1|');
        const fills = member.lines.filter((line) => line.includes('|32='));
        expect(fills).toHaveLength(1);
      } finally {
        await member.kill();
        await world.close();
        rmSync(folder, { recursive: true });
      }
    },
  );
});

describe.runIf(reason !== undefined)('a member behind QuickFIX C++', () => {
  it.skip(`is not tried: ${reason}`, () => undefined);
});
