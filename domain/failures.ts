/**
 * Every failure podwire knows, in one table. `terminal`: the same inputs will fail again, ask the owner. `transient`: try again.
 * `unknown-outcome`: it may have happened; observe before doing anything else. `stale`: the world moved on, observe and plan anew.
 */
export type RetryClass = 'terminal' | 'transient' | 'unknown-outcome' | 'stale';

export const FAILURES = {
  EtcdUnavailable: 'transient',
  StoreRebuilding: 'transient',
  ApiUnavailable: 'transient',
  TemporalUnavailable: 'transient',
  CriUnavailable: 'transient',
  ExecUnavailable: 'transient',
  SandboxNotReady: 'transient',
  SandboxBusy: 'transient',
  CommandTimedOut: 'unknown-outcome',
  CommandFailed: 'transient',
  GateShut: 'transient',
  ParentMissing: 'transient',
  KernelBusy: 'transient',
  AddressesExhausted: 'transient',
  PoolExhausted: 'transient',
  AddressHeld: 'transient',
  NodeIdUnavailable: 'transient',
  CniPluginMissing: 'transient',
  CniTryAgain: 'transient',
  CniFailed: 'unknown-outcome',
  CniOutputInvalid: 'unknown-outcome',
  CniResultTooBig: 'unknown-outcome',
  SandboxGone: 'stale',
  SandboxChanged: 'stale',
  Fenced: 'stale',
  HostNetwork: 'terminal',
  BackendUnfit: 'terminal',
  LinkConflict: 'terminal',
  VniInUse: 'terminal',
  VniTaken: 'terminal',
  VniFixed: 'terminal',
  AddressTaken: 'terminal',
  AddressOutside: 'terminal',
  InterfaceConflict: 'terminal',
  DefinitionEdited: 'terminal',
  DeclaredElsewhere: 'terminal',
  ForeignKept: 'terminal',
  CniConfigInvalid: 'terminal',
  CniSandboxUnknown: 'terminal',
  CapabilityIgnored: 'terminal',
  InvalidLink: 'terminal',
  GatewayNotOnLink: 'terminal',
  NetnsRefused: 'terminal',
  AddressingInvalid: 'terminal',
  RecordInvalid: 'terminal',
} as const satisfies Record<string, RetryClass>;

export type FailureCode = keyof typeof FAILURES;

/** The one error class below the workflows; activities map it to Temporal's ApplicationFailure in one place. */
export class PodwireError extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'PodwireError';
    this.code = code;
  }

  get retryClass(): RetryClass {
    return FAILURES[this.code];
  }
}
