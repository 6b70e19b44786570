/** Both sides of the reflection, read only, for the length of one command. */
import type { etcdSettings } from '../../config/etcd.ts';
import { etcdOf } from '../../config/etcd.ts';
import { reflectOf, type reflectSettings } from '../../config/reflect/reflect.ts';
import type { Values } from '../../config/cli-flags.ts';
import type { ReflectStore } from '../../domain/ports/reflect-store.ts';
import type { ReflectSettings } from '../../domain/reflect/settings.ts';
import type { DifferencesDeps } from '../../domain/reflect/differences.ts';
import { openApi, type ApiSettings } from '../kube-api.ts';

type Settings = Values<typeof etcdSettings & typeof reflectSettings>;

/** A page of a large cluster's values may take longer than the processes allow a call. */
const CALL_LIMIT_MS = 10_000;

export async function withReflectStore<T>(
  settings: Settings,
  work: (store: ReflectStore, settings: ReflectSettings) => Promise<T>,
): Promise<T> {
  const { openReflectStore } = await import('../../adapters/reflect/reflect-store.ts');
  const config = reflectOf(settings, etcdOf(settings));
  const store = openReflectStore({ ...config.etcd, timeoutMs: CALL_LIMIT_MS });
  try {
    return await work(store, config.settings);
  } finally {
    store.close();
  }
}

export async function withBothSides<T>(
  settings: Settings & ApiSettings,
  work: (sides: DifferencesDeps) => Promise<T>,
): Promise<T> {
  const { createReflectCluster } = await import('../../adapters/reflect/reflect-cluster.ts');
  const { createReflectCodec } = await import('../../adapters/reflect/codec.ts');
  const kube = await openApi(settings);
  try {
    return await withReflectStore(settings, (store, reflect) =>
      work({
        ...{ store, settings: reflect, cluster: createReflectCluster(kube) },
        codec: createReflectCodec(reflect.encoding),
      }),
    );
  } finally {
    kube.close();
  }
}
