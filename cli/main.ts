#!/usr/bin/env node
/** `podwire`: the command line. */
import { outliveClosedOutput } from '../adapters/process/closed-output.ts';
import { runCommandLine } from './program.ts';

outliveClosedOutput();
await runCommandLine(process.argv.slice(2));
