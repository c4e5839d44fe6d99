import { LRUCache } from 'lru-cache';

/**
 * Keeps the `entries` that were used last. It takes the room of what is in it: lru-cache's own `max` sets all
 * of it aside at once, which for the caches of a hundred hosts is as much as all that is known of their pods.
 */
export function lru<Value extends object | string>(entries: number): LRUCache<string, Value> {
  return new LRUCache({ maxSize: entries, sizeCalculation: () => 1 });
}
