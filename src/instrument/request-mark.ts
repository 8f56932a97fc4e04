/** Owns notes about objects of the host: kept inside the object, seen by nobody, gone with it. */

/** Notes of one kind; another kind on the same object is apart from it. */
export interface Notes<T> {
  /** The note on an object; undefined without one. */
  get(host: object): T | undefined;
  /** Puts a note on an object, or another in its place. */
  set(host: object, note: T | undefined): void;
}

/** Makes the host's object the one that a subclass gives its private field to. */
class Host {
  constructor(host: object) {
    // biome-ignore lint/correctness/noConstructorReturn: the returned object is what gets the private field.
    return host;
  }
}

/**
 * A new kind of notes. They are private fields, because a WeakMap with a request put in and taken out per call costs
 * ten times the rest of the measurement, and a property could be seen, copied and logged by the host.
 */
export function requestNotes<T>(): Notes<T> {
  return class Note extends Host {
    #note: T | undefined;

    static get(host: object): T | undefined {
      return #note in host ? (host as Note).#note : undefined;
    }

    static set(host: object, note: T | undefined): void {
      if (#note in host) (host as Note).#note = note;
      else new Note(host).#note = note;
    }
  };
}
