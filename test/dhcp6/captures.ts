/** Messages of real programs as they were on the wire: hexadecimal, a field per line. */

function capture(text: string): Uint8Array {
  const digits = text.split('\n').map((line) => line.split('#')[0] ?? '');
  return Uint8Array.from(digits.join(' ').match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Solicit of dhcpcd 9.4.1. */
export const dhcpcdSolicit = capture(`
  01 9250b6  # type, transaction-id
  0001 000e 0001 0001 329bb0c5 525400123456  # 1 client identifier: DUID-LLT
  0003 000c 00123456 00000000 00000000  # 3 IA_NA
  0006 0006 003b 0052 0053  # 6 option request
  0008 0002 0000  # 8 elapsed time
  0010 003b 00009f0800356468637063642d392e342e313a4c696e75782d362e312e302d31382d616d6436343a7838365f36343a47656e75696e65496e74656c  # 16 vendor class
`);

/** Request of ISC's dhclient 4.4.3. */
export const dhclientRequest = capture(`
  03 b8ecbd  # type, transaction-id
  0001 000e 0001 0001 329bb0c0 525400123456  # 1 client identifier: DUID-LLT
  0002 000a 0003 0001 52365a989817  # 2 server identifier: DUID-LL
  0006 0006 0017 0018 003b  # 6 option request
  0008 0002 0000  # 8 elapsed time
  0003 0028 00123456 00000e10 00001518  # 3 IA_NA
    0005 0018 20010db8000000000000000000000101 00001c20 00001d4c  # 5 IA address
`);

/** Advertise of Kea 2.2. */
export const keaAdvertise = capture(`
  02 89c901  # type, transaction-id
  0001 000a 0003 0001 525400123456  # 1 client identifier: DUID-LL
  0002 000a 0003 0001 52365a989817  # 2 server identifier: DUID-LL
  0003 0028 00000001 000003e8 000007d0  # 3 IA_NA
    0005 0018 20010db8000000000000000000000100 00000bb8 00000fa0  # 5 IA address
  0017 0010 20010db8000000000000000000000001  # 23 domain name servers
  0018 000d 076578616d706c6503636f6d00  # 24 domain search list
  003b 0033 69736373693a5b323030313a6462383a3a315d3a3a3a3a69716e2e323032342d30312e636f6d2e6578616d706c653a6469736b  # 59 boot file URL
`);

/** Reply of dnsmasq 2.90. */
export const dnsmasqReply = capture(`
  07 2591f7  # type, transaction-id
  0001 000a 0003 0001 525400123456  # 1 client identifier: DUID-LL
  0002 000a 0003 0001 56f1f628c8b9  # 2 server identifier: DUID-LL
  0003 0028 00000001 00000708 00000c4e  # 3 IA_NA
    0005 0018 20010db80000000000000000000001bb 00000e10 00000e10  # 5 IA address
  000d 0009 0000 73756363657373  # 13 status code
  0018 000d 076578616d706c6503636f6d00  # 24 domain search list
  0017 0010 20010db8000000000000000000000001  # 23 domain name servers
  003b 0033 69736373693a5b323030313a6462383a3a315d3a3a3a3a69716e2e323032342d30312e636f6d2e6578616d706c653a6469736b  # 59 boot file URL
`);
