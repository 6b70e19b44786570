/** The oldest Kubernetes that podwire is installed in: its CRDs have rules with `isCIDR` and `cidr`, which an API server of 1.30 refuses in new objects. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const OLDEST = '1.31';

describe('the oldest Kubernetes', () => {
  const places: Readonly<Record<string, RegExp>> = {
    'README.md': /It needs Kubernetes (\S+) or newer/,
    'docs/install.md': /^\| Kubernetes +\| (\S+) or newer;/m,
    'deploy/chart/Chart.yaml': /^kubeVersion: '>=(\d+\.\d+)\.0-0'$/m,
  };
  for (const [file, text] of Object.entries(places))
    it(`is ${OLDEST} in ${file}`, () => {
      assert.equal(text.exec(readFileSync(file, 'utf8'))?.[1], OLDEST);
    });
});
