import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../../adapters/log/logger.ts';
import { whileFoldersRest } from '../../../workers/loops.ts';
import { Pace } from '../../../workers/pace.ts';
import { until } from '../../workflows/limits.ts';

const log = { info: () => undefined, warn: () => undefined } as unknown as Logger;
const LIMIT_MS = 5_000;
const SELDOM = { oftenMs: 10, seldomMs: 60_000, alertMs: 0 };

describe('work that depends on folders', () => {
  it('rests while they rest, and is done when a name in one of them comes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podwire-rest-'));
    const ending = new AbortController();
    let looks = 0;
    const loop = whileFoldersRest('sandboxes', new Pace(SELDOM), log, ending.signal, {
      folders: () => [folder],
      work: async () => void (looks += 1),
    });
    try {
      await until('the first look', () => looks === 1, LIMIT_MS);
      await sleep(100);
      assert.equal(looks, 1);
      writeFileSync(join(folder, 'cni-1'), '');
      await until('the look after a name came', () => looks === 2, LIMIT_MS);
    } finally {
      ending.abort();
      await loop;
      rmSync(folder, { recursive: true });
    }
  });

  it('is done often while none of them is there, and after it failed', async () => {
    const ending = new AbortController();
    let looks = 0;
    const missing = whileFoldersRest('sandboxes', new Pace(SELDOM), log, ending.signal, {
      folders: () => ['/nonexistent/podwire'],
      work: async () => void (looks += 1),
    });
    let tries = 0;
    const failing = whileFoldersRest('configurations', new Pace(SELDOM), log, ending.signal, {
      folders: () => [],
      work: async () => {
        tries += 1;
        if (tries < 3) throw new Error('not yet');
      },
    });
    await until('three looks and three tries', () => looks >= 3 && tries === 3, LIMIT_MS);
    ending.abort();
    await Promise.all([missing, failing]);
  });
});
