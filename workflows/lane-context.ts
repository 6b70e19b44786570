/** What the steps of one lane share: the round's context, and what belongs to the lane. */
import type { Lane } from '../domain/plan.ts';
import type { RoundContext } from './context.ts';
import type { LaneNews } from './lane-news.ts';
import type { LaneRecords } from './lane-records.ts';

export interface LaneContext extends RoundContext {
  readonly lane: Lane;
  readonly news: LaneNews;
  readonly records: LaneRecords;
}
