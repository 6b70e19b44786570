import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../../config/cli-flags.ts';
import { readWatcherConfig } from '../../../config/watcher.ts';
import { DEFAULT_DIALECT_SETTINGS } from '../../../domain/settings.ts';

test('without anything set the defaults hold', () => {
  const config = readWatcherConfig([], {});
  assert.deepEqual(config.dialect, DEFAULT_DIALECT_SETTINGS);
  assert.equal(config.relistMs, 600_000);
  assert.equal(config.stallMs, 60_000);
  assert.equal(config.temporal.tls, undefined);
});

test('a flag wins over the environment, and an empty variable is none', () => {
  const env = { PODWIRE_CONFIGMAP: 'net/from-env', PODWIRE_SELECTOR: '', TEMPORAL_ADDRESS: 'temporal:7233' };
  const config = readWatcherConfig(['--configmap=net/from-flag', '--stall-seconds', '2.5'], env);
  assert.equal(config.dialect.configMapName, 'from-flag');
  assert.equal(config.dialect.configMapNamespace, 'net');
  assert.equal(config.dialect.selector, DEFAULT_DIALECT_SETTINGS.selector);
  assert.equal(config.temporal.address, 'temporal:7233');
  assert.equal(config.stallMs, 2_500);
});

test('an API key turns TLS on and cannot be given as a flag', () => {
  assert.deepEqual(Object.keys(readWatcherConfig([], { TEMPORAL_API_KEY: 'k' }).temporal).sort(), [
    'address',
    'apiKey',
    'apiKeyFile',
    'namespace',
    'tls',
  ]);
  assert.throws(() => readWatcherConfig(['--temporal-api-key', 'k'], {}), ConfigError);
});

test('all mistakes are named at once', () => {
  const argv = ['--wrong', '--bind-address', 'nowhere', '--log-level', 'loud', '--relist-seconds'];
  assert.throws(
    () => readWatcherConfig(argv, { PODWIRE_INLINE_SCOPE: 'world', PODWIRE_ETCD_ENDPOINTS: 'a:1,b' }),
    (error) => {
      assert.ok(error instanceof ConfigError);
      const text = error.message;
      for (const word of ['--wrong', 'nowhere', 'loud', '--relist-seconds needs', 'world', 'PODWIRE_ETCD_ENDPOINTS']) {
        assert.ok(text.includes(word), `${word} in ${text}`);
      }
      return true;
    },
  );
});
