/** Contract of a node's part in the run of a sandbox. Types only, so that workflows can import it. */
import type { HooksOfSandbox } from '../../domain/primary/sandbox.ts';

export interface RecordSandboxInput {
  readonly sandboxId: string;
  /** Of this ADD; a record that is there has those of its own. */
  readonly hooks: HooksOfSandbox;
}

export interface RecordSandboxResult {
  /** False: the node's disk has no lease of it any more, and etcd nothing. */
  readonly isHeld: boolean;
  /** Post-add hooks that are not over. */
  readonly left: readonly string[];
}

export interface EndSandboxInput {
  readonly sandboxId: string;
  /** As in `SandboxEnd`. */
  readonly upTo: number;
  /** Whether its record goes as well: nothing is to be done for it any more. */
  readonly forget: boolean;
}

export interface VerifySandboxResult {
  /** False: the container runtime does not tell of it yet. */
  readonly isListed: boolean;
  /** For people. */
  readonly missing: readonly string[];
}

/** Each may be repeated, and fails with EtcdUnavailable. */
export interface SandboxActivities {
  /** Brings etcd to what the node's disk says of the sandbox. */
  recordSandbox(input: RecordSandboxInput): Promise<RecordSandboxResult>;
  /** Looks at the pod's connection, once. Fails with AddressingInvalid, SandboxGone, CriUnavailable, and as the kernel does. */
  verifySandbox(input: { readonly sandboxId: string }): Promise<VerifySandboxResult>;
  /** Gives back what a DEL has left, and takes the sandbox out of etcd when it has no lease any more. Fails as the kernel does. */
  endSandbox(input: EndSandboxInput): Promise<void>;
}
