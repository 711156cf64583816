/** The stages of a boot as they can be read off a machine's console, from power-on to its own proof. */

export interface StageMark {
  readonly name: string;
  /** Milliseconds since power-on. */
  readonly at: number;
}

/** A line that matches says that the stage has begun. */
const signs: readonly (readonly [name: string, sign: RegExp])[] = [
  ['firmware', /SeaBIOS|BdsDxe|UEFI|Start PXE/],
  ['firmware asks DHCP for a loader', />>Start PXE over IPv4/],
  ['iPXE', /iPXE \d|iPXE initialising devices/],
  ['iPXE has its address', /^net0: \d+\.\d+\.\d+\.\d+/],
  ['iPXE knows its disk', /^Root path: iscsi:/],
  ['boot loader from iSCSI', /^Booting from SAN device|GRUB: loading the kernel|Welcome to GRUB/],
  ['kernel', /Linux version \d/],
  ['initramfs logs in by iSCSI', /Loading iSCSI transport class|iscsi: registered transport/],
  ['root file system', /EXT4-fs \(\w+\): mounted filesystem/],
  ['systemd', /systemd\[1\]: (Detected|Hostname|Queued start job)|Welcome to Debian/],
  ['multi-user', /Reached target .*multi-user/],
  ['up', /DISKLESS-UP /],
];

/** Follows a console; each stage is noted once, at its first sign. */
export class Stages {
  readonly marks: StageMark[] = [];
  readonly #started = performance.now();
  readonly #onStage: (mark: StageMark) => void;

  constructor(onStage: (mark: StageMark) => void = () => {}) {
    this.#onStage = onStage;
  }

  see(line: string): void {
    const found = signs.find(([name, sign]) => sign.test(line) && !this.marks.some((mark) => mark.name === name));
    if (found === undefined) return;
    const mark = { name: found[0], at: performance.now() - this.#started };
    this.marks.push(mark);
    this.#onStage(mark);
  }
}
