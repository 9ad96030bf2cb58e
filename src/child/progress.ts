/** Listeners of one kind of news without content. */
export interface Progress {
  fire(): void;
  /** Returns how to stop listening. */
  listen(listener: () => void): () => void;
}

/** Nobody listens yet. */
export function createProgress(): Progress {
  const listeners = new Set<() => void>();
  return {
    fire() {
      for (const listener of listeners) listener();
    },
    listen(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
