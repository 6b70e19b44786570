/** Outages long enough for every time-out of a step; those of half a minute are in test/full. */
import { describe } from 'node:test';
import { outagesDuringABurst } from './outage-burst.ts';

describe('short outages during a burst', () => outagesDuringABurst(10_000));
