/** Languages that an adapter is written in. */
export type Language = "js" | "sh";
/** What a new adapter of that name begins as, by language. */
export type Skeletons = Readonly<Record<Language, (name: string) => string>>;
