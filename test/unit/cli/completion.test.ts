/** The scripts with which shells complete command lines. Bash runs its own here. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { run } from '../../../adapters/process/run.ts';
import { completedCommands } from '../../../cli/completion/command-tree.ts';
import { completionScript, SHELLS } from '../../../cli/completion/scripts.ts';
import { createProgram } from '../../../cli/program.ts';

const commands = completedCommands(createProgram('podwire'));

/** What bash offers for the last of these words. */
async function offered(...words: string[]): Promise<string[]> {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const script = [
    completionScript('bash', commands),
    `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}`,
    '_podwire; printf "%s\\n" "${COMPREPLY[@]}"',
  ].join('\n');
  const { code, stdout, stderr } = await run({
    ...{ file: '/bin/bash', args: ['--norc', '-u', '-c', script], env: { PATH: '/usr/bin:/bin' }, timeoutMs: 10_000 },
  });
  assert.equal(code, 0, stderr);
  return stdout.split('\n').filter((line) => line !== '');
}

describe('bash', () => {
  it('completes commands and those of groups', async () => {
    assert.deepEqual((await offered('podwire', 'net')).sort(), ['network', 'networks']);
    assert.deepEqual(await offered('podwire', 'reflect', 'd'), ['diff']);
    assert.deepEqual(await offered('kubectl-podwire', 'ver'), ['version']);
  });

  it('completes options, also behind arguments, and their values', async () => {
    assert.deepEqual(await offered('podwire', 'status', 'shop', '--st'), ['--state']);
    assert.deepEqual(await offered('podwire', 'status', '--state', 'St'), ['Stuck']);
    assert.deepEqual(await offered('podwire', 'nodes', '-o', ''), ['text', 'wide', 'json', 'yaml']);
    assert.deepEqual(await offered('podwire', 'completion', ''), [...SHELLS, '--help', '-h']);
  });

  it('leaves values that may be anything to its own completion of files', async () => {
    assert.deepEqual(await offered('podwire', 'explain', '--kubeconfig', ''), []);
  });
});

describe('the other shells', () => {
  it('zsh: has the same function, by its own emulation of bash', () => {
    const script = completionScript('zsh', commands);
    assert.ok(script.startsWith('#compdef podwire kubectl-podwire\nautoload -U +X bashcompinit && bashcompinit\n'));
    assert.ok(script.endsWith(completionScript('bash', commands)));
  });

  it('fish: offers each command once at its place, with what it is for, and values of options', () => {
    const lines = completionScript('fish', commands).split('\n');
    const nodes = lines.filter((line) => line.includes(' -a nodes '));
    assert.equal(nodes.length, 2, 'for both names of the program');
    assert.match(nodes[0] ?? '', /^complete -c podwire -n '__fish_use_subcommand' -f -a nodes -d 'Every node that/);
    assert.ok(
      lines.some((line) =>
        line.startsWith(
          "complete -c podwire -n '__fish_seen_subcommand_from status' -l state -x -a 'Converging Converged Stuck ",
        ),
      ),
    );
    assert.ok(lines.every((line) => line === '' || /^complete -c (podwire|kubectl-podwire) -n '[^']+' /.test(line)));
  });
});
