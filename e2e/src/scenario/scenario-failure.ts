import { CodedError } from '@stoa/schema';

/** Something that the scenario says must hold did not. */
export function scenarioFailure(message: string, data: Record<string, unknown> = {}): CodedError {
  return new CodedError('SCENARIO_FAILED', message, { data });
}

/** Asks again until there is an answer that is not undefined; fails after `timeoutMs`. */
export async function eventually<T>(
  what: string | (() => string),
  ask: () => Promise<T | undefined>,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) {
      const name = typeof what === 'string' ? what : what();
      throw scenarioFailure(`${name} did not come within ${timeoutMs / 1_000} s.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
