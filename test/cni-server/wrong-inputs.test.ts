/** Whatever a runtime, a person or chance hands the executable: an error object, exit code 1, and nobody is asked. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ask, configuration, errorOf, serve, type RuntimeCall } from './served.ts';

const good = JSON.stringify(configuration('/nowhere'));
const WRONG: readonly [what: string, call: RuntimeCall, code: number, said: RegExp][] = [
  ['no command', { env: { CNI_COMMAND: '' } }, 4, /CNI_COMMAND is missing; allowed: ADD, DEL/],
  ['an unknown command', { command: 'UPDATE' }, 4, /CNI_COMMAND is "UPDATE"/],
  ['no container', { env: { CNI_CONTAINERID: '' } }, 4, /CNI_CONTAINERID is missing/],
  ['a netns that climbs', { env: { CNI_NETNS: '/run/../etc' } }, 4, /CNI_NETNS is/],
  ['an interface with a slash', { env: { CNI_IFNAME: 'a/b' } }, 4, /CNI_IFNAME is/],
  ['unreadable arguments', { env: { CNI_ARGS: 'A' } }, 4, /CNI_ARGS holds "A"/],
  ['an empty configuration', { input: '' }, 6, /is no JSON: found the text ends/],
  ['a list', { input: '[]' }, 6, /is no JSON object/],
  ['half a configuration', { input: good.slice(0, 20) }, 6, /is no JSON/],
  ['a key twice', { input: good.replace('{', '{"name":"other",') }, 6, /has the key "name" twice/],
  ['__proto__', { input: good.replace('{', '{"__proto__":{},') }, 6, /"__proto__"/],
  ['what is no UTF-8', { input: Buffer.from([0x7b, 0xff, 0x7d]) }, 6, /is no UTF-8/],
  ['two megabytes', { input: Buffer.alloc(2 * 1024 * 1024, 0x20) }, 6, /more than 1048576 bytes/],
  ['no version', { config: { cniVersion: undefined } }, 1, /cniVersion is missing/],
  ['a version to come', { config: { cniVersion: '2.0.0' } }, 1, /cniVersion is "2\.0\.0"; allowed: 0\.3\.1/],
  ['CHECK in 0.3.1', { command: 'CHECK', config: { cniVersion: '0.3.1' } }, 1, /has no CHECK/],
  ['GC in 1.0.0', { command: 'GC', config: { cniVersion: '1.0.0' } }, 1, /has no GC/],
  ['GC without what is valid', { command: 'GC' }, 7, /valid-attachments is missing/],
  ['no name', { config: { name: undefined } }, 7, /name is missing/],
  ['a misspelt key', { config: { TimeoutSeconds: 4 } }, 7, /did you mean "timeoutSeconds"/],
  ['a limit of a day', { config: { timeoutSeconds: 86_400 } }, 7, /timeoutSeconds is 86400; allowed/],
  ['a relative socket', { config: { socket: 'cni.sock' } }, 7, /socket is "cni\.sock"/],
];

test('wrong inputs', { concurrency: 4 }, async (t) => {
  const { socket, seen, answers } = await serve(t);
  for (const [what, call, code, said] of WRONG) {
    await t.test(`${what} is code ${code}, and says what is allowed`, async () => {
      const answered = await ask(socket, call);
      assert.deepEqual([answered.code, answered.stderr], [1, '']);
      const object = errorOf(answered);
      assert.equal(object.code, code, object.msg);
      assert.match(object.msg, said);
    });
  }
  assert.deepEqual([seen, answers], [[], []]);
});
