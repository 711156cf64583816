/**
 * The logical units that `iscsi-test-cu` has to meet before each of its tests has had one on which it can run: no single unit can be
 * removable, write-protected, 512n and 512e at once.
 */

/** What a unit looks like to the initiator. All are thin, with blocks of 512 bytes. */
export interface Configuration {
  readonly id: string;
  readonly what: string;
  readonly physicalBlockSize: 512 | 4096;
  readonly removable: boolean;
  readonly readOnly: boolean;
  /** Whether the tool gets the unit by two paths. */
  readonly twoPaths: boolean;
  /** CHAP user names, each of which runs all tests of the configuration; none: nobody is asked. */
  readonly users: readonly string[];
  /** Lets the tool send SANITIZE, to a unit that overwrites so slowly that it can be watched at it. */
  readonly sanitize: boolean;
  /** Whether CDBs may have DPO and FUA set. */
  readonly dpoFua: boolean;
  /** Whether the tests that run here must pass here as well as elsewhere: what they want of this unit would be wrong of the others. */
  readonly binding: boolean;
  /** What each test says when it meets such a unit; a run without it was of another unit. */
  readonly says?: string;
  /** Which tests run here, as `Suite.Test`. */
  readonly tests: RegExp;
}

const ordinary = {
  physicalBlockSize: 512,
  removable: false,
  readOnly: false,
  twoPaths: false,
  users: [],
  sanitize: false,
  dpoFua: true,
  binding: false,
} as const;

/** Below 2,097,152 blocks, which is where READ(6) can no longer ask past the end; no test needs more than this. */
export const UNIT_SIZE = 256 << 20;

/** The secret of every CHAP user here. */
export const CHAP_SECRET = 'correct horse battery';

/** Not those which need what the units of the other configurations are. */
const ordinaryTests = /^(?!(Sanitize|MultipathIO|PreventAllow|StartStopUnit|NoMedia|ReadOnly)\.)/;

export const configurations: readonly Configuration[] = [
  { ...ordinary, id: 'A', what: '512n, thin', tests: ordinaryTests },
  { ...ordinary, id: 'B', what: '512e, thin', physicalBlockSize: 4096, tests: ordinaryTests },
  {
    ...ordinary,
    id: 'C',
    what: 'removable',
    removable: true,
    tests: /^(PreventAllow|StartStopUnit|NoMedia|Inquiry|TestUnitReady|Mandatory)\./,
  },
  {
    ...ordinary,
    id: 'D',
    what: 'write-protected',
    readOnly: true,
    tests: /^(ReadOnly|Read\d+|ReadCapacity\d+|ModeSense6|Inquiry|TestUnitReady|Mandatory)\./,
  },
  { ...ordinary, id: 'E', what: 'two paths to one unit', twoPaths: true, tests: /^MultipathIO\./ },
  {
    ...ordinary,
    id: 'F',
    what: 'CHAP, three user names',
    // Names that look like binary values of text keys (RFC 7143 §6.1) are still names.
    users: ['user', '0xabcd', '0babcd'],
    tests: /^(TestUnitReady|iSCSIcmdsn|iSCSIResiduals|Reserve6\.Logout|iSCSICHAP)/,
  },
  { ...ordinary, id: 'G', what: 'SANITIZE allowed, slow to overwrite', sanitize: true, tests: /^Sanitize\./ },
  {
    ...ordinary,
    id: 'H',
    what: 'neither DPO nor FUA',
    dpoFua: false,
    binding: true,
    says: 'DPOFUA flag is clear',
    // All others ask for neither, and find the same as in A.
    tests: /\.Dpo(Fua)?$/,
  },
];

/** Tests that no target can pass, by name, with the reason. */
export const impossible: ReadonlyMap<string, string> = new Map([
  [
    'iSCSITMF.LUNResetSimpleAsync',
    'in 1.19.0 it asserts a flag that only the reply sets, before it reads any reply (test_async_lu_reset_simple.c:157)',
  ],
]);
