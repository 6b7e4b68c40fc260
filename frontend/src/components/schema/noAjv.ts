/**
 * Stands for the validator that @rjsf/core names in a helper for tests: it makes code from text,
 * which the page's policy forbids, and nobody calls it.
 */
export default {};
