/** The buffers of one logical unit behind READ BUFFER and WRITE BUFFER. They are made when first written. */

import {
  BUFFER_CAPACITY,
  BufferMode,
  ECHO_CAPACITY,
  encodeBufferDescriptor,
  encodeEchoDescriptor,
  type ReadBuffer10Cdb,
  type ReadBuffer16Cdb,
  WriteBufferCdb,
} from '../scsi/data-buffer.ts';
import { SenseKey } from '../scsi/sense.ts';
import { checkCondition, GOOD, invalidFieldInCdb, type Outcome } from './outcome.ts';

/** READ BUFFER in echo mode before anything was written. */
const COMMAND_SEQUENCE_ERROR = checkCondition(SenseKey.illegalRequest, 0x2c00);

/** Where the fields are in the CDBs of ten bytes. */
const Place = { mode: 1, bufferId: 2, bufferOffset: 3, length: 6 };

type ReadBufferCdb = typeof ReadBuffer10Cdb | typeof ReadBuffer16Cdb;

export class DataBuffers {
  #data: Uint8Array | undefined;
  #echo: Uint8Array | undefined;

  /** How a WRITE BUFFER fails before its data is asked for; undefined when it may go on. */
  checkWrite(cdb: Uint8Array): Outcome | undefined {
    const { mode, bufferId, bufferOffset, parameterListLength } = WriteBufferCdb.view(cdb);
    if (mode === BufferMode.echo)
      return parameterListLength > ECHO_CAPACITY ? invalidFieldInCdb(Place.length) : undefined;
    if (mode !== BufferMode.data) return invalidFieldInCdb(Place.mode);
    if (bufferId !== 0) return invalidFieldInCdb(Place.bufferId);
    if (bufferOffset > BUFFER_CAPACITY) return invalidFieldInCdb(Place.bufferOffset);
    return bufferOffset + parameterListLength > BUFFER_CAPACITY ? invalidFieldInCdb(Place.length) : undefined;
  }

  write(cdb: Uint8Array, list: Uint8Array): Outcome {
    const failure = this.checkWrite(cdb);
    if (failure !== undefined) return failure;
    const { mode, bufferOffset, parameterListLength } = WriteBufferCdb.view(cdb);
    const content = list.subarray(0, parameterListLength);
    if (mode === BufferMode.echo) {
      this.#echo = Uint8Array.from(content);
    } else {
      this.#data ??= new Uint8Array(BUFFER_CAPACITY);
      this.#data.set(content, bufferOffset);
    }
    return GOOD;
  }

  /** The answer to READ BUFFER, to be cut to `allocationLength`; or how the command fails. */
  read(
    layout: ReadBufferCdb,
    cdb: Uint8Array,
  ): { readonly data: Uint8Array; readonly allocationLength: number } | Outcome {
    const { mode, bufferId, bufferOffset, allocationLength } = layout.view(cdb);
    switch (mode) {
      case BufferMode.descriptor:
        return { data: encodeBufferDescriptor(bufferId), allocationLength };
      case BufferMode.echoDescriptor:
        return { data: encodeEchoDescriptor(), allocationLength };
      case BufferMode.echo:
        return this.#echo === undefined ? COMMAND_SEQUENCE_ERROR : { data: this.#echo, allocationLength };
      case BufferMode.data:
        if (bufferId !== 0) return invalidFieldInCdb(layout.fields.bufferId.offset);
        if (bufferOffset > BUFFER_CAPACITY) return invalidFieldInCdb(layout.fields.bufferOffset.offset);
        return { data: this.#dataFrom(bufferOffset, allocationLength), allocationLength };
      default:
        return invalidFieldInCdb(Place.mode);
    }
  }

  /** A copy: what is on its way to one initiator must not change with another's write. */
  #dataFrom(offset: number, length: number): Uint8Array {
    const end = Math.min(BUFFER_CAPACITY, offset + length);
    return this.#data?.slice(offset, end) ?? new Uint8Array(end - offset);
  }
}
