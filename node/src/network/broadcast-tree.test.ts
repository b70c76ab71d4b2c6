import type { Head } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { BroadcastTree } from './broadcast-tree.ts';

/** The tree of one node, on a clock and with surroundings that the test sets. */
function plant() {
  const around = { nowMs: 0, direct: new Set<string>(), has: 0 };
  const said: string[] = [];
  const tree = new BroadcastTree('self', {
    now: () => around.nowMs,
    isDirect: (venue) => around.direct.has(venue),
    isAhead: (one) => one.sequence > around.has,
    isVenue: (venue) => venue === 'alpha' || venue === 'self',
    graft: (peer, venue) => said.push(`graft ${peer} ${venue}`),
    prune: (peer, venue) => said.push(`prune ${peer} ${venue}`),
  });
  for (const id of ['b', 'c', 'd', 'e', 'f']) tree.peerUp({ id, member: `${id}-member` });
  const take = (): string[] => said.splice(0);
  return { tree, around, take };
}

function head(sequence: number, venue = 'alpha'): Head {
  return { venue, epoch: 1, sequence, hash: new Uint8Array(32) };
}

describe('a node without a stream from the venue', () => {
  it('asks the first two that announce it, and keeps the one that delivers first', () => {
    const { tree, take } = plant();
    for (const peer of ['b', 'c', 'd']) tree.onHead(peer, head(1));
    expect(take()).toEqual(['graft b alpha', 'graft c alpha']);
    tree.onFirst('c', 'c-member', 'alpha');
    tree.onDuplicate('b', 'b-member', 'alpha');
    expect(take()).toEqual(['prune b alpha']);
    expect(tree.parents('alpha')).toEqual(['c']);
    // Served: nobody else is asked.
    tree.onHead('d', head(1));
    expect(take()).toEqual([]);
  });

  it('keeps its only relay when a copy of the frame was pulled meanwhile', () => {
    const { tree, take } = plant();
    tree.onHead('b', head(1));
    take();
    tree.onDuplicate('b', 'b-member', 'alpha');
    expect(take()).toEqual([]);
  });

  it('asks others at once when its relay is gone', () => {
    const { tree, take } = plant();
    for (const peer of ['b', 'c', 'd']) tree.onHead(peer, head(1));
    tree.onFirst('b', 'b-member', 'alpha');
    tree.onDuplicate('c', 'c-member', 'alpha');
    take();
    tree.peerDown('b');
    // c was just pruned and rests, as long as there is somebody else.
    expect(take()).toEqual(['graft d alpha']);
    tree.peerDown('d');
    expect(take()).toEqual(['graft c alpha']);
  });

  it('asks whoever announces what does not come, and only when it has not come for a while', () => {
    const { tree, around, take } = plant();
    tree.onHead('b', head(1));
    around.has = 1;
    tree.onFirst('b', 'b-member', 'alpha');
    take();
    tree.onHead('c', head(2));
    around.nowMs = 90;
    tree.tick();
    expect(take()).toEqual([]);
    around.nowMs = 110;
    tree.tick();
    expect(take()).toEqual(['graft c alpha']);

    tree.onHead('d', head(3));
    around.has = 3;
    around.nowMs = 300;
    tree.tick();
    expect(take()).toEqual([]);
  });

  it('never lets those who announce what nobody has drive out the one that delivers', () => {
    const { tree, around, take } = plant();
    tree.onHead('b', head(0));
    tree.onFirst('b', 'b-member', 'alpha');
    for (const liar of ['c', 'd', 'e', 'f']) {
      tree.onHead(liar, head(1_000));
      around.nowMs += 200;
      tree.tick();
    }
    expect(tree.parents('alpha')).toContain('b');
    expect(tree.parents('alpha').length).toBeLessThanOrEqual(3);
    expect(take()).not.toContain('prune b alpha');
  });

  it('asks those last that it serves itself', () => {
    const { tree, take } = plant();
    tree.onGraft('b', 'alpha');
    tree.onHead('c', head(1));
    tree.onFirst('c', 'c-member', 'alpha');
    for (const peer of ['b', 'd']) tree.onHead(peer, head(1));
    take();
    tree.peerDown('c');
    expect(take()).toEqual(['graft d alpha', 'graft b alpha']);
  });
});

describe('a node with a stream from the venue', () => {
  it('asks nobody, and ends what comes by relay, quicker or not', () => {
    const { tree, around, take } = plant();
    around.direct.add('alpha');
    tree.onHead('b', head(1));
    expect(take()).toEqual([]);
    tree.onFirst('a', 'alpha', 'alpha');
    tree.onDuplicate('b', 'b-member', 'alpha');
    expect(take()).toEqual(['prune b alpha']);
  });

  it('asks a relay while the venue is connected and silent, until the venue is heard again', () => {
    const { tree, around, take } = plant();
    around.direct.add('alpha');
    tree.onHead('b', head(5));
    around.nowMs = 200;
    tree.tick();
    expect(take()).toEqual(['graft b alpha']);
    tree.onFirst('b', 'b-member', 'alpha');
    tree.onDuplicate('a', 'alpha', 'alpha');
    expect(take()).toEqual(['prune b alpha']);
  });

  it('asks a relay at once when that stream is gone', () => {
    const { tree, around, take } = plant();
    around.direct.add('alpha');
    tree.onHead('b', head(1));
    around.direct.clear();
    tree.directDown('alpha');
    expect(take()).toEqual(['graft b alpha']);
  });

  it('never prunes the venue itself', () => {
    const { tree, around, take } = plant();
    tree.peerUp({ id: 'a', member: 'alpha' });
    around.direct.add('alpha');
    tree.onFirst('b', 'b-member', 'alpha');
    tree.onDuplicate('a', 'alpha', 'alpha');
    expect(take()).toEqual([]);
  });
});

describe('a relay', () => {
  it('passes a venue on to whoever grafted it, but never back to where a frame came from', () => {
    const { tree } = plant();
    for (const peer of ['b', 'c']) tree.onGraft(peer, 'alpha');
    expect(tree.children('alpha', 'b')).toEqual(['c']);
    tree.onPrune('c', 'alpha');
    tree.onPrune('d', 'alpha');
    expect(tree.children('alpha', '')).toEqual(['b']);
    tree.peerDown('b');
    expect(tree.children('alpha', '')).toEqual([]);
  });

  it('takes no graft of what is no venue, of its own frames, or of the venue itself', () => {
    const { tree } = plant();
    tree.peerUp({ id: 'a', member: 'alpha' });
    tree.onGraft('b', 'nobody');
    tree.onGraft('b', 'self');
    tree.onGraft('a', 'alpha');
    tree.onGraft('stranger', 'alpha');
    for (const venue of ['nobody', 'self', 'alpha']) expect(tree.children(venue, '')).toEqual([]);
  });
});
