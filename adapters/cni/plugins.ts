/** A CNI runtime (CNI SPEC 1.1, section 3) without a memory: what was begun and what came of it is remembered by the callers. */
import { parseNetworkConfig, type NetworkConfig, type NetworkPlugin } from '../../domain/cni/network-config.ts';
import { pluginStdin } from '../../domain/cni/plugin-stdin.ts';
import type { JsonObject } from '../../domain/cni/attachment.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { CniCall, CniCheck, CniPlugins, CniResult } from '../../domain/ports/cni-plugins.ts';
import type { Logger } from '../log/logger.ts';
import type { ProcessRegistry } from '../process/registry.ts';
import type { Run } from '../process/child.ts';
import { callEnvironment } from './call-environment.ts';
import { checkedNothing, foundNothingLeft, notDelegated } from './known-quirks.ts';
import { invokePlugin, type InvocationLimits } from './invoke-plugin.ts';
import { cniFacts } from './facts.ts';
import { findPlugin, type PluginBinary } from './plugin-binary.ts';
import { Readiness } from './readiness.ts';
import { CniPluginError, INCOMPATIBLE_VERSION, UNKNOWN_CONTAINER, type CniCommand } from './plugin-error.ts';
import { parseResult, printedInVersion } from './result.ts';
import { SupportedVersions } from './supported-versions.ts';

export interface CniPluginsOptions {
  /** Absolute paths of the directories that hold plugins, in the order in which they are searched. */
  readonly binDirs: readonly string[];
  /** For one plugin's execution; 50 s when left out. */
  readonly timeoutMs?: number;
  /** Where running plugins are noted, so that the next worker ends those of a killed one. */
  readonly registry?: ProcessRegistry;
  /** What starts the plugins; `run` when absent. */
  readonly run?: Run;
  readonly log: Logger;
}

/** Below the minute that an activity has: its end is reported, not guessed. */
const DEFAULT_TIMEOUT_MS = 50_000;
/** One that does not even say whether it is ready may still serve. */
const STATUS_TIMEOUT_MS = 5_000;

/** Errors: see CniPlugins; and RecordInvalid for a sandbox id or interface name that could be something else. */
export function createCniPlugins(options: CniPluginsOptions): CniPlugins {
  const runtime = new Runtime(options);
  const readiness = new Readiness();
  return {
    ready: async ({ configText, networkName }) => {
      const config = readConfig(configText, networkName);
      if (!atLeast(config, '1.1.0')) return;
      await readiness.of(configText, () => runtime.status(config, AbortSignal.timeout(STATUS_TIMEOUT_MS)));
    },
    add: (call, signal) => runtime.add(call, signal),
    del: (call, resultText, signal) => runtime.del(call, resultText, signal),
    check: (call, resultText, signal) => runtime.check(call, resultText, signal),
    facts: cniFacts,
    gc: async (configText, networkName, valid, signal) => {
      const config = readConfig(configText, networkName);
      if (!atLeast(config, '1.1.0') || config.disableGC) return false;
      const attachments = valid.map(({ sandboxId, interfaceName }) => ({
        containerID: sandboxId,
        ifname: interfaceName,
      }));
      await runtime.tryEach(config.plugins, (plugin) => {
        const stdin = {
          ...pluginStdin({ config, plugin, capabilityArgs: {} }),
          'cni.dev/valid-attachments': attachments,
        };
        return runtime.execute('GC', plugin, stdin, {}, signal);
      });
      return true;
    },
  };
}

class Runtime {
  readonly #dirs: readonly string[];
  readonly #limits: InvocationLimits;
  readonly #log: Logger;
  readonly #versions = new SupportedVersions();

  constructor({ binDirs, timeoutMs = DEFAULT_TIMEOUT_MS, registry, run, log }: CniPluginsOptions) {
    this.#dirs = binDirs;
    this.#limits = {
      timeoutMs,
      ...(registry === undefined ? {} : { registry }),
      ...(run === undefined ? {} : { run }),
    };
    this.#log = log;
  }

  async add(call: CniCall, signal: AbortSignal): Promise<CniResult> {
    const config = readConfig(call.configText, call.networkName);
    const env = callEnvironment(call, this.#dirs);
    // Before the first one runs: a chain that cannot be completed need not be begun.
    await Promise.all(config.plugins.map(({ type }) => findPlugin(type, this.#dirs)));
    let result: CniResult | undefined;
    for (const plugin of config.plugins) {
      const prevResult = result === undefined ? undefined : printedInVersion(result, config.cniVersion);
      const printed = await this.execute('ADD', plugin, stdinOf(call, config, plugin, prevResult), env, signal);
      result = parseResult(plugin.type, printed);
    }
    // A configuration has at least one plugin.
    return result as CniResult;
  }

  async del(call: CniCall, resultText: string | undefined, signal: AbortSignal): Promise<void> {
    const config = readConfig(call.configText, call.networkName);
    const env = callEnvironment(call, this.#dirs);
    const prevResult = atLeast(config, '0.4.0') ? this.#readable(call, config, resultText) : undefined;
    await this.tryEach([...config.plugins].reverse(), async (plugin) => {
      const stdin = stdinOf(call, config, plugin, prevResult);
      try {
        await this.execute('DEL', plugin, stdin, env, signal);
        const ipam = notDelegated(plugin, call);
        if (ipam !== undefined) await this.execute('DEL', ipam, stdin, env, signal);
      } catch (error) {
        if (!(error instanceof CniPluginError)) throw error;
        // "The runtime does not need to perform any container network cleanup" (SPEC section 5).
        const nothingToDo = error.pluginCode === UNKNOWN_CONTAINER || foundNothingLeft(plugin, call, error);
        if (!nothingToDo) throw error;
      }
    });
  }

  async check(call: CniCall, resultText: string, signal: AbortSignal): Promise<CniCheck> {
    const config = readConfig(call.configText, call.networkName);
    if (config.disableCheck || !atLeast(config, '0.4.0')) return { kind: 'unsupported' };
    const env = callEnvironment(call, this.#dirs);
    const prevResult = printedInVersion(parseResult('recorded earlier', resultText), config.cniVersion);
    let unchecked = false;
    for (const plugin of config.plugins) {
      try {
        await this.execute('CHECK', plugin, stdinOf(call, config, plugin, prevResult), env, signal);
      } catch (error) {
        if (!(error instanceof CniPluginError) || error.code !== 'CniFailed') throw error;
        if (!checkedNothing(plugin, config.plugins, call.interfaceName, error))
          return { kind: 'failed', message: error.message };
        unchecked = true;
      }
    }
    return { kind: unchecked ? 'unsupported' : 'ok' };
  }

  async status(config: NetworkConfig, signal: AbortSignal): Promise<void> {
    for (const plugin of config.plugins) {
      await this.execute('STATUS', plugin, pluginStdin({ config, plugin, capabilityArgs: {} }), {}, signal);
    }
  }

  /** One plugin, found anew every time: it may have been replaced, or come back. */
  async execute(
    command: CniCommand,
    plugin: NetworkPlugin,
    stdin: JsonObject,
    env: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<string> {
    const binary = await findPlugin(plugin.type, this.#dirs);
    const startedAt = performance.now();
    try {
      const invocation = {
        command,
        env: { CNI_PATH: this.#dirs.join(':'), ...env },
        stdin: JSON.stringify(stdin),
        signal,
      };
      return await invokePlugin(binary, invocation, this.#limits);
    } catch (error) {
      throw await this.#withVersions(error, binary, signal);
    } finally {
      const ms = Math.round(performance.now() - startedAt);
      const { CNI_CONTAINERID: sandboxId, CNI_IFNAME: ifName } = env;
      this.#log.debug(
        { command, plugin: binary.path, network: stdin['name'], sandboxId, ifName, ms },
        'CNI plugin ended',
      );
    }
  }

  /** Goes on after a failure; the last one may be the only one that has to free something. */
  async tryEach(plugins: readonly NetworkPlugin[], work: (plugin: NetworkPlugin) => Promise<unknown>): Promise<void> {
    const failures: PodwireError[] = [];
    for (const plugin of plugins) {
      try {
        await work(plugin);
      } catch (error) {
        if (!(error instanceof PodwireError)) throw error;
        failures.push(error);
      }
    }
    // One that may end well when it is tried again decides: the others are tried again with it.
    const first = failures.find(({ retryClass }) => retryClass !== 'terminal') ?? failures[0];
    if (first === undefined) return;
    throw failures.length === 1
      ? first
      : new PodwireError(first.code, failures.map(({ message }) => message).join('; and '), { cause: first });
  }

  async #withVersions(error: unknown, binary: PluginBinary, signal: AbortSignal): Promise<unknown> {
    if (!(error instanceof CniPluginError) || error.pluginCode !== INCOMPATIBLE_VERSION) return error;
    const versions = await this.#versions.of(binary, signal);
    if (versions.length === 0) return error;
    const hint = `; ${binary.path} supports cniVersion ${versions.join(', ')}`;
    return new CniPluginError(error.code, error.message + hint, error.pluginCode);
  }

  /** DEL does its best without a result too (SPEC section 2), so one that cannot be read is no reason to leave things behind. */
  #readable(call: CniCall, config: NetworkConfig, resultText: string | undefined): JsonObject | undefined {
    if (resultText === undefined) return undefined;
    try {
      return printedInVersion(parseResult('recorded earlier', resultText), config.cniVersion);
    } catch (error) {
      const { sandboxId, interfaceName: ifName } = call;
      this.#log.warn({ err: error, sandboxId, ifName, network: config.name }, 'DEL goes without the result of its ADD');
      return undefined;
    }
  }
}

function readConfig(text: string, networkName: string): NetworkConfig {
  const parsed = parseNetworkConfig(text, networkName);
  if (parsed.ok) return parsed.config;
  const why = parsed.problems.map((problem) => problem.why).join('; ');
  throw new PodwireError('CniConfigInvalid', `configuration of network ${networkName}: ${why}`);
}

const stdinOf = (
  call: CniCall,
  config: NetworkConfig,
  plugin: NetworkPlugin,
  prevResult: JsonObject | undefined,
): JsonObject =>
  pluginStdin({ config, plugin, capabilityArgs: call.capabilityArgs, configArgs: call.configArgs, prevResult });

/** Known versions have one digit per part, so their texts compare as they do. */
const atLeast = (config: NetworkConfig, version: string): boolean => config.cniVersion >= version;
