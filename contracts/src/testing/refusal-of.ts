import { decodeRevertReason, revertDataOf } from '../revert-reason.ts';

/** The code with which a contract refuses the whole call; `NONE` when it does not. */
export async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    const data = revertDataOf(error);
    if (data !== undefined) return decodeRevertReason(data).code;
    throw error;
  }
  return 'NONE';
}
