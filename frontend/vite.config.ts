import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
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
              entriesAwareMergeThreshold: 20_000,
            },
          ],
        },
      },
    },
  },
});
