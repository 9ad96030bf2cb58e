/**
 * Node for Linux needs libatomic, which slim images and fresh servers lack, for one function: a compare-and-exchange of eight bytes, which
 * V8 calls wherever it allocates an entry of a table of code (WebAssembly's, and its own). A processor does that in one instruction, so
 * the Node inside the executable gets a function of its own for it, in the unused end of its code, and no longer asks for the library.
 * Nothing in the file is moved.
 *
 * Format: System V ABI, chapters 4 and 5; symbol versions: Linux Standard Base 5.0, chapter 10.7.
 */

const LIBRARY = 'libatomic.so.1';
const SYMBOL = '__atomic_compare_exchange';

/**
 * bool __atomic_compare_exchange(size_t size, void *object, void *expected, void *desired, int success, int failure), for size 8 and in
 * the strongest order, whichever is asked for. Another size would be a different Node: it traps.
 */
const CODE: Readonly<Record<number, string>> = {
  // x86-64: cmp $8,%rdi; jne 1f; mov (%rdx),%rax; mov (%rcx),%rcx; lock cmpxchg %rcx,(%rsi); mov %rax,(%rdx); sete %al; ret; 1: ud2
  62: '4883ff08 7512 488b02 488b09 f0480fb10e 488902 0f94c0 c3 0f0b',
  // aarch64: cmp x0,#8; b.ne 3f; ldr x4,[x2]; ldr x3,[x3]; 1: ldaxr x5,[x1]; cmp x5,x4; b.ne 2f; stlxr w6,x3,[x1]; cbnz w6,1b;
  // mov w0,#1; ret; 2: clrex; str x5,[x2]; mov w0,#0; ret; 3: brk #1
  183: `1f2000f1 c1010054 440040f9 630040f9 25fc5fc8 bf0004eb a1000054 23fc06c8 86ffff35
    20008052 c0035fd6 5f3f03d5 450000f9 00008052 c0035fd6 200020d4`,
};

/** The function's machine code for an ELF machine number. */
export function compareExchange(machine: number): Buffer {
  const code = CODE[machine];
  if (code === undefined) throw new Error(`no compare-and-exchange for ELF machine ${machine}`);
  return Buffer.from(code.replace(/\s/g, ''), 'hex');
}

interface Segment {
  /** Of its header in the file. */
  at: number;
  type: number;
  flags: number;
  offset: number;
  address: number;
  size: number;
}

const LOAD = 1;
const DYNAMIC = 2;
const EXECUTABLE = 1;
const FIXED_ADDRESSES = 2;
const ENTRY = 16;
const SYMBOL_SIZE = 24;
const RELOCATION_SIZE = 24;
const tag = {
  needed: 1,
  pltSize: 2,
  strings: 5,
  symbols: 6,
  pltRelocations: 23,
  versions: 0x6ffffff0,
  needs: 0x6ffffffe,
  needsCount: 0x6fffffff,
};

/** Takes libatomic out of a Node, in place. Throws if it is not the Node that this knows. */
export function withoutLibatomic(node: Buffer): Buffer {
  const elf = new Elf(node);
  const code = compareExchange(node.readUInt16LE(18));
  const slots = elf.slotsOf(SYMBOL);
  if (slots.length !== 1) throw new Error(`this Node calls ${SYMBOL} through ${slots.length} slots, not one`);
  const address = elf.append(code);
  for (const slot of slots) elf.bind(slot, address);
  elf.dropVersionsOf(LIBRARY);
  elf.dropNeeded(LIBRARY);
  return node;
}

class Elf {
  readonly #file: Buffer;
  readonly #segments: Segment[];
  readonly #dynamic: Segment;

  constructor(file: Buffer) {
    this.#file = file;
    if (file.toString('latin1', 0, 6) !== '\x7fELF\x02\x01' || file.readUInt16LE(16) !== FIXED_ADDRESSES)
      throw new Error('not a 64-bit little-endian executable with fixed addresses');
    this.#segments = Array.from({ length: file.readUInt16LE(56) }, (_, index) =>
      this.#segmentAt(this.#number(32) + index * file.readUInt16LE(54)),
    );
    this.#dynamic = this.#one(({ type }) => type === DYNAMIC);
  }

  #number(at: number): number {
    return Number(this.#file.readBigUInt64LE(at));
  }

  #segmentAt(at: number): Segment {
    const [offset, address, size] = [this.#number(at + 8), this.#number(at + 16), this.#number(at + 32)];
    return { at, type: this.#file.readUInt32LE(at), flags: this.#file.readUInt32LE(at + 4), offset, address, size };
  }

  #one(is: (segment: Segment) => boolean): Segment {
    const [found, ...more] = this.#segments.filter(is);
    if (found === undefined || more.length > 0) throw new Error('not one such segment');
    return found;
  }

  /** Where in the file an address lies. */
  #offsetOf(address: number): number {
    const { offset, address: start } = this.#one(
      one => one.type === LOAD && address >= one.address && address < one.address + one.size,
    );
    return offset + address - start;
  }

  /** Entries of the dynamic section: where each lies, up to the one that ends it. */
  *#entries(): Generator<{ at: number; name: number; value: number }> {
    for (let at = this.#dynamic.offset; ; at += ENTRY) {
      const [name, value] = [this.#number(at), this.#number(at + 8)];
      yield { at, name, value };
      if (name === 0) return;
    }
  }

  #entry(wanted: number): { at: number; value: number } {
    for (const entry of this.#entries()) if (entry.name === wanted) return entry;
    throw new Error(`no dynamic entry ${wanted}`);
  }

  #place(wanted: number): number {
    return this.#offsetOf(this.#entry(wanted).value);
  }

  #string(index: number): string {
    const at = this.#place(tag.strings) + index;
    return this.#file.toString('latin1', at, this.#file.indexOf(0, at));
  }

  /** Where the relocations of calls to a symbol lie. */
  slotsOf(symbol: string): number[] {
    const first = this.#place(tag.pltRelocations);
    const count = this.#entry(tag.pltSize).value / RELOCATION_SIZE;
    const places = Array.from({ length: count }, (_, index) => first + index * RELOCATION_SIZE);
    return places.filter(at => this.#string(this.#file.readUInt32LE(this.#symbolOf(at))) === symbol);
  }

  #symbolOf(relocation: number): number {
    return this.#place(tag.symbols) + this.#file.readUInt32LE(relocation + 12) * SYMBOL_SIZE;
  }

  /** Puts code behind the program's own, in the rest of its last page: the address. */
  append(code: Buffer): number {
    const segment = this.#one(({ type, flags }) => type === LOAD && (flags & EXECUTABLE) !== 0);
    const gap = -(segment.offset + segment.size) & 15;
    const start = segment.offset + segment.size + gap;
    const next = this.#segments.map(({ offset }) => offset).filter(offset => offset >= segment.offset + segment.size);
    const free = this.#file.subarray(start, start + code.length);
    if (start + code.length > Math.min(...next) || free.some(byte => byte !== 0))
      throw new Error('no room behind the code');
    code.copy(free);
    for (const field of [32, 40])
      this.#file.writeBigUInt64LE(BigInt(segment.size + gap + code.length), segment.at + field);
    return segment.address + segment.size + gap;
  }

  /** Lets the calls of a relocation reach an address, without a look-up: the relocation becomes none, the symbol one that may be missing. */
  bind(relocation: number, address: number): void {
    const symbol = this.#symbolOf(relocation);
    const WEAK_FUNCTION = 0x22;
    this.#file.writeUInt8(WEAK_FUNCTION, symbol + 4);
    const index = (symbol - this.#place(tag.symbols)) / SYMBOL_SIZE;
    const OF_NO_VERSION = 1;
    this.#file.writeUInt16LE(OF_NO_VERSION, this.#place(tag.versions) + 2 * index);
    this.#file.writeBigUInt64LE(BigInt(address), this.#offsetOf(this.#number(relocation)));
    this.#file.writeBigUInt64LE(0n, relocation + 8);
  }

  /** Takes a library out of the chain of those whose versions are checked at the start. */
  dropVersionsOf(library: string): void {
    const start = this.#entry(tag.needs);
    const count = this.#entry(tag.needsCount);
    let before: number | null = null;
    for (let at = this.#offsetOf(start.value); ; at += this.#file.readUInt32LE(at + 12)) {
      const next = this.#file.readUInt32LE(at + 12);
      if (this.#string(this.#file.readUInt32LE(at + 4)) === library) {
        if (before === null) this.#file.writeBigUInt64LE(BigInt(start.value + next), start.at + 8);
        else this.#file.writeUInt32LE(next === 0 ? 0 : at + next - before, before + 12);
        this.#file.writeBigUInt64LE(BigInt(count.value - 1), count.at + 8);
        return;
      }
      if (next === 0) throw new Error(`no versions of ${library}`);
      before = at;
    }
  }

  /** Takes a library out of the list of those that are loaded at the start; the entries after it move up. */
  dropNeeded(library: string): void {
    const entries = [...this.#entries()];
    const found = entries.find(({ name, value }) => name === tag.needed && this.#string(value) === library);
    const last = entries.at(-1);
    if (found === undefined || last === undefined) throw new Error(`this Node does not need ${library}`);
    this.#file.copyWithin(found.at, found.at + ENTRY, last.at + ENTRY);
  }
}
