import { defineConfig } from "orval";

const folder = process.env.STREAMWEAVE_CLIENT_FOLDER ?? "./src/api/generated";

/** Functions and types from the server's OpenAPI document; hooks are written by hand in src/api. */
export default defineConfig({
  streamweave: {
    input: "./openapi.json",
    output: {
      mode: "tags-split",
      target: `${folder}/endpoints.ts`,
      client: "axios-functions",
      clean: true,
      headers: true,
      indexFiles: true,
      override: {
        mutator: { path: "./src/api/client.ts", name: "request" },
        useDates: false,
      },
    },
  },
});
