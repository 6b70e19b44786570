/** Temporal comes back with an empty database: what was under way is found at once and carried through, and no link is touched. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { annotate } from '../../deploy/demo/cluster.ts';
import { type PodRef } from '../../deploy/demo/kernel-look.ts';
import { startPart, stopPart } from '../../deploy/lab/lab.ts';
import { partSpec } from '../../deploy/lab/parts.ts';
import { nodePart, startPodwirePart } from '../../deploy/lab/podwire.ts';
import { labTest, waitFor, waitLink } from '../lab/harness.ts';
import { exactlyOne, meshComplete, nothingLeaked, statusTruth } from '../lab/invariants.ts';
import { readKeys } from '../lab/records.ts';
import { Untouched } from './untouched.ts';

const LIMIT = { limitMs: 60_000 };
/** A relist comes every ten minutes: what is done sooner was found by itself. */
const AT_ONCE_MS = 60_000;

describe('a Temporal that lost its database', () => {
  const t = labTest('templost');
  let members: PodRef[] = [];
  let half: PodRef;
  const others = 'kept id=4841 ip=10.84.1';

  before(async () => {
    members = await t.createPods(
      [0, 1, 2, 3].map((index) => ({
        name: `member${index}`,
        node: t.node(index),
        networks: `${others}.${index + 1}/24 up`,
      })),
    );
    [half] = (await t.createPods([{ name: 'half', node: t.node(1), networks: `${others}.9/24 up` }])) as [PodRef];
    for (const pod of [...members, half]) await waitLink(t.lab, pod, 'kept', (link) => link?.up === true);
    await meshComplete(t.lab, `${t.namespace}/kept`, LIMIT);
  });

  test('is rebuilt from etcd, API and kernel: half an attach is completed, nothing is touched', async (c) => {
    const observer = await Untouched.watch(
      t.lab,
      members.map((pod, index) => ({ ...pod, interfaces: ['kept'], peer: `10.84.1.${((index + 1) % 4) + 1}` })),
    );
    // An intent without a result: its run waits for the node's worker when Temporal loses it.
    const worker = nodePart(t.node(1));
    await stopPart(t.lab, worker);
    await annotate(t.lab, half, `${others}.9/24 up, added id=4842 ip=10.84.2.9/24 up`);
    await waitFor(
      'an intent without a result',
      async () =>
        (await readKeys(t.lab, '/podwire/attachments/')).some(
          ({ key, value }) => key.endsWith('/added') && (value as { phase: string }).phase === 'intent',
        )
          ? true
          : undefined,
      LIMIT,
    );
    const spec = partSpec(t.lab, 'temporal');
    assert.ok(spec);
    await stopPart(t.lab, 'temporal');
    for (const file of readdirSync(t.lab.dir).filter((name) => name.startsWith('temporal.db')))
      rmSync(join(t.lab.dir, file));
    await startPart(t.lab, spec);
    await startPodwirePart(t.lab, worker);
    const back = performance.now();

    await waitLink(t.lab, half, 'added', (link) => link?.up === true, AT_ONCE_MS);
    c.diagnostic(`half an attach was completed ${((performance.now() - back) / 1000).toFixed(1)} s after the return`);
    await annotate(t.lab, half, `${others}.9/24 up`);
    await waitLink(t.lab, half, 'added', (link) => link === undefined, AT_ONCE_MS);
    await exactlyOne(t.lab, [...members, half], LIMIT);
    await statusTruth(t.lab, [...members, half], LIMIT);
    await meshComplete(t.lab, `${t.namespace}/kept`, LIMIT);
    await nothingLeaked(t.lab, LIMIT);
    c.diagnostic(await observer.verify());
  });
});
