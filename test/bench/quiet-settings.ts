/** Settings under which podwire does nothing unless a pod changes. */

/** A sweep tells of records whose sandbox the container runtime does not know, and the runs it starts remove such members (mesh). */
export const NO_SWEEPS = { PODWIRE_SWEEP_SECONDS: '0' };
/** A relist compares with records in etcd, among them those of members that no pod stands for (mesh). */
export const NO_RELISTS = { PODWIRE_RELIST_SECONDS: '86400' };
