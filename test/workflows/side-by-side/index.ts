/** What podwire's workflows do not do (ADR 9): local activities side by side, of which the first to end decides what is done next. */
import { proxyLocalActivities } from '@temporalio/workflow';

interface Work {
  work(input: { readonly name: string; readonly ms: number }): Promise<string>;
}

const { work } = proxyLocalActivities<Work>({ startToCloseTimeout: '5s' });

/** The one that is scheduled first ends last, and each has something of its own to follow. */
export async function endsInAnotherOrder(): Promise<void> {
  const task = async (name: string, ms: number): Promise<void> => {
    await work({ name, ms });
    await work({ name: `${name} afterwards`, ms: 0 });
  };
  await Promise.all([task('slow', 400), task('fast', 0)]);
}

/** While others are under way something is done that ends after them. */
export async function actsOnTheFirst(): Promise<void> {
  let ended = 0;
  const tasks = [0, 200, 400].map((ms, index) => work({ name: `task ${index}`, ms }).then(() => (ended += 1)));
  await Promise.race(tasks);
  if (ended < tasks.length) await work({ name: 'between', ms: 800 });
  await Promise.all(tasks);
  await work({ name: 'last', ms: 0 });
}
