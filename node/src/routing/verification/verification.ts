/**
 * One line of a verification. `proven`: follows from signatures and arithmetic. `stated`: one
 * member's word, and nothing here can show it. `failed`: what is written cannot be true.
 */
export interface Finding {
  readonly status: 'proven' | 'stated' | 'failed';
  /** What it is about, such as `round 1` or `leg alpha-7.1.1`. */
  readonly subject: string;
  /** Stable code; set where it failed. */
  readonly code?: string;
  /** One plain sentence. */
  readonly text: string;
}

/** What came of a verification; `unusable` where the file is none of the known formats. */
export interface Verification {
  readonly outcome: 'proven' | 'not-proven' | 'unusable';
  readonly findings: readonly Finding[];
}

/** Gathers findings. */
export class Findings {
  readonly #all: Finding[] = [];

  proven(subject: string, text: string): void {
    this.#all.push({ status: 'proven', subject, text });
  }

  stated(subject: string, text: string): void {
    this.#all.push({ status: 'stated', subject, text });
  }

  failed(subject: string, code: string, text: string): void {
    this.#all.push({ status: 'failed', subject, code, text });
  }

  get hasFailed(): boolean {
    return this.#all.some(({ status }) => status === 'failed');
  }

  get failures(): number {
    return this.#all.filter(({ status }) => status === 'failed').length;
  }

  /** What it all comes to. */
  conclude(): Verification {
    return { outcome: this.hasFailed ? 'not-proven' : 'proven', findings: this.#all };
  }
}

/** Unix milliseconds as ISO 8601; numbers beyond what dates hold stay numbers. */
export function timeInWords(atMs: number): string {
  return Math.abs(atMs) <= 8.64e15 ? new Date(atMs).toISOString() : `${atMs} ms`;
}
