/**
 * The version of the package. Not read from package.json, which a bundle has no way to; a test holds
 * the two together.
 */
export const packageVersion = '0.1.0';
