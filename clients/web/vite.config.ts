import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// Relative addresses: the page works in any folder of any site. Names without hashes keep the committed build's
// history readable; the service worker knows its files by their contents.
export default defineConfig({
  base: "./",
  build: {
    outDir: process.env.WEB_OUT ?? here("../../pocketmatte/apps/web"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    rollupOptions: {
      input: { index: here("index.html"), check: here("check.html") },
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
  worker: { format: "iife", rollupOptions: { output: { entryFileNames: "[name].js" } } },
});
