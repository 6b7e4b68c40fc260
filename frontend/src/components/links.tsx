import { Anchor, type AnchorProps, Button, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { ComponentPropsWithRef } from "react";

type A = Omit<ComponentPropsWithRef<"a">, keyof AnchorProps | keyof ButtonProps>;

/** A link in a text, with the router's checked addresses. */
export const TextLink = createLink((props: AnchorProps & A) => <Anchor fz="inherit" {...props} />);

/** A name in a table or title that leads to its page: looks like the text around it. */
export const NameLink = createLink((props: AnchorProps & A) => (
  <Anchor c="var(--mantine-color-text)" fz="inherit" {...props} />
));

/** An action that is a page of its own. */
export const ButtonLink = createLink((props: ButtonProps & A) => (
  <Button component="a" {...props} />
));
