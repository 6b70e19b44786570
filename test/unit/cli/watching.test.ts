import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { watching } from '../../../cli/watching.ts';
import { PodwireError } from '../../../domain/failures.ts';
import { UsageError } from '../../../cli/usage-error.ts';

/** Ends what would go on for ever, as Ctrl-C does. */
class Enough extends Error {}

describe('--watch', () => {
  it('asks once where it is not given', async () => {
    let asked = 0;
    await watching({}, async () => void (asked += 1));
    assert.equal(asked, 1);
  });

  it('asks again, also after somebody did not answer', async (t) => {
    const said: string[] = [];
    t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0);
    const answers = [
      async () => undefined,
      () => Promise.reject(new PodwireError('EtcdUnavailable', 'away')),
      () => Promise.reject(new Enough()),
    ];
    let asked = 0;
    const begun = performance.now();
    await assert.rejects(
      watching({ watch: '1' }, () => answers[asked++]?.() ?? assert.fail('asked too often')),
      Enough,
    );
    assert.deepEqual([asked, said], [3, ['podwire: away\n']]);
    assert.ok(performance.now() - begun > 1_900);
  });

  it('refuses pauses that are none', async () => {
    for (const watch of ['0', '1.5', '-1', 'x', '3601'])
      await assert.rejects(
        watching({ watch }, () => assert.fail('asked')),
        UsageError,
        watch,
      );
  });

  it('says where a name goes that it took for seconds', async () => {
    const why = async (watch: string): Promise<string> => {
      const refused = await watching({ watch }, () => assert.fail('asked')).catch((error: unknown) => error);
      return (refused as Error).message;
    };
    assert.match(await why('blue'), /"blue".*a name goes before the flag \(blue --watch\), or write --watch=5$/);
    assert.match(await why('0'), /from 1 to 3600$/);
  });
});
