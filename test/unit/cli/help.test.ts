/** What every command says of itself. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Command } from 'commander';
import { EXAMPLES } from '../../../cli/examples.ts';
import { EXIT_CODES, exitCodesText } from '../../../cli/exit-codes.ts';
import { createProgram, pathOf } from '../../../cli/program.ts';

const leaves = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);

/** As `--help` prints it. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part) });
  command.outputHelp();
  return text;
}

const optionOf = (command: Command, name: string) => command.options.find(({ long }) => long === name);

describe('the help of each command', () => {
  const all = leaves(createProgram('podwire'));

  it('has examples, and every example is of a command that there is', () => {
    assert.deepEqual(Object.keys(EXAMPLES).sort(), all.map(pathOf).sort());
    for (const command of all) {
      const path = pathOf(command);
      assert.ok(
        EXAMPLES[path]?.every((line) => line.includes(path)),
        path,
      );
      assert.match(helpOf(command), /\n\nExamples:\n {2}\S/, path);
    }
  });

  it('names only options that the command has in its examples', () => {
    // ksr reads its own arguments.
    for (const command of all.filter((each) => each.name() !== 'ksr')) {
      const known = command.options.flatMap(({ long, short }) => [long, short]);
      for (const line of EXAMPLES[pathOf(command)] ?? [])
        for (const [, option = ''] of line.matchAll(/ (--?[a-z][a-z-]*)/g))
          assert.ok(known.includes(option), `${line}: ${option}`);
    }
  });

  it('offers answers for programs in the same two forms wherever it offers any', () => {
    const answering = all.filter((command) => optionOf(command, '--output') !== undefined);
    assert.deepEqual(
      answering.map(pathOf).sort(),
      [
        ...['doctor', 'explain', 'inspect nets', 'inspect pods', 'ipam show', 'ipam status', 'list pods', 'logs'],
        ...['networks', 'nodes', 'reflect diff', 'reflect resync', 'reflect status', 'retry', 'status', 'sweep'],
        ...['teardown', 'version'],
      ].map((name) => `podwire ${name}`),
    );
    for (const command of answering) {
      const choices = optionOf(command, '--output')?.argChoices ?? [];
      assert.deepEqual(
        choices.filter((choice) => choice !== 'wide'),
        ['text', 'json', 'yaml'],
        pathOf(command),
      );
    }
  });
});

describe('the help of the program', () => {
  it('has the table of exit codes, which is that of the manual', () => {
    assert.ok(helpOf(createProgram('podwire')).endsWith(`\n${exitCodesText()}\n`));
    const page = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
    const [, section = ''] = page.split('## Exit codes of `podwire`\n');
    const rows = [...(section.split('\n## ')[0]?.matchAll(/^\| (\d) +\| (.*?) +\|$/gm) ?? [])];
    assert.deepEqual(
      rows.map(([, code, meaning]) => [Number(code), meaning]),
      EXIT_CODES,
    );
  });

  it('is that of kubectl podwire where kubectl runs it', () => {
    const program = createProgram('kubectl-podwire');
    assert.match(helpOf(program), /^Usage: kubectl podwire \[options\] \[command\]\n/);
    const diff = leaves(program).find((command) => pathOf(command) === 'podwire reflect diff');
    assert.ok(diff !== undefined);
    assert.match(helpOf(diff), /^Usage: kubectl podwire reflect diff /);
    assert.match(helpOf(diff), /\n {2}kubectl podwire reflect diff pod service\n/);
    assert.match(helpOf(createProgram('podwire')), /^Usage: podwire /);
  });
});
