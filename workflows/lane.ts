/** One lane: everything to be done for one interface of the pod, in order. */
import type { Lane } from '../domain/plan.ts';
import { attach } from './attach.ts';
import type { RoundContext } from './context.ts';
import { detach } from './detach.ts';
import type { LaneContext } from './lane-context.ts';
import { LaneNews } from './lane-news.ts';
import { LaneRecords, type JoinedEnds } from './lane-records.ts';
import { Interrupted, Stale } from './outcome.ts';
import { takeBack } from './take-back.ts';
import { takeOver } from './take-over.ts';

/**
 * How a lane ended. Every end but `done` and `refused` makes the run observe again. `renamed`: the wish gets another interface name.
 * `taken-over`: what another runtime attached is podwire's now.
 */
export type LaneEnd = 'done' | 'refused' | 'interrupted' | 'stale' | 'renamed' | 'taken-over';

export interface LaneRunOptions extends JoinedEnds {
  /** Called when the pod's status should be published before all lanes end. */
  readonly onTrouble: () => void;
}

export class LaneRun {
  readonly news: LaneNews;
  ended = false;
  readonly #context: LaneContext;

  constructor(context: RoundContext, lane: Lane, { onTrouble, ...ends }: LaneRunOptions) {
    const news = new LaneNews(context, lane.interfaceName, onTrouble);
    this.news = news;
    this.#context = { ...context, lane, news, records: new LaneRecords(context, news, ends) };
  }

  async run(): Promise<LaneEnd> {
    try {
      return await stepsOf(this.#context);
    } catch (error) {
      if (error instanceof Interrupted) return 'interrupted';
      if (error instanceof Stale) return 'stale';
      throw error;
    } finally {
      this.news.yielded = true;
      this.ended = true;
    }
  }
}

async function stepsOf(context: LaneContext): Promise<LaneEnd> {
  const { lane, news } = context;
  if (lane.takeOver !== undefined) return takeOver(context, lane.takeOver);
  for (const record of lane.remove) {
    const isLast = lane.attach === undefined && lane.takeBack === undefined && record === lane.remove.at(-1);
    const refusal = await detach(context, record, record.completed ? 'wanted' : 'undo', isLast);
    if (refusal !== undefined) return news.refuse(record.network, refusal);
  }
  if (lane.takeBack !== undefined) return finishTakingBack(context, lane.takeBack);
  return lane.attach === undefined ? 'done' : attach(context, lane.attach.wish, lane.attach.sandboxId);
}

async function finishTakingBack(context: LaneContext, link: NonNullable<Lane['takeBack']>): Promise<LaneEnd> {
  const outcome = await takeBack(context, link);
  if (outcome === 'nothing') throw new Stale('the edit is not there any more');
  return outcome === 'refused' ? 'refused' : 'done';
}
