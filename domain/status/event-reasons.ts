/** Under which reasons a pod's owner finds podwire's events: its own, or those of the controller whose place podwire takes. */

export const EVENT_REASONS = ['podwire', 'multus-dynamic-networks-controller'] as const;

export type EventReasons = (typeof EVENT_REASONS)[number];

/** What multus-dynamic-networks-controller has no word for keeps podwire's. */
const OF_MULTUS: ReadonlyMap<string, string> = new Map([
  ['NetworkAttached', 'AddedInterface'],
  ['NetworkDetached', 'RemovedInterface'],
  ['NetworkRefused', 'InterfaceAddRejected'],
]);

/** @param reason one of podwire's own */
export const eventReason = (reason: string, reasons: EventReasons): string =>
  reasons === 'podwire' ? reason : (OF_MULTUS.get(reason) ?? reason);
