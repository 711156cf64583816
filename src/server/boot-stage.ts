/**
 * The stages of a boot, in the order in which a machine goes through them (RFC 4173 §3 seen from the server). A machine that has iPXE
 * in its network card's ROM begins at `ipxe-discover`.
 */
export const bootStages = [
  'discover',
  'offer',
  'loader',
  'ipxe-discover',
  'root-path',
  'login',
  'first-read',
  'os-address',
  'os-login',
  'up',
] as const;

/** `no-loader`, `no-answer` and `lost` are where a boot goes wrong. */
export type BootStage = (typeof bootStages)[number] | 'no-loader' | 'no-answer' | 'lost';

/** How far along a stage is; the stages of trouble are nowhere on the way. */
export function progressOf(stage: BootStage): number {
  return (bootStages as readonly BootStage[]).indexOf(stage);
}
