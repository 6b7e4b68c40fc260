import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/**
 * Of files that import each other, the one that a page asks for first runs before the other: what
 * its modules are made of is not there yet, and a part of the page is undefined.
 */
function noCircles(): Plugin {
  return {
    name: "no-circles",
    generateBundle(_options, bundle) {
      const importsOf = (file: string) => {
        const found = bundle[file];
        return found?.type === "chunk" ? found.imports : [];
      };
      for (const start of Object.keys(bundle)) {
        const seen = new Set<string>();
        const next = [...importsOf(start)];
        for (let file = next.pop(); file !== undefined; file = next.pop()) {
          if (file === start) {
            this.error(`${start} imports itself by way of others: merge less of what is shared.`);
          }
          if (!seen.has(file)) next.push(...importsOf(file));
          seen.add(file);
        }
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), noCircles()],
  resolve: {
    alias: {
      "@rjsf/validator-ajv8": fileURLToPath(
        new URL("./src/components/schema/noAjv.ts", import.meta.url),
      ),
      "@": fileURLToPath(new URL("./src", import.meta.url)),
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:8700" } },
  build: {
    target: "es2023",
    sourcemap: false,
    chunkSizeWarningLimit: 900,
    // The server sends `font-src 'self'`: nothing is inlined into the styles.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        // A shared file's own name would be those of all pages that share it.
        chunkFileNames: (chunk) =>
          `assets/${chunk.name.startsWith("shared") ? "shared" : "[name]"}-[hash].js`,
        codeSplitting: {
          // What several pages share comes in a few files: each one costs a way there and back.
          groups: [
            { name: "first", tags: ["$initial"], priority: 1 },
            {
              name: "shared",
              minShareCount: 2,
              entriesAware: true,
              // More, and files that are merged import each other.
              entriesAwareMergeThreshold: 5_000,
            },
          ],
        },
      },
    },
  },
});
