import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBlockQueue, createRing } from '../../src/child/block-queue.ts';

describe('the ring', () => {
  test('keeps the last bytes, whatever the pieces', () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 });
    fc.assert(
      fc.property(pieces, fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 60 }), (parts, size, wanted) => {
        const ring = createRing(size);
        for (const part of parts) ring.push(part);
        const all = Buffer.concat(parts);
        expect(ring.totalBytes).toBe(all.length);
        expect(ring.tail()).toEqual(all.subarray(Math.max(0, all.length - size)));
        const kept = Math.min(size, wanted);
        expect(ring.tail(wanted)).toEqual(all.subarray(Math.max(0, all.length - kept)));
      }),
    );
  });

  test('gives copies, and forgets at a reset', () => {
    const ring = createRing(4);
    ring.push(Buffer.from('abc'));
    const tail = ring.tail();
    ring.reset();
    ring.push(Buffer.from('xyz'));
    expect([tail.toString(), ring.tail().toString(), ring.totalBytes]).toEqual(['abc', 'xyz', 3]);
  });
});

describe('the queue of waiting bytes', () => {
  test('gives back what it got, in order, whatever the pieces', () => {
    const steps = fc.array(fc.oneof(fc.record({ push: fc.nat(150_000) }), fc.record({ take: fc.nat(150_000) })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(steps, list => {
        const queue = createBlockQueue();
        let [written, read] = [0, 0];
        for (const step of list) {
          if ('push' in step) {
            queue.push(Uint8Array.from({ length: step.push }, (_, index) => (written + index) % 251));
            written += step.push;
          } else {
            const head = queue.head();
            const taken = Math.min(step.take, head?.length ?? 0);
            for (let index = 0; index < taken; index++)
              if (head?.[index] !== (read + index) % 251) throw new Error(`byte ${read + index} is another`);
            queue.take(taken);
            read += taken;
          }
          expect(queue.bytes).toBe(written - read);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('leaves the block alone that is on its way', () => {
    const queue = createBlockQueue();
    queue.push(Buffer.from('abc'));
    const head = queue.head();
    queue.push(Buffer.from('def'));
    expect(head?.toString()).toBe('abc');
    queue.take(3);
    expect(queue.head()?.toString()).toBe('def');
    queue.clear();
    expect([queue.bytes, queue.head()]).toEqual([0, null]);
  });
});
