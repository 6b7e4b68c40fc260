import { useInViewport } from "@mantine/hooks";
import { type ReactNode, useEffect, useState } from "react";

interface WhenSeenProps {
  /** Room that is kept until then; pixels. */
  height: number;
  children: ReactNode;
}

/** Draws what is heavy when it first comes into sight: below the fold it delays nothing. */
export function WhenSeen({ height, children }: WhenSeenProps) {
  const { ref, inViewport } = useInViewport();
  const [wasSeen, setWasSeen] = useState(false);
  useEffect(() => {
    if (inViewport) setWasSeen(true);
  }, [inViewport]);
  return (
    <div ref={ref} style={{ minHeight: height }}>
      {wasSeen && children}
    </div>
  );
}
