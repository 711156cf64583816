/** iSCSI operation codes (RFC 7143 §11.2.1.2). Initiator opcodes are below 0x20, target opcodes from 0x20 on. */

export const Opcode = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagementRequest: 0x02,
  loginRequest: 0x03,
  textRequest: 0x04,
  dataOut: 0x05,
  logoutRequest: 0x06,
  snackRequest: 0x10,
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagementResponse: 0x22,
  loginResponse: 0x23,
  textResponse: 0x24,
  dataIn: 0x25,
  logoutResponse: 0x26,
  readyToTransfer: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const;

/** The Initiator Task Tag and Target Transfer Tag that mean "none" (RFC 7143 §11.2.1.8, §11.7.4). */
export const RESERVED_TAG = 0xffff_ffff;
