/** What was announced on a node outlives its worker, and no more than that. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openAnnouncedFiles } from '../../../adapters/host/announced-files.ts';
import { isForgotten } from '../../../domain/cni-server/announced-sandbox.ts';
import { announcedSandbox } from './some-announced.ts';

describe('announced sandboxes as files', () => {
  const root = mkdtempSync(join(tmpdir(), 'podwire-announced-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  let folders = 0;
  const folder = (): string => join(root, `state-${(folders += 1)}`, 'announced');

  it('are known to the next worker as they were put, one that ended with the time of its end', async () => {
    const dir = folder();
    const files = openAnnouncedFiles(dir, 'boot', 0);
    const ended = announcedSandbox('a', { endedAt: 5, runtimeUid: 'static', ending: true });
    await files.put(ended);
    assert.deepEqual(openAnnouncedFiles(dir, 'boot', 9_000).list(), [ended]);
  });

  it('whose call was cut off by the end of the worker have their time from the start of the next one', async () => {
    const dir = folder();
    await openAnnouncedFiles(dir, 'boot', 0).put(announcedSandbox('a'));
    const [found] = openAnnouncedFiles(dir, 'boot', 9_000).list();
    assert.ok(found);
    assert.equal(isForgotten(found, 69_000), false);
    assert.equal(isForgotten(found, 69_001), true);
  });

  it('of another boot, removed ones, half of a file and what is none go', async () => {
    const dir = folder();
    const files = openAnnouncedFiles(dir, 'boot', 0);
    await files.put(announcedSandbox('kept'));
    await files.put(announcedSandbox('removed'));
    await files.put(announcedSandbox('other', { bootId: 'earlier' }));
    await files.remove('removed');
    writeFileSync(join(dir, 'half.json.new'), '{"v":1');
    writeFileSync(join(dir, 'broken.json'), '{"v":1');
    const next = openAnnouncedFiles(dir, 'boot', 0);
    assert.deepEqual(
      next.list().map(({ sandboxId }) => sandboxId),
      ['kept'],
    );
    assert.deepEqual(readdirSync(dir), ['kept.json']);
  });
});
