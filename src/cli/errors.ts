/** How an error leaves the program: one line on stderr, and an exit code that a script can act on (docs/errors.md lists them). */

import { DisklessError, ProtocolError, printable } from '../bytes/index.ts';

export const exitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  configuration: 3,
  portOrPermission: 4,
  notFound: 5,
  existsOrBusy: 6,
  authentication: 7,
  timeout: 8,
  protocol: 9,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** Families of error codes, the first that matches decides. */
const families: readonly (readonly [RegExp, ExitCode])[] = [
  [/^USAGE_|^ADDRESS_NETWORK_|^INTERFACE_NOT_GIVEN$/, exitCode.usage],
  [
    /^CONFIG_|^(CHAP|DHCP_AUTH)_FILE_|^DHCP_AUTH_NO_KEY$|^DHCP6?_(POOL|PREFIX)_|^HOST_ADDRESS_(NOT_SERVED|EXCLUDED)$|^ROUTER_|^INTERFACE_(DOWN|NO_ADDRESS|NO_IPV6_ADDRESS|NO_DHCP)$/,
    exitCode.configuration,
  ],
  [/_PORT_IN_USE$|_FORBIDDEN$/, exitCode.portOrPermission],
  [/_AUTH(_|$)|^BOOT_SECURE_/, exitCode.authentication],
  [/_TIMEOUT$|_NO_OFFER$|_NO_ANSWER$|_NO_ROUTE$/, exitCode.timeout],
  [/_EXISTS$|_LOCKED$|_IN_USE$/, exitCode.existsOrBusy],
  [/_NOT_FOUND$|_UNKNOWN$|_MISSING$/, exitCode.notFound],
];

export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof DisklessError)) return exitCode.failure;
  const family = families.find(([pattern]) => pattern.test(error.code));
  if (family !== undefined) return family[1];
  return error instanceof ProtocolError ? exitCode.protocol : exitCode.failure;
}

/** `diskless: <message> (<CODE>). <hint>`: always one line. */
export function errorLine(error: unknown): string {
  if (error instanceof DisklessError) {
    const sentence = `diskless: ${withoutFullStop(error.message)} (${error.code}).`;
    return oneLine(error.hint === undefined ? sentence : `${sentence} ${error.hint}`);
  }
  return oneLine(`diskless: ${error instanceof Error ? error.message : String(error)}`);
}

function withoutFullStop(text: string): string {
  return text.endsWith('.') ? text.slice(0, -1) : text;
}

function oneLine(text: string): string {
  return printable(text.replaceAll(/\s*\n\s*/g, ' '));
}
