type Method = (...args: never[]) => Promise<unknown>;
type MethodName<T> = { [Name in keyof T]-?: NonNullable<T[Name]> extends Method ? Name : never }[keyof T];

/** Calls `make` only once, at the first call. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/**
 * A proxy for an object that is created when one of the named methods is first called, so that its code is loaded only
 * if needed. A method that the object lacks resolves to `undefined`, like `?.()`.
 */
export function lazy<T extends object, Name extends MethodName<T>>(
  make: () => Promise<T>,
  names: readonly Name[],
): Pick<T, Name> {
  const object = once(make);
  const methods: Partial<Record<Name, (...args: unknown[]) => Promise<unknown>>> = {};
  for (const name of names) {
    methods[name] = async (...args) => {
      const made = await object();
      const method: unknown = made[name];
      return typeof method === "function" ? await method.apply(made, args) : undefined;
    };
  }
  return methods as Pick<T, Name>;
}
