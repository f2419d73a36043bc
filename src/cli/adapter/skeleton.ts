/** Languages of adapters. */
export type Language = "js" | "sh";
/** Content of a new adapter with the given name, by language. */
export type Skeletons = Readonly<Record<Language, (name: string) => string>>;
