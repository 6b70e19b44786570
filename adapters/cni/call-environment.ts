/** The CNI_* variables of one attachment, checked: they come from records, and plugins make file names of them. */
import { cniArgsText } from '../../domain/cni/cni-args.ts';
import { CNI_INTERFACE_RULE, isCniInterfaceName } from '../../domain/cni/interface-name.ts';
import { PodwireError } from '../../domain/failures.ts';
import type { CniCall } from '../../domain/ports/cni-plugins.ts';
import { printable } from './printable.ts';

const SANDBOX_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
/** @throws PodwireError RecordInvalid, CniConfigInvalid (an argument) */
export function callEnvironment(call: CniCall, binDirs: readonly string[]): Record<string, string> {
  if (!SANDBOX_ID.test(call.sandboxId)) throw refused('sandbox id', call.sandboxId, SANDBOX_ID.source);
  if (!isCniInterfaceName(call.interfaceName)) {
    throw refused('interface name', call.interfaceName, CNI_INTERFACE_RULE);
  }
  const args = cniArgsText(call.args);
  if (args === undefined) {
    throw new PodwireError(
      'CniConfigInvalid',
      `CNI arguments ${printable(JSON.stringify(call.args), 200)} are refused: keys are letters, digits and '_', values also '.', ':' and '-'`,
    );
  }
  return {
    CNI_CONTAINERID: call.sandboxId,
    CNI_NETNS: call.netnsPath,
    CNI_IFNAME: call.interfaceName,
    CNI_ARGS: args,
    CNI_PATH: binDirs.join(':'),
  };
}

const refused = (what: string, value: string, allowed: string): PodwireError =>
  new PodwireError('RecordInvalid', `${what} ${JSON.stringify(printable(value, 140))} is refused; allowed: ${allowed}`);
