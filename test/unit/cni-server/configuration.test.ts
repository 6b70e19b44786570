import assert from 'node:assert/strict';
import test from 'node:test';
import {
  checkConfiguration,
  parseConfiguration,
  readMode,
  readShimKeys,
  readValidAttachments,
  readVersion,
} from '../../../domain/cni-server/configuration.ts';
import { readContivKeys } from '../../../domain/cni-server/contiv-configuration.ts';
import { CNI_COMMANDS, CNI_SERVER_VERSIONS, hasCommand } from '../../../domain/cni-server/versions.ts';
import type { JsonObject } from '../../../domain/cni/attachment.ts';
import { resultInVersion } from '../../../domain/cni/result-version.ts';
import { refusal } from './refusal.ts';

test('commands are there from the version on that has brought them', () => {
  const there = CNI_SERVER_VERSIONS.map((version) =>
    CNI_COMMANDS.filter((command) => hasCommand(version, command)).join(' '),
  );
  assert.deepEqual(there, [
    'ADD DEL VERSION',
    'ADD DEL CHECK VERSION',
    'ADD DEL CHECK VERSION',
    'ADD DEL CHECK GC STATUS VERSION',
  ]);
});

test('a version that podwire does not speak is code 1, with those that it does', () => {
  for (const cniVersion of [undefined, null, 1, '', '0.1.0', '0.2.0', '0.3.0', '1.1', '2.0.0']) {
    const config = cniVersion === undefined ? {} : { cniVersion };
    const { code, message } = refusal(() => readVersion(config, 'ADD'));
    assert.equal(code, 1);
    assert.match(message, /cniVersion .*allowed: 0\.3\.1, 0\.4\.0, 1\.0\.0, 1\.1\.0/);
  }
  assert.match(
    refusal(() => readVersion({ cniVersion: '0.3.1' }, 'CHECK')).message,
    /has no CHECK; it is there since 0\.4\.0/,
  );
  assert.equal(refusal(() => readVersion({ cniVersion: '1.0.0' }, 'STATUS')).code, 1);
});

test('what is no JSON object is code 6', () => {
  for (const text of [
    '',
    '[]',
    'null',
    '{',
    '{"a":1,"a":2}',
    '{"__proto__":{}}',
    '{"n":9007199254740993}',
    '['.repeat(50),
  ])
    assert.equal(refusal(() => parseConfiguration(text)).code, 6, text);
  assert.match(
    refusal(() => parseConfiguration(`{"a":"${'x'.repeat(1024 * 1024)}"}`)).message,
    /more than 1048576 bytes/,
  );
});

test('name, type and prevResult are checked, all at once', () => {
  const { code, message } = refusal(() => checkConfiguration({ name: 'a b', prevResult: [] }));
  assert.equal(code, 7);
  assert.match(message, /name is "a b"; allowed: .*type is missing; allowed: .*prevResult is \[\]; allowed: an object/);
  checkConfiguration({ name: 'cluster', type: 'podwire-cni', prevResult: {}, 'example.org/own': 1 });
});

test("podwire's own keys have defaults", () => {
  assert.deepEqual(readShimKeys({}), {
    server: { path: '/run/podwire/cni.sock' },
    logFile: '/var/log/podwire-cni.log',
    limitMs: 90_000,
  });
  assert.deepEqual(readShimKeys({ socket: '/run/x.sock', logFile: '', timeoutSeconds: 1.5 }), {
    server: { path: '/run/x.sock' },
    logFile: undefined,
    limitMs: 1_500,
  });
});

const WRONG_KEYS: readonly [JsonObject, RegExp][] = [
  [{ socket: 'cni.sock' }, /socket is "cni\.sock"; allowed: an absolute path/],
  [{ socket: `/${'a'.repeat(107)}` }, /107 characters at most/],
  [{ socket: 1 }, /socket is 1/],
  [{ logFile: '../x' }, /logFile is "\.\.\/x"/],
  [{ timeoutSeconds: 0 }, /timeoutSeconds is 0; allowed: a number from 1 to 110/],
  [{ timeoutSeconds: 111 }, /timeoutSeconds is 111/],
  [{ timeoutSeconds: '90' }, /timeoutSeconds is "90"/],
  [{ Socket: '/run/x.sock' }, /key "Socket": did you mean "socket"\?/],
  [{ timeoutseconds: 4, logfile: '/x' }, /did you mean "timeoutSeconds".*did you mean "logFile"/],
];
for (const [config, said] of WRONG_KEYS) {
  test(`${JSON.stringify(config).slice(0, 60)} is code 7`, () => {
    const { code, message } = refusal(() => readShimKeys(config));
    assert.equal(code, 7);
    assert.match(message, said);
  });
}

test('what GC is to leave alone must be said; an empty list of a runtime in Go is null', () => {
  const valid = (list: JsonObject[string]) => readValidAttachments({ 'cni.dev/valid-attachments': list });
  assert.deepEqual(valid([{ containerID: 'c1', ifname: 'eth0' }]), [{ containerId: 'c1', ifName: 'eth0' }]);
  assert.deepEqual(valid([]), []);
  assert.deepEqual(valid(null), []);
  assert.match(refusal(() => readValidAttachments({})).message, /valid-attachments is missing/);
  for (const list of [{}, 'x', [{ containerID: 'c1' }], [{ containerID: '', ifname: 'eth0' }], [1]])
    assert.equal(refusal(() => valid(list)).code, 7);
});

test("contiv's configuration is read, and its mistakes have contiv's words", () => {
  const shipped = { grpcServer: '/var/run/contiv/cni.sock', logFile: '/var/run/contiv/cni.log' };
  assert.deepEqual(readContivKeys(shipped, 'ADD'), {
    server: { path: '/var/run/contiv/cni.sock' },
    logFile: '/var/run/contiv/cni.log',
    limitMs: 90_000,
  });
  assert.deepEqual(readContivKeys({ grpcServer: '127.0.0.1:9111' }, 'DEL').server, { host: '127.0.0.1', port: 9111 });
  assert.deepEqual(readContivKeys({ grpcServer: '[::1]:9111' }, 'DEL').server, { host: '::1', port: 9111 });
  assert.match(
    refusal(() => readContivKeys({}, 'ADD')).message,
    /^"grpcServer" field is required\. It specifies where/,
  );
  for (const grpcServer of ['x', 'a:b', '1.2.3.4:70000', 4, '/a/../b'])
    assert.match(refusal(() => readContivKeys({ grpcServer }, 'ADD')).message, /grpcServer is .*allowed: host:port/);
});

test("contiv's plugin stands behind no other in an ADD; a DEL and a CHECK are given its own result", () => {
  const chained = { grpcServer: '/run/c.sock', prevResult: {} };
  assert.match(refusal(() => readContivKeys(chained, 'ADD')).message, /^CNI chaining is not supported by this plugin$/);
  for (const command of ['DEL', 'CHECK'] as const) assert.ok(readContivKeys(chained, command));
});

test('a result is written in the version that was asked in', () => {
  const newest = { cniVersion: '1.1.0', interfaces: [], ips: [{ address: '10.1.0.2/24' }, { address: 'fd00::2/64' }] };
  assert.equal(resultInVersion(newest, '1.1.0'), newest);
  const old = resultInVersion(newest, '0.4.0');
  assert.deepEqual(old['ips'], [
    { version: '4', address: '10.1.0.2/24' },
    { version: '6', address: 'fd00::2/64' },
  ]);
  assert.deepEqual(resultInVersion(old, '1.0.0'), { ...newest, cniVersion: '1.0.0' });
});

test('podwire stands behind another network unless it is told that it is the network, or is named as contiv’s plugin', () => {
  const podwire = { cniVersion: '1.1.0', name: 'net', type: 'podwire-cni' };
  const ways: [JsonObject, string][] = [
    [podwire, 'chained'],
    [{ ...podwire, mode: 'chained' }, 'chained'],
    [{ ...podwire, mode: 'primary' }, 'primary'],
    [{ ...podwire, type: 'contiv-cni' }, 'primary'],
    [{ ...podwire, type: 'contiv-cni', mode: 'chained' }, 'chained'],
  ];
  for (const [config, mode] of ways) assert.equal(readMode(config, 'ADD'), mode);
});

test('an ADD of the primary network comes before all other plugins; its other commands bring its own result back', () => {
  const config = { type: 'podwire-cni', mode: 'primary', prevResult: { ips: [] } };
  const { code, message } = refusal(() => readMode(config, 'ADD'));
  assert.deepEqual([code, /prevResult is .*none with mode "primary"/.test(message)], [7, true]);
  for (const command of ['DEL', 'CHECK'] as const) assert.equal(readMode(config, command), 'primary');
});
