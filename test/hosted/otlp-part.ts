/** An OTLP receiver as a part of the lab: `otlp-part.ts PORT FILE` writes the spans that it gets into the file, one a line. */
import { appendFileSync } from 'node:fs';
import { startOtlpReceiver } from '../workflows/otlp-receiver.ts';

const [port, file] = process.argv.slice(2);
if (port === undefined || file === undefined) throw new Error('usage: otlp-part.ts PORT FILE');
await startOtlpReceiver({ host: '0.0.0.0', port: Number(port) }, (spans) =>
  appendFileSync(file, spans.map((span) => `${JSON.stringify(span)}\n`).join('')),
);
