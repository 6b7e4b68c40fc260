import { Hint } from "./Hint";

import classes from "./Mono.module.css";

const TAIL_LENGTH = 28;

/** A path in a mono face, shortened in its middle: the end of a name tells files apart. */
export function PathText({ path }: { path: string }) {
  const cut = Math.max(0, path.length - TAIL_LENGTH);
  const slash = path.lastIndexOf("/");
  const at = Math.max(slash, cut);
  return (
    <Hint label={path} multiline maw={560} style={{ overflowWrap: "anywhere" }}>
      <span className={classes.path} translate="no">
        <span className={classes.head}>{path.slice(0, at)}</span>
        <span className={classes.tail}>{path.slice(at)}</span>
      </span>
    </Hint>
  );
}

const HASH_SHOWN = 12;

/** The beginning of a hash; the whole of it on hover and focus. */
export function HashText({ hash }: { hash: string }) {
  return (
    <Hint label={hash} multiline maw={560} style={{ overflowWrap: "anywhere" }}>
      <code className={classes.hash} translate="no">
        {hash.slice(0, HASH_SHOWN)}…
      </code>
    </Hint>
  );
}

/** Any short machine word: codes, ids, addresses. */
export function Code({ children }: { children: string }) {
  return (
    <code className={classes.hash} translate="no">
      {children}
    </code>
  );
}
