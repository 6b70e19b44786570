/** A copy of the sources of podwire's images that a bench may change: the checkout stays as it is. */
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { INPUTS, ROOT } from '../../deploy/lab/image-inputs.ts';

export interface ChangedSources {
  readonly root: string;
  /** Changes a module that all parts of podwire load, differently for each number. */
  change(number: number): void;
  remove(): void;
}

export function changedSources(): ChangedSources {
  const root = mkdtempSync(join(tmpdir(), 'podwire-bench-sources-'));
  for (const input of INPUTS) cpSync(join(ROOT, input), join(root, input), { recursive: true });
  return {
    root,
    change: (number) => {
      const text = `\nexport const benchOf${number} = '${root} ${number}';\n`;
      appendFileSync(join(root, 'domain/messages.ts'), text);
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
