/** QEMU's monitor protocol, QMP: what a machine's owner does to it from outside. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

interface QmpMessage {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/** Milliseconds. */
const answerTimeout = 30_000;

/** Runs one command without arguments at the monitor that listens on a socket's path; settles when QEMU has done it. */
export async function runQmpCommand(socketPath: string, command: 'stop' | 'cont'): Promise<void> {
  const socket = connect(socketPath);
  socket.setTimeout(answerTimeout, () => socket.destroy(new Error(`QEMU did not answer ${command}`)));
  const replies = ['qmp_capabilities', command];
  for (const execute of replies) socket.write(`${JSON.stringify({ execute })}\n`);
  let answers = 0;
  try {
    // Events and the greeting come between the answers.
    for await (const line of createInterface({ input: socket })) {
      const message: QmpMessage = JSON.parse(line);
      if (message.error !== undefined) throw new Error(`QEMU refuses ${command}: ${message.error.desc}`);
      if (message.return !== undefined && ++answers === replies.length) return;
    }
    throw new Error(`QEMU ended before it answered ${command}`);
  } finally {
    socket.destroy();
  }
}
