/** Outages long enough for every back-off to grow. */
import { describe } from 'node:test';
import { outagesDuringABurst } from '../faults/outage-burst.ts';

describe('outages of half a minute during a burst', () => outagesDuringABurst(30_000));
