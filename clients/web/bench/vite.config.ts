import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// The benchmark's page is built into WEB_OUT and is not part of the package.
export default defineConfig({
  root: here("."),
  base: "./",
  publicDir: false,
  build: { outDir: process.env.WEB_OUT, emptyOutDir: true, target: "es2022", modulePreload: false },
  worker: { format: "iife", rollupOptions: { output: { entryFileNames: "[name].js" } } },
});
