/** Settings of the agent containers and of the backend that works in them; the same in watcher, orchestrator and CLI. */
import { z } from 'zod';
import type { Backend } from '../domain/target.ts';
import { DEFAULT_DIALECT_SETTINGS, type AgentSettings } from '../domain/settings.ts';
import type { SettingsTable, Values } from './cli-flags.ts';

const DEFAULTS = DEFAULT_DIALECT_SETTINGS.agents;

/** Name of a container: a DNS label. */
const containerName = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be the name of a container');

const NAMESPACED = /^([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)=(node|exec)$/;

const byNamespace = z
  .string()
  .default('')
  .transform((text) => text.split(',').map((word) => word.trim()))
  .transform((words) => words.filter((word) => word !== '').map((word) => NAMESPACED.exec(word)))
  .refine((matches) => matches.every((match) => match !== null), {
    error: 'must be namespace=node or namespace=exec, separated by commas',
  })
  .transform((matches): Readonly<Record<string, Backend>> =>
    Object.fromEntries(matches.map((match) => [match?.[1] ?? '', match?.[2] === 'exec' ? 'exec' : 'node'])),
  );

export const agentInitContainerSetting = {
  agentInitContainer: {
    flag: 'agent-init-container-name',
    env: 'PODWIRE_AGENT_INIT_CONTAINER_NAME',
    schema: containerName.default(DEFAULTS.initContainer),
    help: "init container that holds a pod's start until its networks are there",
  },
} as const satisfies SettingsTable;

export const agentSettings = {
  ...agentInitContainerSetting,
  agentContainer: {
    flag: 'agent-container-name',
    env: 'PODWIRE_AGENT_CONTAINER_NAME',
    schema: containerName.default(DEFAULTS.container),
    help: 'container in which the exec backend works while the pod runs',
  },
  backend: {
    flag: 'backend',
    env: 'PODWIRE_BACKEND',
    schema: z.enum(['node', 'exec']).default(DEFAULTS.backend.default),
    help: 'who makes the interfaces: node (the worker of each node) or exec (the orchestrator, in agent containers)',
  },
  backendByNamespace: {
    flag: 'backend-by-namespace',
    env: 'PODWIRE_BACKEND_BY_NAMESPACE',
    schema: byNamespace,
    help: 'namespaces with another backend, as namespace=node or namespace=exec, separated by commas',
  },
  gateOnRefusal: {
    flag: 'gate-on-refusal',
    env: 'PODWIRE_GATE_ON_REFUSAL',
    schema: z.enum(['open', 'shut']).default(DEFAULTS.gateOnRefusal),
    help: 'whether a pod with a refused network may leave its agent init container: open or shut',
  },
} as const satisfies SettingsTable;

export const agentsOf = (values: Values<typeof agentSettings>): AgentSettings => ({
  initContainer: values.agentInitContainer,
  container: values.agentContainer,
  backend: { default: values.backend, byNamespace: values.backendByNamespace },
  gateOnRefusal: values.gateOnRefusal,
});
