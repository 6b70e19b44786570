import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOrchestratorConfig } from '../../../config/orchestrator.ts';

const NEEDED = { PODWIRE_ETCD_ENDPOINTS: '127.0.0.1:2379', TEMPORAL_ADDRESS: '127.0.0.1:7233' };
const rangeOf = (text?: string): object =>
  readOrchestratorConfig([], { ...NEEDED, ...(text === undefined ? {} : { PODWIRE_VNI_RANGE: text }) }).vniRange;

test('VNIs are given from 65536 on where nothing else is said, else from the range that is set', () => {
  assert.deepEqual(rangeOf(), { first: 65_536, last: 16_777_215 });
  assert.deepEqual(rangeOf('1-1'), { first: 1, last: 1 });
  assert.deepEqual(rangeOf('5000-5999'), { first: 5000, last: 5999 });
});

for (const text of ['5', '5-', '0-5', '6-5', '1-16777216', '1 - 5', '-1-5', 'a-b'])
  test(`a range ${JSON.stringify(text)} is refused with what is allowed`, () => {
    assert.throws(() => rangeOf(text), /PODWIRE_VNI_RANGE.*must be FIRST-LAST, from 1 to 16777215/s);
  });
