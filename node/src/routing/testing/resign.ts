import { testKey } from '../../network/testing/memory-directory.ts';
import { canonicalJson, sha256Hex } from '../receipts/canonical-json.ts';
import type { DirectoryExtract, ReceiptDocument, RevisionBody } from '../receipts/receipt.ts';

type Loose<T> = { -readonly [Key in keyof T]: T[Key] };

/** What a dishonest home node can change of its own receipt: everything that only it has signed. */
export interface Forgery {
  readonly bodies: Loose<RevisionBody>[];
  /** The extract of every revision. */
  readonly extract: Loose<DirectoryExtract>;
  readonly document: Loose<ReceiptDocument>;
  /** Puts bytes into the file, and gives their hash. */
  put(section: 'frames' | 'messages', bytes: Uint8Array): string;
}

/** A receipt as its own home node could have forged it: changed, chained and signed anew. */
export function forged(
  original: ReceiptDocument,
  change: (forgery: Forgery) => void,
): ReceiptDocument {
  const document: Loose<ReceiptDocument> = structuredClone(original);
  const bodies = document.revisions.map(({ body }) => body);
  const [extract] = Object.values(document.directories);
  if (!extract) throw new Error('a receipt without a directory extract');
  change({
    ...{ bodies, extract, document },
    put(section, bytes) {
      const hash = sha256Hex(bytes);
      document[section][hash] = Buffer.from(bytes).toString('base64url');
      return hash;
    },
  });
  const directory = sha256Hex(canonicalJson(extract));
  document.directories = { [directory]: extract };
  let previous: string | undefined;
  document.revisions = bodies.map((body, index) => {
    const { previous: _, ...rest } = body;
    const link = previous === undefined ? {} : { previous };
    const next = { ...rest, ...link, directory, revision: index + 1 } as RevisionBody;
    const text = canonicalJson(next);
    previous = sha256Hex(text);
    const signature = testKey('alpha').sign('receipt', Buffer.from(text));
    return { body: next, signature: Buffer.from(signature).toString('base64url') };
  });
  dropUnused(document);
  return document;
}

function dropUnused(document: Loose<ReceiptDocument>): void {
  const text = JSON.stringify([document.revisions, document.orders]);
  for (const section of ['frames', 'messages'] as const) {
    for (const hash of Object.keys(document[section])) {
      if (!text.includes(hash)) delete document[section][hash];
    }
  }
}
