import { type Verifier, verifierOf } from '@stoa/schema';
import { canonicalJson, sha256Hex } from '../receipts/canonical-json.ts';
import type { DirectoryExtract, ReceiptDocument } from '../receipts/receipt.ts';
import {
  isSignedBy,
  type OpenedFrame,
  type OpenedMessage,
  openFrame,
  openMessage,
} from '../receipts/signed-evidence.ts';
import type { Findings } from './verification.ts';

type Sections = Pick<ReceiptDocument, 'directories' | 'frames' | 'messages'>;

/**
 * The evidence of a file, read and held against the hashes it goes by. Whatever is asked for counts as
 * used; what is left over at the end was put there by somebody.
 */
export class EvidenceFile {
  readonly #directories = new Map<string, DirectoryExtract>();
  readonly #frames = new Map<string, OpenedFrame>();
  readonly #messages = new Map<string, OpenedMessage>();
  readonly #unused = new Set<string>();
  readonly #verifiers = new Map<string, Verifier>();
  readonly #signed = new Map<string, boolean>();

  constructor(sections: Sections, findings: Findings) {
    const fail = (hash: string, what: string): void =>
      findings.failed(
        'evidence',
        'EVIDENCE_ALTERED',
        `The ${what} ${short(hash)} is not what it was.`,
      );
    for (const [hash, extract] of Object.entries(sections.directories)) {
      this.#unused.add(hash);
      if (sha256Hex(canonicalJson(extract)) === hash) this.#directories.set(hash, extract);
      else fail(hash, 'directory extract');
    }
    for (const [hash, text] of Object.entries(sections.frames)) {
      this.#unused.add(hash);
      const opened = openFrame(bytesOf(text, hash));
      if (opened) this.#frames.set(hash, opened);
      else fail(hash, 'frame');
    }
    for (const [hash, text] of Object.entries(sections.messages)) {
      this.#unused.add(hash);
      const opened = openMessage(bytesOf(text, hash));
      if (opened) this.#messages.set(hash, opened);
      else fail(hash, 'message');
    }
  }

  directory(hash: string): DirectoryExtract | undefined {
    this.#unused.delete(hash);
    return this.#directories.get(hash);
  }

  frame(hash: string | undefined): OpenedFrame | undefined {
    if (hash !== undefined) this.#unused.delete(hash);
    return hash === undefined ? undefined : this.#frames.get(hash);
  }

  message(hash: string | undefined): OpenedMessage | undefined {
    if (hash !== undefined) this.#unused.delete(hash);
    return hash === undefined ? undefined : this.#messages.get(hash);
  }

  /** Every extract in the file, used or not. */
  get directories(): Iterable<DirectoryExtract> {
    return this.#directories.values();
  }

  get unused(): number {
    return this.#unused.size;
  }

  get sizes(): { readonly frames: number; readonly messages: number } {
    return { frames: this.#frames.size, messages: this.#messages.size };
  }

  /** Whether the frame is signed by its venue, with a key that the extract gives it. */
  isVenuesFrame(hash: string, { frame, signed }: OpenedFrame, extract: DirectoryExtract): boolean {
    return this.#once(`${hash} ${keysOf(extract, frame.venue)}`, () =>
      isSignedBy(
        memberOf(extract, frame.venue),
        { purpose: 'frame', signed, atMs: frame.sentAtMs },
        (key) => this.#verifier(key),
      ),
    );
  }

  /** Whether the message is signed by whom it says it is from. */
  isSendersMessage(
    hash: string,
    { message, signed }: OpenedMessage,
    extract: DirectoryExtract,
  ): boolean {
    return this.#once(`${hash} ${keysOf(extract, message.from)}`, () =>
      isSignedBy(
        memberOf(extract, message.from),
        { purpose: 'order', signed, atMs: message.sentAtMs },
        (key) => this.#verifier(key),
      ),
    );
  }

  /** Whether a member signed a text as (a part of) a receipt. */
  isSignedReceipt(
    text: string,
    by: {
      readonly member: string;
      readonly signature: string;
      readonly atMs: number;
      readonly extract: DirectoryExtract;
    },
  ): boolean {
    const signature = Buffer.from(by.signature, 'base64url');
    if (signature.toString('base64url') !== by.signature) return false;
    const signed = { payload: Buffer.from(text), signature };
    const what = { purpose: 'receipt' as const, signed, atMs: by.atMs };
    return isSignedBy(memberOf(by.extract, by.member), what, (key) => this.#verifier(key));
  }

  /** The same frame stands behind many decisions; it is checked once per set of keys. */
  #once(name: string, check: () => boolean): boolean {
    const known = this.#signed.get(name);
    if (known !== undefined) return known;
    const holds = check();
    this.#signed.set(name, holds);
    return holds;
  }

  #verifier(key: string): Verifier {
    const known = this.#verifiers.get(key);
    if (known) return known;
    const made = verifierOf(key);
    this.#verifiers.set(key, made);
    return made;
  }
}

/** A member of an extract. */
export function memberOf(
  extract: DirectoryExtract,
  id: string,
): DirectoryExtract['members'][number] | undefined {
  return extract.members.find((member) => member.id === id);
}

function keysOf(extract: DirectoryExtract, id: string): string {
  return JSON.stringify(memberOf(extract, id)?.nodeKeys);
}

/** The bytes of a text, if they are the ones that go by this hash, and written in the one way there is. */
function bytesOf(text: string, hash: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  const holds = bytes.toString('base64url') === text && sha256Hex(bytes) === hash;
  return holds ? bytes : new Uint8Array();
}

function short(hash: string): string {
  return hash.slice(0, 12);
}
