/** What a bench gets that brings podwire itself. */
import type { Lab, Progress } from '../../deploy/lab/lab.ts';

export interface Site {
  readonly lab: Lab;
  readonly progress: Progress;
}
