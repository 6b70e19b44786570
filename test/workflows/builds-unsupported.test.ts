/** A real Temporal that does not keep builds apart: what is told to it is what was told before there were any. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../adapters/log/logger.ts';
import { connectClient } from '../../adapters/temporal/connection.ts';
import { createWorkflowBuilds } from '../../adapters/temporal/workflow-builds.ts';
import { ORCHESTRATOR_DEPLOYMENT } from '../../domain/workflow-builds.ts';
import { Versioning } from '../../workers/versioning.ts';
import { startDevServer } from './dev-server.ts';

test(
  'workers of a server without versions say no build, and nobody looks after builds',
  { timeout: 60_000 },
  async (t) => {
    const server = await startDevServer(['system.enableDeploymentVersions=false'], {});
    t.after(() => server.stop());
    const temporal = connectClient({ address: server.address, namespace: 'default' });
    t.after(() => temporal.close());
    const builds = createWorkflowBuilds(temporal.client, 'default', ORCHESTRATOR_DEPLOYMENT);
    assert.match((await builds.whyUnsupported()) ?? '', /Worker Deployment Versions are disabled/);
    const versioning = await Versioning.begin({
      ...{ mode: 'auto', deployment: ORCHESTRATOR_DEPLOYMENT, build: '1', builds, log: createLogger('test', 'error') },
      rosterOf: () => assert.fail('nobody has to be told of a build'),
    });
    assert.deepEqual(versioning.workerOptions, {});
    await versioning.firstLook();
    await versioning.leave();
  },
);
