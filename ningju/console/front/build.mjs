// Copies what the pages load from node_modules to static/vendor. No bundler: browsers load modules by themselves.
import { cp, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, "..", "static", "vendor");

const FILES = {
  "htmx.js": "htmx.org/dist/htmx.min.js",
  "sse.js": "htmx-ext-sse/dist/sse.min.js",
  "pico.css": "@picocss/pico/css/pico.classless.min.css",
  "maplibre-gl.css": "maplibre-gl/dist/maplibre-gl.css",
  "maplibre-gl.mjs": "maplibre-gl/dist/maplibre-gl.mjs",
  "maplibre-gl-shared.mjs": "maplibre-gl/dist/maplibre-gl-shared.mjs",
  "maplibre-gl-worker.mjs": "maplibre-gl/dist/maplibre-gl-worker.mjs",
};

await rm(vendor, { recursive: true, force: true });
await mkdir(vendor, { recursive: true });
for (const [name, source] of Object.entries(FILES)) {
  await cp(join(here, "node_modules", source), join(vendor, name));
}
