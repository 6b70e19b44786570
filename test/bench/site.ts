/** What a bench gets that brings podwire itself. */
import type { Lab, Progress } from '../../deploy/lab/lab.ts';
import type { Compared } from './compared-settings.ts';

export interface Site {
  readonly lab: Lab;
  readonly progress: Progress;
  readonly compared: Compared;
  /** Replicas where podwire runs as pods; undefined: as shipped. */
  readonly orchestrators?: number;
}
