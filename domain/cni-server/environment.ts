/** What a runtime tells a plugin by its environment (CNI 1.1, section 2, "Parameters"). */
import { shown } from '../text/shown.ts';
import { CNI_CODES, CniAnswerError } from './pod-cni.ts';
import { podOfArgs, type CalledPod } from './pod-args.ts';
import { CNI_COMMANDS, type CniCommand } from './versions.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Which container's which interface a call is about. */
export interface CalledContainer {
  readonly containerId: string;
  /** undefined in a DEL of a container whose network namespace has gone. */
  readonly netns: string | undefined;
  readonly ifName: string;
  readonly pod: CalledPod;
}

/** The specification's rule, and the length that file systems and etcd keys bear. */
const CONTAINER_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
export const CONTAINER_ID_RULE = '1 to 128 letters, digits, "_", "." or "-", a letter or digit first';

/** The kernel's rule (dev_valid_name), and what the specification adds: no colon. */
const IF_NAME = /^(?!\.{1,2}$)[\x21-\x2e\x30-\x39\x3b-\x7e]{1,15}$/;
export const IF_NAME_RULE = '1 to 15 printable characters without "/", ":" and white space, not "." or ".."';

/** Two dots as a part of a path, or a character that no path of a netns has, would be somebody's trick. */
const PATH = /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._@+:-]+){1,32}$/;
export const PATH_RULE = 'an absolute path of letters, digits and ._@+:- without "." and ".." as parts';

export const isContainerId = (text: string): boolean => CONTAINER_ID.test(text);
export const isCalledInterface = (text: string): boolean => IF_NAME.test(text);
export const isPlainPath = (text: string): boolean => PATH.test(text) && text.length <= 4096;

/** @throws CniAnswerError 4 */
export function readCommand(env: Environment): CniCommand {
  const text = env['CNI_COMMAND'] ?? '';
  const command = CNI_COMMANDS.find((each) => each === text);
  if (command !== undefined) return command;
  throw invalid([
    `CNI_COMMAND ${text === '' ? 'is missing' : `is ${shown(text)}`}; allowed: ${CNI_COMMANDS.join(', ')}`,
  ]);
}

/**
 * The parameters of ADD, DEL and CHECK. CNI_PATH is not looked at: podwire starts plugins from folders of its own choice.
 * A DEL gets on without a netns, and without arguments that can be read, for it must be able to clean up whatever is left.
 *
 * @param mayLackPod the arguments need not name a pod
 * @throws CniAnswerError 4 with every mistake
 */
export function readContainer(
  env: Environment,
  command: 'ADD' | 'DEL' | 'CHECK',
  mayLackPod = command === 'DEL',
): CalledContainer {
  const problems: string[] = [];
  const [containerId, ifName, netns] = [envText(env, 'CONTAINERID'), envText(env, 'IFNAME'), envText(env, 'NETNS')];
  if (!isContainerId(containerId)) problems.push(told('CNI_CONTAINERID', containerId, CONTAINER_ID_RULE));
  if (!isCalledInterface(ifName)) problems.push(told('CNI_IFNAME', ifName, IF_NAME_RULE));
  const mayLackNetns = command === 'DEL' && netns === '';
  if (!mayLackNetns && !isPlainPath(netns)) problems.push(told('CNI_NETNS', netns, PATH_RULE));
  const pod = podOfArgs(envText(env, 'ARGS'), mayLackPod);
  if ('problems' in pod) problems.push(...pod.problems);
  if (problems.length > 0 || 'problems' in pod) throw invalid(problems);
  return { containerId, netns: netns === '' ? undefined : netns, ifName, pod };
}

const envText = (env: Environment, name: 'CONTAINERID' | 'IFNAME' | 'NETNS' | 'ARGS'): string =>
  env[`CNI_${name}`] ?? '';

const told = (name: string, text: string, allowed: string): string =>
  `${name} ${text === '' ? 'is missing' : `is ${shown(text)}`}; allowed: ${allowed}`;

const invalid = (problems: readonly string[]): CniAnswerError =>
  new CniAnswerError(CNI_CODES.invalidEnvironment, problems.join('; '));
