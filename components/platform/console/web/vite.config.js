import { defineConfig } from "vite";

export default defineConfig({
  base: "/console/",
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    emptyOutDir: true,
    // The policy of the page forbids `data:`, and scripts in the page.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
});
