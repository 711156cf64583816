/** Extensions behind the body of a message (RFC 2608 §9.1). None is understood here; all are kept. */

import { layout, ProtocolError, u16, u24 } from '../bytes/index.ts';

export interface Extension {
  readonly id: number;
  readonly data: Uint8Array;
}

const ExtensionLayout = layout('SLP extension', 5, { id: u16(0), nextOffset: u24(2) });

/** Whether who does not know the extension must refuse its message. */
export function isMandatory({ id }: Extension): boolean {
  return id >= 0x4000 && id <= 0x7fff;
}

/** The chain that begins at `offset` of a message, 0 for none. Raises SLP_MESSAGE_INVALID. */
export function readExtensions(message: Uint8Array, offset: number): Extension[] {
  const extensions: Extension[] = [];
  for (let at = offset; at !== 0; ) {
    if (at + ExtensionLayout.size > message.length) throw broken(`at byte ${at} of ${message.length}`);
    const { id, nextOffset } = ExtensionLayout.view(message, at);
    const end = nextOffset === 0 ? message.length : nextOffset;
    if (end < at + ExtensionLayout.size || end > message.length) throw broken(`from byte ${at} to ${end}`);
    extensions.push({ id, data: message.slice(at + ExtensionLayout.size, end) });
    at = nextOffset;
  }
  return extensions;
}

/** The chain as it stands at `offset` of a message. */
export function extensionBytes(extensions: readonly Extension[], offset: number): Uint8Array[] {
  let at = offset;
  return extensions.flatMap(({ id, data }, index) => {
    at += ExtensionLayout.size + data.length;
    const isLast = index === extensions.length - 1;
    return [ExtensionLayout.encode({ id, nextOffset: isLast ? 0 : at }), data];
  });
}

function broken(where: string): ProtocolError {
  return new ProtocolError('SLP_MESSAGE_INVALID', `an extension ${where} cannot be`);
}
