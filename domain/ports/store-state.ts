/** What is said about podwire's etcd as a whole. */
export interface StoreState {
  /** Undefined: it was emptied or replaced, or never used. */
  readonly incarnation: { readonly id: string; readonly since: string } | undefined;
  /** Every tunnel that a pod says it has belongs to its network again: free ids are free. */
  readonly idsKnown: boolean;
  /** Everything that was attached before is recorded again: what is not recorded is not there. */
  readonly isWhole: boolean;
  /** podwire is to be out of the cluster since. */
  readonly teardown: { readonly since: string } | undefined;
}
