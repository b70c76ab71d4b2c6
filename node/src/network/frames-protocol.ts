import {
  decodeFramesRequest,
  encodeFramesRequest,
  type FramesRequest,
  isRefusal,
  MAX_ANSWER_FRAMES,
  MAX_FRAME_BYTES,
  type MemberId,
} from '@stoa/schema';
import type { Logger } from '../telemetry/logger.ts';
import { type FramedStream, frameStream } from './framed-stream.ts';
import type { ConnectedPeer, Host } from './host.ts';

/** Request and answer: the frames of one venue and epoch that were missed. */
const FRAMES_PROTOCOL = '/stoa/frames/1';
/** At most this many bytes of frames stand in one answer. */
const MAX_ANSWER_BYTES = 1_048_576;
const MAX_REQUEST_BYTES = 256;
const MAX_STREAMS_PER_PEER = 4;
const DEADLINE_MS = 2_000;

/** Asks peers for frames, and answers them. */
export interface FramesProtocol {
  /**
   * Asks a peer, and gives what it sent, in its order, unjudged. Rejects when the peer is gone or the
   * answer is not complete after two seconds.
   */
  request(peer: ConnectedPeer, range: FramesRequest, signal: AbortSignal): Promise<Uint8Array[]>;
}

interface FramesProtocolNeeds {
  readonly host: Host;
  readonly logger: Logger;
  /** SignedFrames of the range that this node holds, in order of their sequence. */
  frames(range: FramesRequest): AsyncIterable<Uint8Array>;
  /** Notes that a member sent what no honest node sends. */
  charge(member: MemberId, code: string): void;
}

const STREAM_BOUNDS = { maxMessageBytes: MAX_FRAME_BYTES, maxBufferedBytes: MAX_ANSWER_BYTES * 2 };

/** One stream a request: misses are rare, and a stream of its own needs no correlation. */
export function createFramesProtocol(needs: FramesProtocolNeeds): FramesProtocol {
  needs.host.answer(FRAMES_PROTOCOL, MAX_STREAMS_PER_PEER, (peer, stream) => {
    const deadline = setTimeout(
      () => framed.abort(new Error('the request took too long')),
      DEADLINE_MS,
    );
    let answered = false;
    const framed: FramedStream = frameStream(stream, STREAM_BOUNDS, {
      onMessage: (message) => {
        if (answered) return;
        answered = true;
        const range = message.length > MAX_REQUEST_BYTES ? undefined : decodeFramesRequest(message);
        if (!range || isRefusal(range)) {
          needs.logger.debug({ member: peer.member }, 'request for frames refused');
          needs.charge(peer.member, 'REQUEST_MALFORMED');
          framed.abort(new Error('not a request for frames'));
          return;
        }
        answer(framed, range).catch((error: unknown) => {
          needs.logger.error({ member: peer.member, err: error }, 'frames cannot be read');
          framed.abort(new Error('the frames cannot be read'));
        });
      },
      onEnd: () => undefined,
      onTooLong: () => needs.charge(peer.member, 'REQUEST_TOO_LARGE'),
      onClose: () => clearTimeout(deadline),
    });
  });

  const answer = async (framed: FramedStream, range: FramesRequest): Promise<void> => {
    let frames = 0;
    let bytes = 0;
    for await (const frame of needs.frames(range)) {
      frames += 1;
      bytes += frame.length;
      if (frames > MAX_ANSWER_FRAMES || bytes > MAX_ANSWER_BYTES) break;
      if (!framed.send(frame)) break;
    }
    framed.end();
  };

  return {
    async request(peer, range, signal) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
      const stream = await needs.host.open(peer.id, FRAMES_PROTOCOL, bounded);
      return new Promise((resolve, reject) => {
        const frames: Uint8Array[] = [];
        let bytes = 0;
        const framed = frameStream(stream, STREAM_BOUNDS, {
          onMessage: (message) => {
            frames.push(message);
            bytes += message.length;
            if (frames.length > MAX_ANSWER_FRAMES || bytes > MAX_ANSWER_BYTES) {
              needs.charge(peer.member, 'ANSWER_TOO_LARGE');
              framed.abort(new Error('the answer is too long'));
            }
          },
          onEnd: () => resolve(frames),
          onTooLong: () => needs.charge(peer.member, 'FRAME_TOO_LARGE'),
          onClose: () => {
            bounded.removeEventListener('abort', giveUp);
            reject(new Error('the answer was cut off'));
          },
        });
        const giveUp = (): void => framed.abort(new Error('the answer took too long'));
        bounded.addEventListener('abort', giveUp);
        framed.send(encodeFramesRequest(range));
        framed.end();
      });
    },
  };
}
