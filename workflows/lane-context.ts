/** What the steps of one lane share. */
import type { Observation } from '../domain/observation.ts';
import type { Lane } from '../domain/plan.ts';
import type { RunContext } from './context.ts';
import type { LaneNews } from './lane-news.ts';
import type { LaneRecords } from './lane-records.ts';

export interface LaneContext {
  readonly run: RunContext;
  readonly observation: Observation;
  readonly lane: Lane;
  readonly news: LaneNews;
  readonly records: LaneRecords;
}
