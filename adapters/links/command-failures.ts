/**
 * What the kernel refused, in podwire's terms: by its own words and those of the C library, which iproute2 prints and netlink's refusals
 * are written with.
 */
import { isIP } from 'node:net';
import { PodwireError, type FailureCode } from '../../domain/failures.ts';
import type { LinkCommand } from '../../domain/ports/link-kernel.ts';

const EXISTS = /File exists|already assigned/i;
const NO_DEVICE = /Cannot find device/i;
const ABSENT = /Address not found|Cannot assign requested address|No such process|No such file/i;

/** Whether a failed command found things as it wanted to make them. */
export function alreadySo(command: LinkCommand, message: string): boolean {
  switch (command.op) {
    // The command names device and prefix, so it can only be the very same address.
    case 'add-address':
      return EXISTS.test(message);
    // IPv4 says so of a route that is the same in everything; of IPv6 it is any of that metric.
    case 'prefer-default':
      return EXISTS.test(message) && isIP(command.gateway) === 4;
    case 'remove-address':
    case 'remove-route':
    case 'unprefer-default':
    case 'drop-default':
      return ABSENT.test(message) || NO_DEVICE.test(message);
    case 'remove-link':
      return NO_DEVICE.test(message);
    case 'announce':
    case 'announce-all':
      return true;
    default:
      return false;
  }
}

/** The failure of one command in podwire's terms. */
export function commandFailure(command: LinkCommand, message: string): PodwireError {
  const what = `${command.op} ${command.name}`;
  const failure = (code: FailureCode, text: string): PodwireError => new PodwireError(code, text);
  if (/VXLAN device with the specified VNI already exists/i.test(message)) {
    return failure('VniInUse', `${what}: another VXLAN device of this pod has that VNI and port; choose another id=`);
  }
  if (
    /Device or resource busy|Resource temporarily unavailable|No buffer space|Cannot allocate memory/i.test(message)
  ) {
    return failure('KernelBusy', `${what}: ${message}`);
  }
  if (command.op === 'add-vxlan' && NO_DEVICE.test(message)) {
    return failure('ParentMissing', `link ${command.parent} is not there to carry ${command.name}`);
  }
  if (NO_DEVICE.test(message)) return failure('CommandFailed', `${what}: ${message}`);
  if (command.op === 'rename' && EXISTS.test(message)) {
    return failure('CommandFailed', `${what}: ${command.to} appeared meanwhile`);
  }
  if (command.op === 'add-route') {
    const route = `${command.destination} via ${command.gateway}`;
    return EXISTS.test(message)
      ? failure(
          'LinkConflict',
          `route ${route} on ${command.name}: there is another route to ${command.destination}; remove it or choose another route=`,
        )
      : failure(
          'InvalidLink',
          `route ${route} on ${command.name} is refused by the kernel: ${message}; the gateway must be reachable through this link`,
        );
  }
  if (command.op === 'prefer-default') return defaultRouteFailure(command, message);
  if (
    /^Error: |Invalid argument|Cannot assign requested address|Permission denied|not supported|Numerical result/i.test(
      message,
    )
  ) {
    return failure('InvalidLink', `${what} is refused by the kernel: ${message}`);
  }
  return failure('CommandFailed', `${what}: ${message}`);
}

function defaultRouteFailure(
  { name, gateway }: Extract<LinkCommand, { op: 'prefer-default' }>,
  message: string,
): PodwireError {
  const what = `the default route via ${gateway} on ${name}`;
  if (EXISTS.test(message))
    return new PodwireError('CommandFailed', `${what}: there is another one of metric 1 in the pod; remove it`);
  return /invalid gateway|No route to host|unreachable|Invalid argument/i.test(message)
    ? new PodwireError('GatewayNotOnLink', `${what} is refused by the kernel: ${message}`)
    : new PodwireError('CommandFailed', `${what}: ${message}`);
}
