import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FolderChanges } from '../../../adapters/host/folder-changes.ts';
import { until } from '../../workflows/limits.ts';

describe('changes of a folder', () => {
  let root: string;
  let folder: string;
  let changes: FolderChanges;
  let told = 0;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'podwire-folders-'));
    folder = join(root, 'netns');
    changes = new FolderChanges(() => (told += 1));
  });
  after(() => {
    changes.close();
    rmSync(root, { recursive: true, force: true });
  });
  const tells = async (what: () => void): Promise<void> => {
    told = 0;
    what();
    await until('it to be told', () => told > 0, 2_000);
  };

  it('are told from the moment on when the folder is there', async () => {
    assert.equal(changes.follow([folder]), false);
    mkdirSync(folder);
    assert.equal(changes.follow([folder, join(root, 'none')]), true);
    await tells(() => writeFileSync(join(folder, 'a'), ''));
    await tells(() => unlinkSync(join(folder, 'a')));
  });

  it('are told of the folder that has its name now', async () => {
    renameSync(folder, `${folder}.old`);
    mkdirSync(folder);
    assert.equal(changes.follow([folder]), true);
    await tells(() => writeFileSync(join(folder, 'b'), ''));
  });

  it('are not told of a folder that is not asked for any more', async () => {
    assert.equal(changes.follow([]), false);
    told = 0;
    writeFileSync(join(folder, 'c'), '');
    await sleep(100);
    assert.equal(told, 0);
  });
});
