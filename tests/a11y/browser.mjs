// The browser of this machine: $CHROMIUM, or Chromium under one of its usual names.
import { accessSync, constants } from "node:fs";
import { join } from "node:path";

export const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--no-first-run",
];

export function findBrowser() {
  const names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
  const places = names.flatMap((name) => ["/usr/bin", "/usr/local/bin", "/snap/bin"].map((folder) => join(folder, name)));
  for (const path of [process.env.CHROMIUM, ...places].filter(Boolean)) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch { /* the next one */ }
  }
  console.error("no Chromium found: install it (apt-get install chromium) or set $CHROMIUM");
  process.exit(2);
}
