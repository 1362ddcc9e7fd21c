import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The API's address while developing: the mock (`npm run mock`) or a running `postroom serve`.
const api = process.env.POSTROOM_URL ?? "http://127.0.0.1:8026";

export default defineConfig({
  plugins: [react()],
  server: { host: "127.0.0.1", proxy: { "/v1": api, "/openapi.json": api } },
  build: {
    // The policy allows no data: fonts or styles, so nothing may be inlined, however small.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  test: { include: ["src/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
