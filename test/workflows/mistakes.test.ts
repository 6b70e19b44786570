/** What a pod's run does after an edit that is a mistake: nothing to what is attached (ADR 5). */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startHarness, type Harness } from './harness.ts';

describe('a mistake in an edit', { concurrency: true }, () => {
  let lab: Harness;
  before(async () => {
    lab = await startHarness();
  });
  after(() => lab.stop());

  it('detaches nothing; what was taken out goes once the structure is right again', async () => {
    const [red, blue] = [lab.vni(), lab.vni()];
    const pod = await lab.pod(`blue id=${blue}, edge id=${lab.vni()}, red id=${red}`);
    await pod.converge();
    const all = ['blue', 'edge', 'red'];
    assert.deepEqual(pod.links, all);
    for (const mistake of [
      `red id=${red} blue id=${blue}`,
      `  red id=${red}\n  blue`,
      `red id=${red}\nup blue`,
      `red: id=${red}\nblue: id=${blue}`,
      '[{"name":"red"}]',
    ]) {
      const before = pod.events.length;
      await pod.annotate(mistake);
      await pod.converge();
      assert.deepEqual([...pod.links].sort(), all, mistake);
      assert.equal(await pod.state(), 'Refused', mistake);
      assert.match(pod.events.slice(before).join('\n'), /NetworkRefused: .*nothing is detached until/);
    }
    await pod.annotate(`red id=${red}, blue id=${blue} mtu=big`);
    await pod.converge();
    assert.deepEqual([...pod.links].sort(), ['blue', 'red']);
  });

  it('keeps what is beyond the limit of networks', async () => {
    const pod = await lab.pod(`last id=${lab.vni()}, gone id=${lab.vni()}`);
    await pod.converge();
    await pod.annotate(`${Array.from({ length: 16 }, (_, index) => `a${index}`).join(', ')}, last`);
    await pod.converge();
    assert.deepEqual(pod.links, ['last']);
    assert.match(pod.events.join('\n'), /NetworkRefused: .*at most 16 networks a pod.*: last/);
  });
});
