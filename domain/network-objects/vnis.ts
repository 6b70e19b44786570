/** Limits of VNIs: 24 bits (RFC 7348, section 5). */
export const LAST_VNI = 2 ** 24 - 1;
/** Below it lie the ids that people choose, and those that cluster networks use on the kernel's port: flannel 1, Cilium up to 65535. */
export const FIRST_GIVEN_VNI = 65_536;
