/** Measures what the page must reach, on a real server: run it alone on a quiet machine, it prints and asserts nothing. */
import type { Browser, Page } from "playwright-core";
import { it } from "vitest";
import { chromiumPath, launch, openPage } from "./browser";
import { startWithVideos } from "./library";
import { until, WanServer } from "./server";

const VIDEOS = Number(process.env.VIDEOS ?? 10_000);
const OPENINGS = 7;
const SCROLL_S = 6;
/** As fast as a wheel is turned, as a finger flings, and as the scroll bar is dragged. */
const SPEEDS_PX_S = [2_000, 5_000, 20_000];

it("measures", async () => {
  const chromium = chromiumPath();
  if (!chromium) throw new Error("Install a Chromium, or name it in CHROMIUM.");
  const server = new WanServer();
  const browser = await launch(chromium);
  try {
    await startWithVideos(server, VIDEOS);
    await measureOpening(browser, server.url);
    await measureGallery(browser, server.url);
  } finally {
    await browser.close();
    await server.close();
  }
});

async function measureOpening(browser: Browser, url: string): Promise<void> {
  const taken: { paint: number; ready: number; kib: number }[] = [];
  for (let round = 0; round < OPENINGS; round += 1) {
    const { page, close } = await openPage(browser, url);
    await page.goto("/");
    await page.getByRole("button", { name: "Generate", exact: true }).waitFor();
    const ready = await page.evaluate(() => performance.now());
    await until("it is painted", () =>
      page.evaluate(() => performance.getEntriesByName("first-contentful-paint").length > 0),
    );
    taken.push({ ready, ...(await page.evaluate(firstView)) });
    await close();
  }
  say("first contentful paint", median(taken.map(({ paint }) => paint)), "ms", "at most 1000");
  say("the Generate form is there", median(taken.map(({ ready }) => ready)), "ms", "at most 1500");
  say("scripts and styles until then", taken[0]?.kib ?? NaN, "KB gzip", "at most 250");
}

/** In the page: when it was first painted, and what its scripts and styles weigh as they are sent. */
function firstView() {
  const sent = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
  const ours = sent.filter(({ name }) => /\.(js|css)$/.test(name));
  return {
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN,
    kib: ours.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0) / 1000,
  };
}

async function measureGallery(browser: Browser, url: string): Promise<void> {
  const { page, close } = await openPage(browser, url, { reducedMotion: "no-preference" });
  await page.goto("/outputs");
  await page.getByRole("article").first().locator("img").waitFor();
  const items = await countOf(page);
  for (const speed of SPEEDS_PX_S) {
    await page.evaluate(() => scrollTo(0, 0));
    const { frames, seconds, slowest, passed } = await page.evaluate(scroll, {
      speed,
      seconds: SCROLL_S,
    });
    const what = `${items} videos at ${speed} px/s (${Math.round(passed)} px)`;
    say(what, frames / seconds, "frames/s", "at least 50");
    say("  95 of 100 frames within", slowest, "ms", "");
    const stood = performance.now();
    await until("what it came to is shown", () => page.evaluate(isFilled));
    say("  then filled with pictures within", performance.now() - stood, "ms", "");
  }
  await measureEnd(page);
  await close();
}

/** In the page: scroll for some seconds, and count the frames that it draws. */
function scroll({ speed, seconds }: { speed: number; seconds: number }) {
  return new Promise<{ frames: number; seconds: number; slowest: number; passed: number }>(
    (resolve) => {
      const took: number[] = [];
      const began = performance.now();
      let before = began;
      const next = (now: number) => {
        took.push(now - before);
        scrollBy(0, (speed * (now - before)) / 1000);
        before = now;
        if (now - began < seconds * 1000) requestAnimationFrame(next);
        else {
          took.sort((one, other) => one - other);
          resolve({
            frames: took.length,
            seconds: (now - began) / 1000,
            slowest: took[Math.floor(took.length * 0.95)] ?? NaN,
            passed: window.scrollY,
          });
        }
      };
      requestAnimationFrame(next);
    },
  );
}

/** In the page: whether every place in the window has its picture. */
function isFilled(): boolean {
  return [...document.querySelectorAll("li[aria-posinset]")]
    .filter((place) => {
      const { top, bottom } = place.getBoundingClientRect();
      return bottom > 0 && top < innerHeight;
    })
    .every((place) => place.querySelector("img")?.complete);
}

/** How long the last of them takes to be there, from the front. */
async function measureEnd(page: Page): Promise<void> {
  await page.evaluate(() => scrollTo(0, 0));
  const began = performance.now();
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await page.locator(`li[aria-posinset="${await countOf(page)}"] article`).waitFor();
  say("from the first video to the last", performance.now() - began, "ms", "");
}

const countOf = async (page: Page) =>
  (await page.locator("li[aria-setsize]").first().getAttribute("aria-setsize")) ?? "?";

const median = (values: readonly number[]) =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN;

function say(what: string, value: number, unit: string, target: string): void {
  const told = value.toFixed(value < 100 ? 1 : 0);
  process.stdout.write(`${what.padEnd(52)} ${told.padStart(8)} ${unit.padEnd(9)} ${target}\n`);
}
