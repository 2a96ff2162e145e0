/* eslint-disable no-console -- whoever runs it wants to know */
/** Lighthouse on every screen of a real server with videos: it asks nobody but that server. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { chromiumPath } from "./browser";
import { WanServer } from "./server";

const LEAST = 95;
/** The middle one counts: another program on the machine is not the page. */
const RUNS = 3;
const CATEGORIES = ["performance", "accessibility"] as const;

type Scores = Record<(typeof CATEGORIES)[number], number>;
interface Report {
  categories: Record<string, { score: number; auditRefs: { id: string; weight: number }[] }>;
  audits: Record<string, { score: number | null; title: string; displayValue?: string }>;
}

it(`each screen has ${LEAST} and more`, async () => {
  const chromium = chromiumPath();
  if (!chromium)
    throw new Error("Lighthouse needs a Chromium: install one, or name it in CHROMIUM.");
  const server = new WanServer();
  const scores: Record<string, Scores> = {};
  try {
    await server.start();
    const prompt = "a red circle moving right on a blue background";
    const made = await server.make({ prompt, seed: 1 });
    await server.make({ prompt, seed: 2 });
    for (const path of ["/", "/queue", "/outputs", `/outputs/${made.id}`, "/system"]) {
      const reports: Report[] = [];
      for (let run = 0; run < RUNS; run += 1) {
        reports.push(await report(`${server.url}${path}`, chromium));
      }
      scores[path] = {
        performance: middle(reports.map((one) => scoreOf(one, "performance"))),
        accessibility: Math.min(...reports.map((one) => scoreOf(one, "accessibility"))),
      };
      tellFaults(path, reports[0]);
    }
  } finally {
    await server.close();
  }
  console.table(scores);
  const low = Object.entries(scores).filter(
    ([, score]) => Math.min(...Object.values(score)) < LEAST,
  );
  expect(low.map(([name]) => name)).toEqual([]);
});

async function report(url: string, chromium: string): Promise<Report> {
  const { stdout } = await promisify(execFile)(
    "lighthouse",
    [
      url,
      "--preset=desktop",
      "--quiet",
      "--output=json",
      `--only-categories=${CATEGORIES.join(",")}`,
      "--chrome-flags=--headless=new --no-sandbox --disable-gpu --no-first-run",
      "--no-enable-error-reporting",
    ],
    { env: { ...process.env, CHROME_PATH: chromium }, maxBuffer: 2 ** 27 },
  );
  return JSON.parse(stdout) as Report;
}

const scoreOf = ({ categories }: Report, name: string) =>
  Math.round((categories[name]?.score ?? 0) * 100);

const middle = (values: number[]) =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** What cost points, so that a low score can be mended. */
function tellFaults(screen: string, report: Report | undefined): void {
  for (const category of CATEGORIES) {
    for (const { id, weight } of report?.categories[category]?.auditRefs ?? []) {
      const audit = report?.audits[id];
      if (weight === 0 || audit?.score == null || audit.score >= 0.9) continue;
      console.log(`${screen}: ${audit.title} ${audit.displayValue ?? ""} (${audit.score})`);
    }
  }
}
