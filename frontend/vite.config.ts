import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** Beside each text file its compressed form: the server sends that one, and never compresses. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    // Once they are written: Vite itself changes them until then.
    writeBundle({ dir = "." }, bundle) {
      for (const name of Object.keys(bundle).filter((name) => /\.(js|css|svg)$/.test(name))) {
        const file = join(dir, name);
        writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), compressed()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../src/adapters/http/built_page", // a part of the Python package, so that it is installed with it
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the server's policy lets no data: address in
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
