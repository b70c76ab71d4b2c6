import { describe, expect, it } from 'vitest';
import { type FlowClock, type FlowProgress, type FlowTarget, replayFlow } from './flow-replay.ts';
import { type LobsterMessage, parseLobsterLine } from './lobster-message.ts';
import type { LobsterBatch } from './lobster-reader.ts';

/** Writes down what it is told, and holds what a book would. */
class RecordingTarget implements FlowTarget {
  readonly calls: string[] = [];
  readonly refuses = new Set<number>();
  readonly lost = new Set<number>();
  waits: FlowTarget['ready'] | undefined;

  submit(order: Parameters<FlowTarget['submit']>[0]): boolean {
    this.calls.push(`submit ${order.orderId} ${order.side} ${order.size}@${order.price}`);
    return !this.refuses.has(order.orderId);
  }
  reduce(orderId: number, size: number): boolean {
    this.calls.push(`reduce ${orderId} ${size}`);
    return !this.lost.has(orderId);
  }
  cancel(orderId: number): boolean {
    this.calls.push(`cancel ${orderId}`);
    return !this.lost.has(orderId);
  }
  execute({ side, size, price }: Parameters<FlowTarget['execute']>[0]): boolean {
    this.calls.push(`execute ${side} ${size}@${price}`);
    return true;
  }
  print({ size, price }: Parameters<FlowTarget['print']>[0]): boolean {
    this.calls.push(`print ${size}@${price}`);
    return true;
  }
  halt(): void {
    this.calls.push('halt');
  }
  resume(): void {
    this.calls.push('resume');
  }
  ready(): Promise<void> | undefined {
    return this.waits?.();
  }
}

/** A clock that moves only when someone sleeps. */
class ManualClock implements FlowClock {
  now = 1_000;
  slept = 0;
  turns = 0;
  nowMs(): number {
    return this.now;
  }
  async sleep(ms: number): Promise<void> {
    this.now += ms;
    this.slept += ms;
  }
  async yieldTurn(): Promise<void> {
    this.turns += 1;
  }
}

async function* batchesOf(lines: readonly string[], size = 3): AsyncGenerator<LobsterBatch> {
  for (let start = 0; start < lines.length; start += size) {
    const read = lines
      .slice(start, start + size)
      .map((line, index) => parseLobsterLine(line, start + index + 1));
    yield {
      messages: read.filter((one): one is LobsterMessage => !('reason' in one)),
      malformed: read.filter((one) => 'reason' in one),
    };
  }
}

const never = new AbortController().signal;

describe('the flow replay', () => {
  it('turns each type of message into its operation', async () => {
    const target = new RecordingTarget();
    const lines = [
      '1,1,10,100,1000000,1',
      '1,1,11,100,1000200,-1',
      '1,2,10,30,1000000,1',
      '1,4,10,20,1000000,1',
      '1,4,11,100,1000200,-1',
      '1,5,0,40,1000100,1',
      '1,6,-1,50,1000100,-1',
      '1,7,0,0,-1,-1',
      '1,7,0,0,0,-1',
      '1,7,0,0,1,-1',
      '1,3,10,50,1000000,1',
    ];
    const progress = await replayFlow(batchesOf(lines), target, { speed: 'max', signal: never });
    expect(target.calls).toEqual([
      'submit 10 buy 100@1000000',
      'submit 11 sell 100@1000200',
      'reduce 10 30',
      'execute sell 20@1000000',
      'execute buy 100@1000200',
      'print 40@1000100',
      'print 50@1000100',
      'halt',
      'resume',
      'cancel 10',
    ]);
    expect(progress).toEqual({
      messages: 11,
      malformed: 0,
      olderThanFile: 0,
      refused: 0,
      gone: 0,
      timeReversals: 0,
      done: true,
    });
  });

  it('counts messages about orders older than the file, or finished in it, and leaves them out', async () => {
    const target = new RecordingTarget();
    const lines = [
      '1,2,5,10,1000000,1',
      '1,3,5,10,1000000,1',
      '1,4,5,10,1000000,1',
      '1,1,6,10,1000000,1',
      '1,4,6,10,1000000,1',
      '1,3,6,10,1000000,1',
    ];
    const progress = await replayFlow(batchesOf(lines), target, { speed: 'max', signal: never });
    expect(target.calls).toEqual(['submit 6 buy 10@1000000', 'execute sell 10@1000000']);
    expect(progress).toMatchObject({ messages: 6, olderThanFile: 4, done: true });
  });

  it('counts what the target refused or no longer holds, malformed lines and times that go back', async () => {
    const target = new RecordingTarget();
    target.refuses.add(1);
    target.lost.add(2);
    const malformed: number[] = [];
    const lines = [
      '5,1,1,10,1000000,1',
      'nonsense',
      '4,4,1,10,1000000,1',
      '5,1,2,10,1000000,1',
      '5,1,2,10,1000000,1',
      '5,2,2,5,1000000,1',
      '5,3,2,5,1000000,1',
    ];
    const progress = await replayFlow(batchesOf(lines), target, {
      speed: 'max',
      signal: never,
      onMalformed: ({ line }) => malformed.push(line),
    });
    expect(malformed).toEqual([2]);
    expect(progress).toEqual({
      messages: 6,
      malformed: 1,
      olderThanFile: 0,
      refused: 2,
      gone: 3,
      timeReversals: 1,
      done: true,
    });
    expect(target.calls).not.toContain('execute sell 10@1000000');
  });

  it('keeps the recorded pace, divided by the speed, and says how far it is', async () => {
    const clock = new ManualClock();
    const target = new RecordingTarget();
    const seen: FlowProgress[] = [];
    const lines = ['100,1,1,1,1,1', '110,1,2,1,1,1', '105,1,3,1,1,1', '130.5,1,4,1,1,1'];
    await replayFlow(batchesOf(lines), target, {
      speed: 10,
      signal: never,
      clock,
      onProgress: (progress) => seen.push(progress),
    });
    expect(clock.slept).toBeCloseTo(3_050);
    expect(seen.map(({ messages, done }) => [messages, done])).toEqual([
      [1, false],
      [3, false],
      [3, false],
      [4, true],
    ]);
  });

  it('gives way every few milliseconds at full speed', async () => {
    let turns = 0;
    let now = 0;
    const clock: FlowClock = {
      nowMs: () => (now += 1),
      sleep: () => Promise.reject(new Error('full speed does not sleep')),
      yieldTurn: async () => {
        turns += 1;
      },
    };
    const lines = Array.from({ length: 100 }, (_, index) => `1,1,${index},1,1,1`);
    await replayFlow(batchesOf(lines), new RecordingTarget(), {
      speed: 'max',
      signal: never,
      clock,
    });
    expect(turns).toBeGreaterThanOrEqual(15);
  });

  it('waits for a target that is not ready', async () => {
    const target = new RecordingTarget();
    const gate = Promise.withResolvers<void>();
    target.waits = () => (target.calls.length === 2 ? gate.promise : undefined);
    const lines = ['1,1,1,1,1,1', '1,1,2,1,1,1', '1,1,3,1,1,1'];
    const replay = replayFlow(batchesOf(lines), target, { speed: 'max', signal: never });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(target.calls).toHaveLength(2);
    gate.resolve();
    expect(await replay).toMatchObject({ messages: 3, done: true });
  });

  it('stops in the middle of a wait when its signal aborts', async () => {
    const stop = new AbortController();
    const target = new RecordingTarget();
    const lines = ['1,1,1,1,1,1', '80000,1,2,1,1,1'];
    const replay = replayFlow(batchesOf(lines), target, { speed: 1, signal: stop.signal });
    await new Promise((resolve) => setTimeout(resolve, 20));
    stop.abort();
    expect(await replay).toMatchObject({ messages: 1, done: false });
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses the speed %d', async (speed) => {
    const replay = replayFlow(batchesOf([]), new RecordingTarget(), { speed, signal: never });
    await expect(replay).rejects.toMatchObject({ code: 'FLOW_SPEED_INVALID' });
  });
});
