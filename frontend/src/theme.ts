import {
  type CSSVariablesResolver,
  createTheme,
  type MantineColorsTuple,
  rem,
} from "@mantine/core";

/** The brand's colour: a calm blue-green; its shade 7 reaches 4.5:1 on white. */
const weave: MantineColorsTuple = [
  "#e8f8fa",
  "#d3eef2",
  "#a6dde5",
  "#75cbd7",
  "#4fbccb",
  "#37b2c4",
  "#27a0b2",
  "#0b6e83",
  "#0a5f71",
  "#05505f",
];

/** Cool neutrals for the dark theme: the surface first seen at 2 a.m. beside a microscope. */
const dark: MantineColorsTuple = [
  "#d5dae0",
  "#b4bcc6",
  "#98a2af",
  "#66717f",
  "#434d59",
  "#343c47",
  "#262d36",
  "#191f27",
  "#131820",
  "#0d1117",
];

export const theme = createTheme({
  primaryColor: "weave",
  primaryShade: 7, // 5.9:1 with white on it, in both themes
  autoContrast: true,
  luminanceThreshold: 0.4,
  colors: { weave, dark },
  fontFamily: '"Inter Variable", system-ui, sans-serif',
  fontFamilyMonospace: '"JetBrains Mono Variable", ui-monospace, monospace',
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  fontSizes: { xs: rem(12), sm: rem(13.5), md: rem(15), lg: rem(17), xl: rem(20) },
  headings: {
    fontWeight: "620",
    sizes: {
      h1: { fontSize: rem(24), lineHeight: "1.3" },
      h2: { fontSize: rem(17), lineHeight: "1.4" },
      h3: { fontSize: rem(15), lineHeight: "1.4" },
    },
  },
  components: {
    Paper: { defaultProps: { withBorder: true, radius: "lg" } },
    Button: { defaultProps: { size: "sm" } },
    ActionIcon: { defaultProps: { variant: "subtle", color: "gray" } },
    Tooltip: {
      defaultProps: {
        withArrow: true,
        openDelay: 250,
        events: { hover: true, focus: true, touch: true },
      },
    },
    Modal: { defaultProps: { centered: true, radius: "lg" } },
    Anchor: { defaultProps: { underline: "hover" } },
  },
});

/** Texts keep 4.5:1 on their ground in both themes; Mantine's dimmed grey doesn't. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "#566170",
    "--mantine-color-placeholder": "#667180",
    "--mantine-color-anchor": "#0a5f71",
    "--mantine-color-error": "#c01f1f",
    "--sw-good": "#1d6b2f",
    "--sw-bad": "#b31b1b",
    "--sw-ground": "#f6f8fa",
    "--sw-surface": "#ffffff",
    "--sw-line": "#dfe4ea",
    "--sw-hover": "#f1f5f8",
  },
  dark: {
    "--mantine-color-dimmed": "#9aa5b1",
    "--mantine-color-placeholder": "#8d98a5",
    "--mantine-color-anchor": "#75cbd7",
    "--mantine-color-error": "#ff8787",
    "--mantine-color-body": "#0d1117",
    "--sw-good": "#69db7c",
    "--sw-bad": "#ff8787",
    "--sw-ground": "#0d1117",
    "--sw-surface": "#141a22",
    "--sw-line": "#2a323d",
    "--sw-hover": "#1b222c",
  },
});
