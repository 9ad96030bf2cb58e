/** Milliseconds of a clock that never jumps and stops while the machine sleeps. Only differences mean anything. */
export type Mono = number & { readonly unit: 'monotonic ms' };

/** Milliseconds since 1970, for people and files. It may jump; nothing is decided by it within one boot. */
export type Wall = number & { readonly unit: 'wall ms' };

/** One moment on both clocks. */
export interface Stamp {
  mono: Mono;
  wall: Wall;
}
