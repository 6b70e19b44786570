import { CniAnswerError } from '../../../domain/cni-server/pod-cni.ts';

/** What the work answers a runtime with instead of a result. */
export const refusal = (work: () => unknown): CniAnswerError => {
  try {
    work();
  } catch (error) {
    if (error instanceof CniAnswerError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};
