/** The server's side of a boot, for a person. */
import type { ServerEvent } from '../../src/server/events.ts';
import type { Progress, Stage } from '../progress.ts';

const imageSteps = { convert: 'converting the image', identify: 'reading the image' } as const;

/** Shows what the server says: lines for what is part of a boot, and the live line of `starting` for the work before it is ready. */
export function serverEventPrinter(progress: Progress, starting: Stage): (event: ServerEvent) => void {
  return (event) => {
    if (event.event === 'image-progress') {
      starting.note(event.fraction < 1 ? `${imageSteps[event.step]} ${Math.floor(event.fraction * 100)} %` : '');
    }
    for (const line of eventLines(event)) progress.event(`  server   ${line}`);
  };
}

function eventLines(event: ServerEvent): string[] {
  switch (event.event) {
    case 'ready':
      return event.interfaces.map(
        ({ name, dhcp, pool, tftp, http, iscsi }) =>
          `${name}: DHCP ${dhcp}${pool === undefined ? '' : ` ${pool}`}, ${[tftp, http, iscsi].join(', ')}`,
      );
    case 'boot-step':
      return [`${event.stage}: ${event.text}`];
    case 'boot-end':
      return [`boot of ${event.mac}: ${event.outcome} after ${(event.elapsed / 1000).toFixed(1)} s`];
    case 'trouble':
      return [`trouble: ${event.text} (${event.code})`];
    default:
      return [];
  }
}
