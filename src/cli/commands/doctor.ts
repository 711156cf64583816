/** `diskless doctor`: what a machine booting here would get, and what is wrong with it. */

import type { Command } from 'commander';
import { doctorSettings } from '../doctor-settings.ts';
import { addAction } from '../setting-flags.ts';

const ENVIRONMENT_PREFIX = 'DISKLESS_DOCTOR';

export function registerDoctor(command: Command): void {
  addAction(command, doctorSettings, { prefix: ENVIRONMENT_PREFIX }, async (settings) =>
    (await import('../actions/doctor.ts')).doctor(settings),
  );
}
