/** A real `wan serve` of its own data directory and port, to talk to, kill and start again. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const WAN =
  process.env.PAGE_TEST_WAN ?? fileURLToPath(new URL("../../.venv/bin/wan", import.meta.url));
const PATIENCE_MS = 40_000;

export type Job = Record<string, unknown> & { id: string; status: string; step: number };

export class WanServer {
  private readonly folder = mkdtempSync(join(tmpdir(), "wan-page-"));
  private process: ChildProcess | null = null;
  private port = 0;

  get data(): string {
    return join(this.folder, "data");
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get log(): string {
    return readFileSync(join(this.folder, "server.log"), "utf8");
  }

  /** Start, or start again, on the same port. */
  async start(environment: Record<string, string> = {}): Promise<void> {
    this.port ||= await freePort();
    const log = openSync(join(this.folder, "server.log"), "a");
    this.process = spawn(WAN, ["serve", "--port", String(this.port), "--data-dir", this.data], {
      stdio: ["ignore", log, log],
      env: { ...process.env, OMP_NUM_THREADS: "1", ...environment },
    });
    await until("the server answers", async () =>
      fetch(`${this.url}/livez`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
  }

  /** A key that may do everything; from the first one on, the server asks for one. */
  newKey(): string {
    const asked = ["keys", "create", "page", "--scope", "admin", "--data-dir", this.data];
    return execFileSync(WAN, asked, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  }

  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.end("SIGTERM");
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async call<T = Job>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** Make a video, and wait for it. */
  async make(body: Record<string, unknown>): Promise<Job> {
    const { id } = await this.call("POST", "/generations", body);
    return this.ended(id);
  }

  async ended(id: string): Promise<Job> {
    let job = await this.call("GET", `/generations/${id}`);
    await until(`${id} has ended`, async () => {
      job = await this.call("GET", `/generations/${id}`);
      return ["completed", "failed", "cancelled"].includes(job.status);
    });
    return job;
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const running = this.process;
    this.process = null;
    if (!running || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once("exit", resolve));
    running.kill(signal);
    await gone;
  }
}

export async function until(what: string, there: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await there())) {
    if (Date.now() > deadline) throw new Error(`It did not happen that ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
