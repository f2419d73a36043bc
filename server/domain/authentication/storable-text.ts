/** Whether PostgreSQL can keep a text: it has no NUL and no lone surrogate. */
export const isStorable = (text: string): boolean => !/\p{Cs}|\0/u.test(text);
