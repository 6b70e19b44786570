/** GET requests to the lab's API server as its administrator, without starting a kubectl for each. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { keyPair } from './certificates.ts';
import type { LabLayout } from './layout.ts';

const TIMEOUT_MS = 5_000;

/** Body of a path, e.g. `/readyz`. @throws Error unless the answer is 200 within 5 s. */
export async function apiGet(lab: LabLayout, hostPort: number, path: string): Promise<string> {
  const admin = keyPair(lab, 'admin');
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: hostPort,
        path,
        ca: readFileSync(keyPair(lab, 'ca').cert),
        cert: readFileSync(admin.cert),
        key: readFileSync(admin.key),
        agent: false,
        timeout: TIMEOUT_MS,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString('utf8');
          if (response.statusCode === 200) resolve(body);
          else reject(new Error(`GET ${path}: ${response.statusCode ?? '?'} ${body.slice(0, 300)}`));
        });
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`GET ${path}: no answer for ${TIMEOUT_MS / 1000} s`)));
    sent.on('error', reject);
    sent.end();
  });
}

interface NodeList {
  items: { metadata: { name: string }; status?: { conditions?: { type: string; status: string }[] } }[];
}

/** Names of the nodes that are Ready. */
export const readyNodes = (lab: LabLayout, hostPort: number): Promise<string[]> =>
  nodesWhere(lab, hostPort, (ready) => ready === 'True');

/** Names of the nodes whose kubelets have told how they are. */
export const reportingNodes = (lab: LabLayout, hostPort: number): Promise<string[]> =>
  nodesWhere(lab, hostPort, (ready) => ready === 'True' || ready === 'False');

async function nodesWhere(
  lab: LabLayout,
  hostPort: number,
  fits: (ready: string | undefined) => boolean,
): Promise<string[]> {
  const list = JSON.parse(await apiGet(lab, hostPort, '/api/v1/nodes')) as NodeList;
  return list.items
    .filter((node) => fits(node.status?.conditions?.find(({ type }) => type === 'Ready')?.status))
    .map((node) => node.metadata.name);
}
