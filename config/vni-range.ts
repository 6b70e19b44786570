/** From which VNIs podwire gives one to a network object that asks for none. */
import { z } from 'zod';
import { FIRST_GIVEN_VNI, LAST_VNI } from '../domain/network-objects/vnis.ts';
import type { SettingsTable } from './cli-flags.ts';

const RULE = `must be FIRST-LAST, from 1 to ${LAST_VNI}`;

export const vniSettings = {
  vniRange: {
    flag: 'vni-range',
    env: 'PODWIRE_VNI_RANGE',
    schema: z
      .string()
      .default(`${FIRST_GIVEN_VNI}-${LAST_VNI}`)
      .transform((text, context) => {
        const [, first = '', last = ''] = /^(\d{1,8})-(\d{1,8})$/.exec(text) ?? [];
        const range = { first: Number(first), last: Number(last) };
        if (first !== '' && range.first >= 1 && range.first <= range.last && range.last <= LAST_VNI) return range;
        context.addIssue({ code: 'custom', message: RULE });
        return z.NEVER;
      }),
    help: 'VNIs, FIRST-LAST, of which podwire gives one to a Network or ClusterNetwork without spec.vni',
  },
} as const satisfies SettingsTable;
