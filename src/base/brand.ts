declare const brand: unique symbol;

/** A compile-time label on a primitive. Only the matching `parseX` may create one. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
