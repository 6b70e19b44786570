/**
 * A process that makes and releases leases as fast as it can, until it is killed. Each line of its output is something that it was told is
 * done: `+ <sandbox> <address>`, `- <sandbox>`. What it is about to release it says before: `? <sandbox>`.
 */
import { writeSync } from 'node:fs';
import { ipNumbers } from '../../../adapters/ip/ip-numbers.ts';
import { openLeaseFiles } from '../../../adapters/primary/lease-files.ts';
import { podRange } from '../../../domain/primary/addressing.ts';

const [dir = '', subnetText = '', round = ''] = process.argv.slice(2);
const subnet = ipNumbers.subnet(subnetText);
if (subnet === undefined) throw new Error(`no subnet: ${subnetText}`);
const ranges = [{ ...podRange(subnet), text: subnetText, excluded: [] }];
const say = (line: string): number => writeSync(1, `${line}\n`);

const store = await openLeaseFiles({ dir, restMs: 0, ip: ipNumbers });
let made = 0;

async function pod(): Promise<void> {
  const sandboxId = `r${round}p${(made += 1)}`;
  const lease = await store.allocate(
    { sandboxId, ifName: 'eth0', pod: { namespace: 'default', name: sandboxId } },
    ranges,
  );
  say(`+ ${sandboxId} ${lease.addresses.map((each) => ipNumbers.text(each)).join(',')}`);
  if (made % 3 === 0) return;
  say(`? ${sandboxId}`);
  await store.release({ sandboxId, ifName: 'eth0' });
  say(`- ${sandboxId}`);
}

const oneAfterTheOther = async (): Promise<never> => {
  for (;;) await pod();
};
await Promise.all([1, 2, 3, 4].map(oneAfterTheOther));
