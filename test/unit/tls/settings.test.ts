/** Contradictions between settings of TLS, on real certificates. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { RotatingCredentials } from '../../../adapters/tls/rotation.ts';
import { ConfigError } from '../../../config/cli-flags.ts';
import { readWatcherConfig } from '../../../config/watcher.ts';
import { Authority, MountedSecret, type Pair } from '../../tls/authority.ts';

let dir: string;
let ca: string;
let pair: Pair;
let other: Pair;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'podwire-test-tls-'));
  const authority = await Authority.create(dir, 'ca');
  [ca, pair, other] = [authority.certFile, await authority.issue('a'), await authority.issue('b', { days: 2 })];
});
after(() => rmSync(dir, { recursive: true }));

const refused = (env: Record<string, string>): string => {
  try {
    readWatcherConfig([], env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return 'accepted';
};

test('what asks for TLS to etcd and would go out in plain text is refused, with what to do', () => {
  const https = { PODWIRE_ETCD_ENDPOINTS: 'https://a:1,https://b:2' };
  assert.match(refused(https), /name its file with PODWIRE_ETCD_CA, or say PODWIRE_ETCD_TLS=true/);
  assert.match(refused({ PODWIRE_ETCD_ENDPOINTS: 'https://a:1,http://b:2' }), /must not mix/);
  assert.match(refused({ ...https, PODWIRE_ETCD_TLS: 'false' }), /says https:\/\/ and PODWIRE_ETCD_TLS says false/);
  assert.match(refused({ PODWIRE_ETCD_ENDPOINTS: 'http://a:1', PODWIRE_ETCD_CA: ca }), /write https:\/\//);
  assert.match(
    refused({ PODWIRE_ETCD_CA: ca, PODWIRE_ETCD_CERT: pair.cert }),
    /PODWIRE_ETCD_CERT needs PODWIRE_ETCD_KEY/,
  );
  assert.match(refused({ PODWIRE_ETCD_CERT: pair.cert, PODWIRE_ETCD_KEY: pair.key }), /TLS needs the authority/);
  assert.match(refused({ PODWIRE_ETCD_USER: 'u', PODWIRE_ETCD_PASSWORD: 'p' }), /in plain text/);
  assert.match(refused({ PODWIRE_ETCD_USER: 'u' }), /needs PODWIRE_ETCD_PASSWORD or/);
  assert.equal(refused({ PODWIRE_ETCD_USER: 'u', PODWIRE_ETCD_PASSWORD: 'p', PODWIRE_ETCD_TLS: 'false' }), 'accepted');
  assert.equal(refused({ ...https, PODWIRE_ETCD_TLS: 'true' }), 'accepted');
  const all = { PODWIRE_ETCD_CA: ca, PODWIRE_ETCD_CERT: pair.cert, PODWIRE_ETCD_KEY: pair.key };
  const config = readWatcherConfig([], { ...https, ...all });
  assert.deepEqual(config.etcd.endpoints, ['a:1', 'b:2']);
  assert.equal(config.etcd.tls?.caFile, ca);
});

test('files that cannot be used are named with what is wrong', () => {
  writeFileSync(join(dir, 'text'), 'hello\n');
  const tls = { PODWIRE_ETCD_CA: ca, PODWIRE_ETCD_CERT: pair.cert };
  assert.match(
    refused({ PODWIRE_ETCD_CA: join(dir, 'text') }),
    /PODWIRE_ETCD_CA: ".*text" holds no certificate in PEM/,
  );
  assert.match(refused({ PODWIRE_ETCD_CA: '/nowhere' }), /PODWIRE_ETCD_CA: "\/nowhere" cannot be read: ENOENT/);
  assert.match(refused({ ...tls, PODWIRE_ETCD_KEY: other.key }), /is not the key of the certificate in/);
  assert.match(refused({ ...tls, PODWIRE_ETCD_KEY: ca }), /holds no private key/);
});

test('the same holds for Temporal', () => {
  assert.match(
    refused({ TEMPORAL_ADDRESS: 'https://t:7233' }),
    /TEMPORAL_TLS_SERVER_CA_CERT_PATH, or say TEMPORAL_TLS=true/,
  );
  assert.match(refused({ TEMPORAL_TLS: 'false', TEMPORAL_TLS_SERVER_CA_CERT_PATH: ca }), /TEMPORAL_TLS is false/);
  assert.match(refused({ TEMPORAL_ADDRESS: 'http://t:7233', TEMPORAL_API_KEY: 'k' }), /says http:\/\//);
  assert.match(refused({ TEMPORAL_TLS_CLIENT_KEY_PATH: pair.key }), /needs TEMPORAL_TLS_CLIENT_CERT_PATH/);
  assert.equal(refused({ TEMPORAL_API_KEY: 'k', TEMPORAL_TLS: 'false' }), 'accepted');
  assert.equal(
    readWatcherConfig([], { TEMPORAL_ADDRESS: 'https://t:1', TEMPORAL_TLS: 'true' }).temporal.address,
    't:1',
  );
});

test('a pair that does not fit is told once and not used; the next that fits is', () => {
  const secret = new MountedSecret(join(dir, 'mounted'));
  secret.write({ ca, pair });
  const lines: string[] = [];
  const log = {
    info: (_: object, message: string) => void lines.push(message),
    warn: (facts: object, message: string) => void lines.push(`${message} ${JSON.stringify(facts)}`),
  };
  const rotating = new RotatingCredentials(log, 1_000_000);
  const source = rotating.source(secret);
  const before = source.current;
  secret.write({ ca, pair: { cert: pair.cert, key: other.key } });
  for (let look = 0; look < 4; look += 1) rotating.look();
  assert.equal(source.current, before);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /cannot be used.*is not the key/);
  secret.write({ ca, pair: other });
  rotating.look();
  assert.notEqual(source.current, before);
  assert.equal(lines[1], 'new credentials are used from now on');
  assert.equal(lines.length, 2, 'two days of two are no end yet');
  assert.ok((rotating.validities().get(secret.certFile)?.to.getTime() ?? 0) < Date.now() + 3 * 86_400_000);
  rotating.stop();
});
