import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const DEPLOY = join(ROOT, 'node/deploy');
const read = (file: string): string => readFileSync(join(DEPLOY, file), 'utf8');
const isInstalled = (command: string): boolean =>
  spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

describe('what an operator puts in place', () => {
  it('tells for every alert what to do about it', () => {
    const alerts = [...read('alerts.yaml').matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    expect(alerts.length).toBeGreaterThan(10);
    const guide = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
    expect(alerts.filter((name) => !guide.includes(`| ${name} |`))).toEqual([]);
  });

  it('starts files that exist, from systemd and in the image', () => {
    const files = ['stoa-node.service', 'stoa-gateway.service', 'Dockerfile'].flatMap((file) =>
      [...read(file).matchAll(/\b(?:node|gateway)\/src\/main\.ts/g)].map(([main]) => main),
    );
    expect(new Set(files)).toEqual(new Set(['node/src/main.ts', 'gateway/src/main.ts']));
    for (const file of files) expect(readFileSync(join(ROOT, file), 'utf8')).not.toBe('');
  });

  it('copies into the image every package that a node and a gateway need', () => {
    const image = read('Dockerfile');
    const { workspaces } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      workspaces: string[];
    };
    for (const workspace of workspaces) {
      expect(image).toContain(`COPY ${workspace}/package.json ${workspace}/`);
      const [folder] = workspace.split('/');
      if (folder !== 'e2e') expect(image).toContain(`COPY ${folder} ${folder}\n`);
    }
  });

  it.skipIf(!isInstalled('promtool'))('has alert rules that Prometheus takes', () => {
    const checked = execFileSync('promtool', ['check', 'rules', join(DEPLOY, 'alerts.yaml')]);
    expect(String(checked)).toContain('SUCCESS');
  });

  it.skipIf(!isInstalled('systemd-analyze'))('has units that systemd takes', () => {
    for (const unit of ['stoa-node.service', 'stoa-gateway.service']) {
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', join(DEPLOY, unit)]);
      expect(String(stderr)).toBe('');
      expect(status).toBe(0);
    }
  });
});
