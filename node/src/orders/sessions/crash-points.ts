import { invariant } from '@stoa/schema';

/** Where a process can die so that it matters what was recorded before. */
export const CRASH_POINTS = [
  /** Of a message to a peer. */
  'before-send',
  'after-send',
  /** Of a peer's messages, within the transaction of their effects. */
  'before-record',
  'after-record',
  /** Of any transaction about orders. */
  'before-commit',
  'after-commit',
] as const;

/** One of {@link CRASH_POINTS}. */
export type CrashPointName = (typeof CRASH_POINTS)[number];
/** Told of each passing of a crash point. */
export type CrashPoint = (name: CrashPointName) => void;

/** `name:count`: at which passing of which crash point. */
export const CRASH_AT = new RegExp(`^(${CRASH_POINTS.join('|')}):([1-9]\\d{0,8})$`);

/**
 * A test facility, and nothing else: kills this process at the count-th passing of a crash point, as
 * SIGKILL does, so that nothing is flushed and nobody is told. Tests of recovery set it; a node that
 * serves anybody does not.
 *
 * @param spec as {@link CRASH_AT} says, such as `after-send:3`
 */
export function crashAt(
  spec: string,
  kill: () => void = () => process.kill(process.pid, 'SIGKILL'),
): CrashPoint {
  const match = CRASH_AT.exec(spec);
  invariant(match !== null, 'a crash point is given that is none', { spec });
  const [, wanted, count] = match;
  let left = Number(count);
  return (name) => {
    if (name !== wanted) return;
    left -= 1;
    if (left === 0) kill();
  };
}
