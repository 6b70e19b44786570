/** Texts of the form `address/prefix`, as the kernel prints them; one without a prefix is its address. */

export const addressOf = (cidr: string): string => cidr.split('/')[0] ?? '';
