/** A headless Chromium that is on this machine; Playwright's own download is not needed. */
import { execFileSync } from "node:child_process";
import axe from "axe-core";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** null where there is none; the tests are skipped then, and say so. */
export function chromiumPath(): string | null {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of NAMES) {
    try {
      return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
    } catch {
      continue; // the next name
    }
  }
  return null;
}

export const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      "--no-sandbox", // for whoever runs the tests as root; it sees our own pages only
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });

export interface Watched {
  page: Page;
  /** What the page complained of: errors, and what its policy refused. */
  complaints: string[];
  /** Addresses of other servers that it asked. */
  strangers: string[];
  close: () => Promise<void>;
}

/** A page of its own, with nothing kept; what it complains of is kept for the test to look at. */
export async function openPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({
    baseURL: origin,
    viewport: { width: 1280, height: 900 },
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // What a refused request is to the browser's log, the page tells its user.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      complaints.push(message.text());
    }
  });
  page.on("request", (request) => {
    const { protocol, origin: asked } = new URL(request.url());
    if (protocol.startsWith("http") && asked !== origin) strangers.push(request.url());
  });
  return { page, complaints, strangers, close: () => context.close() };
}

/** What axe-core finds wrong with the page as it is. */
export async function faults(page: Page): Promise<string[]> {
  // Playwright evaluates past the page's policy; axe itself loads nothing.
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const loaded = window as unknown as { axe: { run: (options: object) => Promise<Found> } };
    interface Found {
      violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
    }
    const { violations } = await loaded.axe.run({
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`),
    );
  });
}
