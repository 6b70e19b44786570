import assert from 'node:assert/strict';
import test from 'node:test';
import { readCommand, readContainer, type Environment } from '../../../domain/cni-server/environment.ts';
import { refusal } from './refusal.ts';

const ARGS = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u-1';
const ENV: Environment = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/var/run/netns/cni-5f',
  CNI_IFNAME: 'eth0',
  CNI_ARGS: ARGS,
  CNI_PATH: '/opt/cni/bin',
};
const POD = { namespace: 'shop', name: 'web-0', uid: 'u-1' };

test('what containerd says is read', () => {
  assert.deepEqual(readContainer(ENV, 'ADD'), {
    containerId: 'c1',
    netns: '/var/run/netns/cni-5f',
    ifName: 'eth0',
    pod: POD,
  });
  assert.equal(readContainer({ ...ENV, CNI_NETNS: '/proc/4711/ns/net' }, 'CHECK').netns, '/proc/4711/ns/net');
});

test('every command of the specification is known, and no other', () => {
  for (const command of ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'])
    assert.equal(readCommand({ CNI_COMMAND: command }), command);
  for (const command of [undefined, '', 'add', 'ADD ', 'UPDATE']) {
    const { code, message } = refusal(() => readCommand({ CNI_COMMAND: command }));
    assert.equal(code, 4);
    assert.match(message, /CNI_COMMAND .*allowed: ADD, DEL, CHECK, GC, STATUS, VERSION/);
  }
});

const WRONG: readonly [what: string, change: Environment, said: RegExp][] = [
  ['no container', { CNI_CONTAINERID: '' }, /CNI_CONTAINERID is missing; allowed: 1 to 128 letters/],
  ['a container with a slash', { CNI_CONTAINERID: '../x' }, /CNI_CONTAINERID is "\.\.\/x"/],
  ['a container of 129 letters', { CNI_CONTAINERID: 'a'.repeat(129) }, /CNI_CONTAINERID/],
  ['no interface', { CNI_IFNAME: undefined }, /CNI_IFNAME is missing/],
  [
    'an interface of 16 letters',
    { CNI_IFNAME: 'abcdefghijklmnop' },
    /CNI_IFNAME is "abcdefghijklmnop"; allowed: 1 to 15/,
  ],
  ['an interface with a colon', { CNI_IFNAME: 'eth0:1' }, /CNI_IFNAME/],
  ['an interface that is two dots', { CNI_IFNAME: '..' }, /CNI_IFNAME/],
  ['no netns', { CNI_NETNS: '' }, /CNI_NETNS is missing; allowed: an absolute path/],
  ['a relative netns', { CNI_NETNS: 'netns/a' }, /CNI_NETNS is "netns\/a"/],
  ['a netns that climbs', { CNI_NETNS: '/run/netns/../../etc/passwd' }, /CNI_NETNS/],
  [
    'no pod',
    { CNI_ARGS: 'IgnoreUnknown=1' },
    /K8S_POD_NAMESPACE of CNI_ARGS is missing.*K8S_POD_NAME of CNI_ARGS is missing/,
  ],
  [
    'a pod with capitals',
    { CNI_ARGS: ARGS.replace('web-0', 'Web') },
    /K8S_POD_NAME of CNI_ARGS is "Web"; allowed: a DNS subdomain/,
  ],
  ['a pair without a value', { CNI_ARGS: `${ARGS};X` }, /CNI_ARGS holds "X"; allowed: KEY=value pairs/],
  ['a pair with two "="', { CNI_ARGS: `${ARGS};X=a=b` }, /CNI_ARGS holds "X=a=b"/],
  ['a key twice', { CNI_ARGS: `${ARGS};K8S_POD_NAME=other` }, /CNI_ARGS holds "K8S_POD_NAME" twice; allowed: once/],
  [
    'an unknown key',
    { CNI_ARGS: `${ARGS.slice('IgnoreUnknown=1;'.length)};MAC=1` },
    /CNI_ARGS holds "MAC"; allowed without IgnoreUnknown=1/,
  ],
  ['a strange UID', { CNI_ARGS: ARGS.replace('u-1', 'u/1') }, /K8S_POD_UID of CNI_ARGS is "u\/1"/],
  ['arguments without an end', { CNI_ARGS: 'A=1;'.repeat(5_000) }, /CNI_ARGS has more than 16384 characters/],
];
for (const [what, change, said] of WRONG) {
  test(`an ADD with ${what} is refused with code 4, by name`, () => {
    const { code, message } = refusal(() => readContainer({ ...ENV, ...change }, 'ADD'));
    assert.equal(code, 4);
    assert.match(message, said);
  });
}

test('all mistakes are told at once', () => {
  const { message } = refusal(() => readContainer({ CNI_COMMAND: 'ADD' }, 'ADD'));
  for (const name of ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_NETNS', 'K8S_POD_NAME'])
    assert.match(message, new RegExp(name));
});

test('a DEL gets on without a netns, and without arguments that can be read', () => {
  for (const args of [undefined, '', 'X', 'K8S_POD_NAME=Web', ARGS.replace('K8S_POD_NAME=web-0', 'K8S_POD_NAME=Web')]) {
    const { netns, pod } = readContainer({ ...ENV, CNI_NETNS: undefined, CNI_ARGS: args }, 'DEL');
    assert.equal(netns, undefined);
    assert.deepEqual(pod, { namespace: '', name: '', uid: undefined });
  }
  assert.deepEqual(readContainer({ ...ENV, CNI_ARGS: `${ARGS};X` }, 'DEL').pod, POD);
});

test('a DEL still needs a container and an interface, and no path that climbs', () => {
  for (const change of [{ CNI_CONTAINERID: '' }, { CNI_IFNAME: 'a/b' }, { CNI_NETNS: '/run/../etc' }])
    assert.equal(refusal(() => readContainer({ ...ENV, ...change }, 'DEL')).code, 4);
});

test("a pod's UID may be absent", () => {
  const without = ARGS.replace(';K8S_POD_UID=u-1', '');
  assert.equal(readContainer({ ...ENV, CNI_ARGS: without }, 'ADD').pod.uid, undefined);
});
