#!/usr/bin/env node
/** `podwire`, or `kubectl podwire`: the command line. */
import { basename } from 'node:path';
import { outliveClosedOutput } from '../adapters/process/closed-output.ts';
import { runCommandLine } from './program.ts';

outliveClosedOutput();
await runCommandLine(process.argv.slice(2), basename(process.argv[1] ?? ''));
