/** CNI plugin chains on one node (CNI SPEC 1.1; configurations from 0.3.1). The port knows the protocol, not what is desired. */
import type { CniCapabilityArgs, JsonObject } from '../cni/attachment.ts';
import type { ReportedInterface } from '../records.ts';

/** Everything that identifies one attachment to its plugins; the same for ADD, CHECK and DEL. */
export interface CniCall {
  readonly sandboxId: string;
  /** A verified path of the sandbox's netns; empty for a DEL after the sandbox is gone. */
  readonly netnsPath: string;
  readonly interfaceName: string;
  /** The network configuration as its author wrote it, `.conf` or `.conflist`. */
  readonly configText: string;
  /** Name of the network where the configuration has none. */
  readonly networkName: string;
  readonly capabilityArgs: CniCapabilityArgs;
  /** CNI_ARGS, in this order. */
  readonly args: readonly (readonly [key: string, value: string])[];
  readonly configArgs?: JsonObject;
}

/** The last plugin's result, read strictly. */
export interface CniResult {
  /** As printed by the last plugin, byte for byte; at most 256 KiB. */
  readonly text: string;
  readonly cniVersion: string;
  /** `sandbox` is empty for an interface on the host. */
  readonly interfaces: readonly { readonly name: string; readonly mac?: string; readonly sandbox?: string }[];
  readonly ips: readonly { readonly address: string; readonly gateway?: string; readonly interface?: number }[];
  /** Without a destination: the default route, as to the kernel. */
  readonly routes: readonly { readonly dst?: string; readonly gw?: string }[];
  readonly dns?: {
    readonly nameservers?: readonly string[];
    readonly domain?: string;
    readonly search?: readonly string[];
  };
}

export interface CniFacts {
  /** Of that interface in the pod; absent where the result does not say. */
  readonly mac?: string;
  readonly addresses?: readonly string[];
  readonly dns?: CniResult['dns'];
  /** Of the default routes. */
  readonly gateways: readonly string[];
  /** Interfaces in the pod beside that one. */
  readonly others: readonly ReportedInterface[];
  /** Why the result is not about that interface, for the pod's owner. */
  readonly misnamed?: string;
}

export type CniCheck =
  | { readonly kind: 'ok' }
  /** The configuration says `disableCheck`, its version is older than 0.4.0, or a plugin's CHECK is known to say nothing here. */
  | { readonly kind: 'unsupported' }
  | { readonly kind: 'failed'; readonly message: string };

export interface CniAttachmentName {
  readonly sandboxId: string;
  readonly interfaceName: string;
}

/**
 * Fails with CniPluginMissing, CniTryAgain (codes 11, 50, 51), CniFailed, CniOutputInvalid, CniResultTooBig, CommandTimedOut (all of
 * which leave an unknown state behind: DEL before the next ADD), CniConfigInvalid (the same configuration fails again).
 */
export interface CniPlugins {
  /** Runs the chain in order, each plugin with its predecessor's result. Undoes nothing when it fails: the caller runs `del`. */
  add(call: CniCall, signal: AbortSignal): Promise<CniResult>;
  /** Runs the chain backwards; goes on after a failing plugin and fails at the end. `resultText`: ADD's, if it is known. */
  del(call: CniCall, resultText: string | undefined, signal: AbortSignal): Promise<void>;
  check(call: CniCall, resultText: string, signal: AbortSignal): Promise<CniCheck>;
  /** What a result says that the kernel does not; nothing when it cannot be read. */
  facts(resultText: string, interfaceName: string): CniFacts;
  /** Fails with CniTryAgain when a plugin of the chain says that it cannot serve an ADD now; CNI 1.1 only, nothing to ask before. */
  ready(call: Pick<CniCall, 'configText' | 'networkName'>): Promise<void>;
  /** Tells the chain which attachments are alive; CNI 1.1 only. False: the chain does not know GC. Never beside ADD or DEL of that network. */
  gc(
    configText: string,
    networkName: string,
    valid: readonly CniAttachmentName[],
    signal: AbortSignal,
  ): Promise<boolean>;
}
