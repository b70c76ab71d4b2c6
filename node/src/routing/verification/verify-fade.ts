import { judgeFade } from '../fades/fade.ts';
import { canonicalJson } from '../receipts/canonical-json.ts';
import type { DirectoryExtract, FadeDocument } from '../receipts/receipt.ts';
import type { OpenedFrame, OpenedMessage } from '../receipts/signed-evidence.ts';
import { Findings, type Verification } from './verification.ts';
import { EvidenceFile } from './verify-evidence.ts';
import { type RegistryExport, verifyRegistry } from './verify-registry.ts';

/** Verifies fade evidence: every signature, and that the finding follows from what was signed. */
export function verifyFade(
  document: FadeDocument,
  pinned: RegistryExport | undefined,
): Verification {
  const findings = new Findings();
  const evidence = new EvidenceFile(document, findings);
  const { body, signature } = document;
  const subject = `leg ${body.legId}`;
  const extract = evidence.directory(body.directory);
  if (!extract || extract.instrument.id !== body.instrument) {
    findings.failed(subject, 'EVIDENCE_MISSING', 'The directory extract is not in the file.');
    return findings.conclude();
  }
  const text = canonicalJson(body);
  const { home: member, atMs } = body;
  if (evidence.isSignedReceipt(text, { member, signature, atMs, extract })) {
    findings.proven(subject, `The whole finding is signed by ${member}.`);
  } else {
    findings.failed(subject, 'SIGNATURE_INVALID', `The finding is not signed by ${member}.`);
  }
  const opened = openAll(document, { evidence, extract, findings });
  if (opened) judgeAgain(document, opened, findings);
  if (evidence.unused > 0) {
    findings.failed(
      'evidence',
      'EVIDENCE_UNUSED',
      'The file holds evidence that nothing refers to.',
    );
  }
  verifyRegistry([extract], pinned, findings);
  return findings.conclude();
}

interface Opened {
  readonly quote: OpenedFrame;
  readonly order: OpenedMessage;
  readonly answers: readonly OpenedMessage[];
  readonly between: readonly OpenedFrame[];
}

function openAll(
  { body }: FadeDocument,
  context: {
    readonly evidence: EvidenceFile;
    readonly extract: DirectoryExtract;
    readonly findings: Findings;
  },
): Opened | undefined {
  const { evidence, extract, findings } = context;
  const subject = `leg ${body.legId}`;
  const frame = (hash: string): OpenedFrame | undefined => {
    const opened = evidence.frame(hash);
    const isVenues =
      opened?.frame.venue === body.venue && evidence.isVenuesFrame(hash, opened, extract);
    if (isVenues) return opened;
    findings.failed(
      subject,
      'SIGNATURE_INVALID',
      `A frame is not in the file, or not ${body.venue}’s.`,
    );
    return undefined;
  };
  const message = (hash: string, from: string, to: string): OpenedMessage | undefined => {
    const opened = evidence.message(hash);
    const isSenders =
      opened?.message.from === from &&
      opened.message.to === to &&
      evidence.isSendersMessage(hash, opened, extract);
    if (isSenders) return opened;
    findings.failed(
      subject,
      'SIGNATURE_INVALID',
      `A message is not in the file, or not ${from}’s.`,
    );
    return undefined;
  };
  const quote = frame(body.quote);
  const order = message(body.order, body.home, body.venue);
  const answers = body.answers.map((hash) => message(hash, body.venue, body.home));
  const between = body.between.map(frame);
  const isWhole = [quote, order, ...answers, ...between].every((each) => each !== undefined);
  if (!isWhole || !quote || !order) return undefined;
  findings.proven(
    subject,
    `The quote, the answers and the frames between are signed by ${body.venue}.`,
  );
  return {
    ...{ quote, order },
    answers: answers.filter((each) => each !== undefined),
    between: between.filter((each) => each !== undefined),
  };
}

function judgeAgain(
  { body }: FadeDocument,
  { quote, order, answers, between }: Opened,
  findings: Findings,
): void {
  const subject = `leg ${body.legId}`;
  const sent = order.message.body;
  const { legId, quantity, limitPrice, side, instrument } = body;
  const isTheLeg =
    sent.kind === 'leg-new' &&
    sent.leg.legId === legId &&
    sent.leg.quantity === quantity &&
    sent.leg.limitPrice === limitPrice &&
    sent.leg.side === side &&
    sent.leg.instrument === instrument;
  if (!isTheLeg || legId.split('.')[0] !== body.orderId) {
    return findings.failed(
      subject,
      'ORDER_DIFFERS',
      'The leg was sent otherwise than it is told here.',
    );
  }
  const isAboutIt = answers.every(
    ({ message }) => 'legId' in message.body && message.body.legId === legId,
  );
  const later = between.every(
    ({ frame }) =>
      frame.epoch > quote.frame.epoch ||
      (frame.epoch === quote.frame.epoch && frame.sequence > quote.frame.sequence),
  );
  if (!isAboutIt || !later) {
    return findings.failed(
      subject,
      'EVIDENCE_UNRELATED',
      'Some of the evidence is about something else.',
    );
  }
  const found = judgeFade({
    ...{ legId, instrument, side, quantity, limitPrice, allowanceMs: body.allowanceMs },
    sentAtMs: order.message.sentAtMs,
    quote: quote.frame,
    answers: answers.map(({ message }) => message),
    between: between.map(({ frame }) => frame),
  });
  const { verdict, code, message } = body;
  if (found.verdict !== verdict || found.code !== code || found.message !== message) {
    const text = `The evidence comes to "${found.verdict}, ${found.code}", not to what is told.`;
    return findings.failed(subject, 'FINDING_DIFFERS', text);
  }
  findings.proven(subject, `The evidence comes to this finding: ${verdict}, ${code}. ${message}`);
  findings.stated(
    subject,
    `That ${body.venue} had no other frame or answer meanwhile is the home node’s own word; ${body.venue} can show one.`,
  );
}
