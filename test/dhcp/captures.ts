/** Messages of real programs as they were on the wire: hexadecimal, a field per line. `00*64` stands for 64 zero bytes. */

export function capture(text: string): Uint8Array {
  const hex = text.split('\n').map((line) => line.split('#')[0] ?? '');
  const digits = hex.join(' ').replaceAll(/([0-9a-f]{2})\*([0-9]+)/g, (_, byte, count) => byte.repeat(Number(count)));
  return Uint8Array.from(digits.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** DISCOVER of the iPXE ROM of Debian's ipxe-qemu, started by SeaBIOS in QEMU. */
export const ipxeDiscover = capture(`
  01  # op: BOOTREQUEST
  01  # htype: Ethernet
  06  # hlen
  00  # hops
  c9c4e731  # xid
  0004  # secs
  0000  # flags
  00000000  # ciaddr
  00000000  # yiaddr
  00000000  # siaddr
  00000000  # giaddr
  525400123456  # chaddr
  00*10  # chaddr, unused
  00*64  # sname
  00*128  # file
  63825363  # magic cookie
  35 01 01  # 53 message type
  39 02 05c0  # 57 maximum message size
  5d 02 0000  # 93 client architecture
  5e 03 010201  # 94 network interface identifier
  3c 20 505845436c69656e743a417263683a30303030303a554e44493a303032303031  # 60 vendor class: PXEClient:Arch:00000:UNDI:002001
  4d 04 69505845  # 77 user class: the bare text of iPXE
  37 17 010306070c0f111a2b3c4243778081828384858687afcb  # 55 parameter request list
  af 30 b105011af41000eb03010000170101220101130101110101270101190101290101100102210101150101180101120101  # 175 iPXE options
  3d 07 01525400123456  # 61 client identifier
  61 11 0033221100554477668899aabbccddeeff  # 97 machine identifier
  ff  # end
`);

/** REQUEST of the same machine a moment later. */
export const ipxeRequest = capture(`
  01  # op: BOOTREQUEST
  01  # htype: Ethernet
  06  # hlen
  00  # hops
  c9c4e731  # xid
  000a  # secs
  0000  # flags
  00000000  # ciaddr
  00000000  # yiaddr
  00000000  # siaddr
  00000000  # giaddr
  525400123456  # chaddr
  00*10  # chaddr, unused
  00*64  # sname
  00*128  # file
  63825363  # magic cookie
  35 01 03  # 53 message type
  39 02 05c0  # 57 maximum message size
  5d 02 0000  # 93 client architecture
  5e 03 010201  # 94 network interface identifier
  3c 20 505845436c69656e743a417263683a30303030303a554e44493a303032303031  # 60 vendor class: PXEClient:Arch:00000:UNDI:002001
  4d 04 69505845  # 77 user class: the bare text of iPXE
  37 17 010306070c0f111a2b3c4243778081828384858687afcb  # 55 parameter request list
  af 30 b105011af41000eb03010000170101220101130101110101270101190101290101100102210101150101180101120101  # 175 iPXE options
  3d 07 01525400123456  # 61 client identifier
  61 11 0033221100554477668899aabbccddeeff  # 97 machine identifier
  36 04 c0000201  # 54 server identifier
  32 04 c0000268  # 50 requested address
  ff  # end
`);

/** DISCOVER of udhcpc 1.35. */
export const udhcpcDiscover = capture(`
  01  # op: BOOTREQUEST
  01  # htype: Ethernet
  06  # hlen
  00  # hops
  4a5c0218  # xid
  0000  # secs
  0000  # flags
  00000000  # ciaddr
  00000000  # yiaddr
  00000000  # siaddr
  00000000  # giaddr
  525400123456  # chaddr
  00*10  # chaddr, unused
  00*64  # sname
  00*128  # file
  63825363  # magic cookie
  35 01 01  # 53 message type
  39 02 0240  # 57 maximum message size
  37 0a 0103060c0f111c2a7779  # 55 parameter request list
  3c 0c 756468637020312e33352e30  # 60 vendor class: udhcp 1.35.0
  3d 07 01525400123456  # 61 client identifier
  ff  # end
  00*17  # padding
`);

/** OFFER of dnsmasq 2.90 to udhcpc. */
export const dnsmasqOffer = capture(`
  02  # op: BOOTREPLY
  01  # htype: Ethernet
  06  # hlen
  00  # hops
  4a5c0218  # xid
  0000  # secs
  0000  # flags
  00000000  # ciaddr
  c000023a  # yiaddr
  c0000201  # siaddr
  00000000  # giaddr
  525400123456  # chaddr
  00*10  # chaddr, unused
  00*64  # sname
  756e64696f6e6c792e6b707865  # file: undionly.kpxe
  00*115  # file, unused
  63825363  # magic cookie
  35 01 02  # 53 message type
  36 04 c0000201  # 54 server identifier
  33 04 00000e10  # 51 lease time
  3a 04 00000708  # 58 T1
  3b 04 00000c4e  # 59 T2
  01 04 ffffff00  # 1 subnet mask
  1c 04 c00002ff  # 28 broadcast address
  03 04 c0000201  # 3 routers
  79 06 080ac00002fe  # 121 classless static routes
  77 13 076578616d706c6503636f6d00036c6162c000  # 119 domain search
  11 2f 69736373693a3139322e302e322e313a3a3a3a69716e2e323032342d30312e636f6d2e6578616d706c653a6469736b  # 17 root path: iscsi:192.0.2.1::::iqn.2024-01.com.example:disk
  ff  # end
`);

/** REQUEST of dhclient 4.4.3. */
export const dhclientRequest = capture(`
  01  # op: BOOTREQUEST
  01  # htype: Ethernet
  06  # hlen
  00  # hops
  193ce54e  # xid
  0000  # secs
  0000  # flags
  00000000  # ciaddr
  00000000  # yiaddr
  00000000  # siaddr
  00000000  # giaddr
  525400123456  # chaddr
  00*10  # chaddr, unused
  00*64  # sname
  00*128  # file
  63825363  # magic cookie
  35 01 03  # 53 message type
  36 04 c0000201  # 54 server identifier
  32 04 c000023a  # 50 requested address
  37 07 011c02030f060c  # 55 parameter request list
  ff  # end
  00*35  # padding
`);

/** DISCOVER of dhcpcd 9.4.1. */
export const dhcpcdDiscover = capture(`
  01  # op: BOOTREQUEST
  01  # htype: Ethernet
  06  # hlen
  00  # hops
  62a450ed  # xid
  0000  # secs
  0000  # flags
  00000000  # ciaddr
  00000000  # yiaddr
  00000000  # siaddr
  00000000  # giaddr
  525400123456  # chaddr
  00*10  # chaddr, unused
  00*64  # sname
  00*128  # file
  63825363  # magic cookie
  35 01 01  # 53 message type
  37 0e 017903060c0f1a1c2133363a3b77  # 55 parameter request list
  39 02 05c0  # 57 maximum message size
  3d 13 ff00123456000100013295bcd4525400123456  # 61 client identifier
  50 00   # 80 option 80
  91 01 01  # 145 forcerenew nonce
  ff  # end
  00*10  # padding
`);

/** DISCOVER of the PXE client of OVMF (EDK2 2022.11, x86-64). */
export const ovmfPxeDiscover = capture(`
  01  # op: BOOTREQUEST
  01  # htype: Ethernet
  06  # hlen
  00  # hops
  9e41132a  # xid
  0000  # secs
  8000  # flags
  00000000  # ciaddr
  00000000  # yiaddr
  00000000  # siaddr
  00000000  # giaddr
  525400123457  # chaddr
  00*10  # chaddr, unused
  00*64  # sname
  00*128  # file
  63825363  # magic cookie
  35 01 01  # 53 message type
  39 02 05c0  # 57 maximum message size
  37 23 0102030405060c0d0f111216171c28292a2b3233363a3b3c4243618081828384858687  # 55 parameter request list
  61 11 0033221100554477668899aabbccddeeff  # 97 machine identifier
  5e 03 010300  # 94 network interface identifier
  5d 02 0007  # 93 client architecture
  3c 20 505845436c69656e743a417263683a30303030373a554e44493a303033303030  # 60 vendor class: PXEClient:Arch:00007:UNDI:003000
  ff  # end
`);

/** DISCOVER of the HTTP boot client of the same OVMF. */
export const ovmfHttpDiscover = capture(`
  01  # op: BOOTREQUEST
  01  # htype: Ethernet
  06  # hlen
  00  # hops
  9e41132d  # xid
  0000  # secs
  8000  # flags
  00000000  # ciaddr
  00000000  # yiaddr
  00000000  # siaddr
  00000000  # giaddr
  525400123457  # chaddr
  00*10  # chaddr, unused
  00*64  # sname
  00*128  # file
  63825363  # magic cookie
  35 01 01  # 53 message type
  39 02 05c0  # 57 maximum message size
  37 1b 0102030405060c0d0f111216171c28292a2b3233363a3b3ceb4361  # 55 parameter request list
  61 11 0033221100554477668899aabbccddeeff  # 97 machine identifier
  5e 03 010300  # 94 network interface identifier
  5d 02 0010  # 93 client architecture
  3c 21 48545450436c69656e743a417263683a30303031363a554e44493a303033303030  # 60 vendor class: HTTPClient:Arch:00016:UNDI:003000
  ff  # end
`);
