/** The commands of a page are taken as a reader's shell would take them; what a test could not run in the same way is refused. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { installPage } from '../../docs/install-page.ts';
import { readPage, type Page, type PageRules } from '../../docs/page-commands.ts';
import { wordsOf } from '../../docs/page-words.ts';

const RULES: PageRules = { reasons: ['needs a registry of images'], programs: ['kubectl', 'etcdctl'] };
const FENCE = '```';

const page = (...blocks: string[]): Page => readPage(blocks.join('\n\n'), RULES);
const block = (marker: string, text: string, language = 'sh'): string =>
  `${marker}\n\n${FENCE}${language}\n${text}\n${FENCE}`;
const argvOf = (read: Page, group: string): string[] =>
  (read.groups.get(group) ?? []).map((step) =>
    step.kind === 'command' ? JSON.stringify([step.program, ...step.args]) : step.kind,
  );

describe('a line of a page', () => {
  const lines: readonly (readonly [string, readonly string[]])[] = [
    ['kubectl get pods', ['kubectl', 'get', 'pods']],
    ['  kubectl\tget  pods   # all of them', ['kubectl', 'get', 'pods']],
    [`kubectl patch -p '{"spec":{"a":"b c"}}'`, ['kubectl', 'patch', '-p', '{"spec":{"a":"b c"}}']],
    [`get -o 'jsonpath={.a\\.b}'`, ['get', '-o', 'jsonpath={.a\\.b}']],
    ['say "it is \\"quoted\\" #1"', ['say', 'it is "quoted" #1']],
    [`say a'b'"c"d`, ['say', 'abcd']],
    ['say a\\ b', ['say', 'a b']],
    [`say ''`, ['say', '']],
    ['say a#b', ['say', 'a#b']],
    ['', []],
    ['# only a remark', []],
  ];
  for (const [line, words] of lines)
    it(`gives the words of a shell: ${JSON.stringify(line)}`, () => assert.deepEqual(wordsOf(line), words));

  const refused: readonly (readonly [string, RegExp])[] = [
    ['kubectl get pods | grep a', /has \| outside of quotes/],
    ['kubectl get pods > file', /has > outside of quotes/],
    ['a; b', /has ; outside/],
    ['a && b', /has & outside/],
    ['a $HOME', /has \$ outside/],
    ['a "$HOME"', /has \$ in double quotes/],
    ['a "`id`"', /has ` in double quotes/],
    ['a *.yaml', /has \* outside/],
    ['a ~/file', /has ~ outside/],
    ['cat <<EOF', /has < outside/],
    [`a 'b`, /single quote is not closed/],
    ['a "b', /double quote is not closed/],
    ['a \\', /ends with a backslash/],
  ];
  for (const [line, why] of refused)
    it(`is refused where a shell would act upon it: ${JSON.stringify(line)}`, () => {
      assert.throws(() => wordsOf(line), why);
    });
});

describe('a page', () => {
  it('gives each group its commands in their order, across blocks', () => {
    const read = page(
      block('<!-- run: one -->', 'kubectl get a\nkubectl get b'),
      block('<!-- run: two -->', 'etcdctl get c'),
      block('<!-- run: one -->', 'kubectl get d'),
    );
    assert.deepEqual(argvOf(read, 'one'), ['["kubectl","get","a"]', '["kubectl","get","b"]', '["kubectl","get","d"]']);
    assert.deepEqual(argvOf(read, 'two'), ['["etcdctl","get","c"]']);
  });

  it('joins lines that end with a backslash, and counts lines as an editor does', () => {
    const read = page(block('<!-- run: one -->', 'kubectl get \\\n  pods\nkubectl get nodes'));
    assert.deepEqual(
      read.groups.get('one')?.map((step) => [step.line, step.kind === 'command' ? step.args : []]),
      [
        [4, ['get', 'pods']],
        [6, ['get', 'nodes']],
      ],
    );
  });

  it('keeps variables before a command for that command, and exported ones as a step of their own', () => {
    const read = page(block('<!-- run: one -->', 'export A=1 B=two\nC=3 kubectl get pods'));
    const [first, second] = read.groups.get('one') ?? [];
    assert.deepEqual(first, { kind: 'export', line: 4, env: { A: '1', B: 'two' } });
    assert.deepEqual(second?.kind === 'command' ? second.env : undefined, { C: '3' });
  });

  it('takes a block for a file, without the indentation of its list', () => {
    const text = `- a point\n\n  <!-- file: one a/b.yaml -->\n\n  ${FENCE}yaml\n  a:\n    - b\n  ${FENCE}`;
    assert.deepEqual(readPage(text, RULES).groups.get('one'), [
      { kind: 'file', line: 6, path: 'a/b.yaml', text: 'a:\n  - b\n' },
    ]);
  });

  it('needs no comment above blocks that are no commands, nor for words between blocks', () => {
    const read = page(block('Like this:', 'a: b', 'yaml'), block('Text:', 'anything | at all', ''));
    assert.equal(read.groups.size, 0);
  });

  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['a block of commands without a comment', block('Then:', 'kubectl get a'), /line 4 has commands and no comment/],
    [
      'a reason that is not allowed',
      block('<!-- not run: too slow -->', 'kubectl get a'),
      /not run because: too slow; allowed: needs a registry of images/,
    ],
    ['a comment that is misspelt', block('<!-- runs: one -->', 'kubectl get a'), /no comment above it/],
    ['a group without a name', block('<!-- run: -->', 'kubectl get a'), /no comment above it/],
    ['a file outside of the folder', block('<!-- file: one ../a -->', 'x', 'yaml'), /\.\.\/a is no path/],
    ['an absolute file', block('<!-- file: one /etc/a -->', 'x', 'yaml'), /\/etc\/a is no path/],
    ['a program that nobody knows', block('<!-- run: one -->', 'rm -rf x'), /line 4: rm is none of kubectl, etcdctl/],
    ['a variable that is set for nothing', block('<!-- run: one -->', 'A=1'), /allowed: export NAME=VALUE/],
    ['a line that needs a shell', block('<!-- run: one -->', 'kubectl get a | head'), /line 4: has \| outside/],
    [
      'two commands for the background',
      block('<!-- run in background: one -->', 'kubectl get a\nkubectl get b'),
      /2 commands for the background/,
    ],
    ['a fence that is not closed', `${FENCE}sh\nkubectl get a`, /line 1: a fence is not closed/],
  ];
  for (const [what, text, why] of wrong) it(`is refused with ${what}`, () => void assert.throws(() => page(text), why));

  it('tells every mistake at once', () => {
    assert.throws(
      () => page(block('Then:', 'kubectl get a'), block('<!-- run: one -->', 'rm x')),
      (error: Error) => error.message.split('\n').length === 2,
    );
  });
});

describe('docs/install.md', () => {
  it('has commands that can be run as they stand, or says for an allowed reason why not', () => {
    const { groups, notRun } = installPage();
    assert.ok(groups.size >= 5);
    assert.ok(notRun.length <= 2);
  });
});
