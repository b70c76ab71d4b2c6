import { canonicalJson, sha256Hex } from '../receipts/canonical-json.ts';
import {
  fadeDocument,
  type ReceiptDocument,
  type RevisionBody,
  receiptDocument,
} from '../receipts/receipt.ts';
import { Findings, timeInWords, type Verification } from './verification.ts';
import { verifyDecision } from './verify-decision.ts';
import { EvidenceFile } from './verify-evidence.ts';
import { verifyFade } from './verify-fade.ts';
import { OutcomeLedger } from './verify-outcomes.ts';
import { type RegistryExport, verifyRegistry } from './verify-registry.ts';

/**
 * Verifies a receipt or fade evidence, from anybody: pure, offline, and without an exception whatever
 * is in it.
 *
 * @param pinned the registries, as somebody trusted has read them
 */
export function verifyDocument(json: unknown, pinned?: RegistryExport): Verification {
  try {
    const receipt = receiptDocument.safeParse(json);
    if (receipt.success) return verifyReceipt(receipt.data, pinned);
    const fade = fadeDocument.safeParse(json);
    if (fade.success) return verifyFade(fade.data, pinned);
    const { issues } = isFade(json) ? fade.error : receipt.error;
    const where = issues[0]?.path.join('.') || 'the top';
    return unusable(
      `It is neither a receipt nor fade evidence: ${issues[0]?.message ?? 'unknown'} at ${where}.`,
    );
  } catch (error) {
    // Whatever hostile bytes led to, it is not proven.
    const why = error instanceof Error ? error.message : String(error);
    return {
      outcome: 'not-proven',
      findings: [
        {
          status: 'failed',
          subject: 'file',
          code: 'UNVERIFIABLE',
          text: `It cannot be verified: ${why}`,
        },
      ],
    };
  }
}

/** What is said of a file that cannot be read as what it should be. */
export function unusable(text: string): Verification {
  return {
    outcome: 'unusable',
    findings: [{ status: 'failed', subject: 'file', code: 'UNUSABLE', text }],
  };
}

function isFade(json: unknown): boolean {
  return typeof json === 'object' && json !== null && 'body' in json;
}

function verifyReceipt(
  document: ReceiptDocument,
  pinned: RegistryExport | undefined,
): Verification {
  const findings = new Findings();
  const evidence = new EvidenceFile(document, findings);
  const home = document.revisions[0]?.body.home ?? '';
  verifyChain(document, evidence, findings);
  const ledger = new OutcomeLedger({ evidence, findings, home });
  const askedBefore = new Set<string>();
  for (const { body } of document.revisions) {
    if (body.kind === 'outcome') {
      ledger.take(body);
      continue;
    }
    verifyDecision(body, { evidence, findings, askedBefore });
    openLegs(body, { evidence, ledger, askedBefore });
  }
  for (const hash of document.orders) ledger.order(hash);
  ledger.close();
  if (evidence.unused > 0) {
    findings.failed(
      'evidence',
      'EVIDENCE_UNUSED',
      'The file holds evidence that nothing refers to.',
    );
  }
  verifyRegistry(evidence.directories, pinned, findings);
  return findings.conclude();
}

function openLegs(
  body: Extract<RevisionBody, { kind: 'decision' }>,
  {
    evidence,
    ledger,
    askedBefore,
  }: {
    readonly evidence: EvidenceFile;
    readonly ledger: OutcomeLedger;
    readonly askedBefore: Set<string>;
  },
): void {
  const extract = evidence.directory(body.directory);
  const order = body.input['order'];
  const side = typeof order === 'object' && order !== null && 'side' in order ? order.side : '';
  for (const leg of body.legs) {
    askedBefore.add(leg.venue);
    if (extract && (side === 'buy' || side === 'sell')) ledger.open({ leg, side, extract });
  }
}

/** One order, one home, each revision signed and naming the one before it, a decision first. */
function verifyChain(
  { revisions }: ReceiptDocument,
  evidence: EvidenceFile,
  findings: Findings,
): void {
  const first = revisions[0]?.body;
  if (first?.kind !== 'decision') {
    findings.failed('receipt', 'NO_DECISION', 'The receipt does not begin with a decision.');
  }
  let previous: string | undefined;
  for (const [index, { body, signature }] of revisions.entries()) {
    const subject = `revision ${index + 1}`;
    const isInPlace =
      body.revision === index + 1 &&
      body.previous === previous &&
      body.home === first?.home &&
      body.orderId === first.orderId;
    if (!isInPlace) {
      findings.failed(subject, 'CHAIN_BROKEN', 'It is not the one that follows on the one before.');
    }
    const text = canonicalJson(body);
    previous = sha256Hex(text);
    const extract = evidence.directory(body.directory);
    const { home: member, atMs } = body;
    const isSigned =
      extract !== undefined && evidence.isSignedReceipt(text, { member, signature, atMs, extract });
    if (!isSigned) {
      findings.failed(
        subject,
        'SIGNATURE_INVALID',
        `It is not signed by ${member}, whose it should be.`,
      );
    }
  }
  if (findings.hasFailed) return;
  const { frames, messages } = evidence.sizes;
  const lastAt = timeInWords(revisions.at(-1)?.body.atMs ?? 0);
  findings.stated('receipt', `It goes as far as ${lastAt}; what came later is not in it.`);
  findings.proven(
    'receipt',
    `Order ${first?.orderId}: ${revisions.length} revisions, each signed by ${first?.home} and chained; ${frames} frames and ${messages} messages are as they were received.`,
  );
}
