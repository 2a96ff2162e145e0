// @vitest-environment node
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let url: string;
let answers: Answer[];
const asked: (string | undefined)[] = [];

beforeEach(async () => {
  const kept = new Map<string, string>();
  vi.stubGlobal("location", { origin: "http://localhost" });
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
  });
  asked.length = 0;
  server = createServer((request, response) => {
    asked.push(request.headers["last-event-id"]?.toString());
    (answers.shift() ?? over)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
  vi.unstubAllGlobals();
});

const over: Answer = (_request, response) => response.writeHead(204).end();

function events(...ids: number[]): Answer {
  return (_request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    for (const id of ids) response.write(`: still here\n\nid: ${id}\ndata: event ${id}\n\n`);
    response.end();
  };
}

const cut: Answer = (request) => request.socket.destroy();

describe("a stream", () => {
  it("goes on after its last event when the server ends it, and stops where nothing is left", async () => {
    const { follow } = await import("./stream");
    answers = [events(1, 2), events(3)];
    const heard: string[] = [];

    follow(url, { onEvent: (event) => heard.push(event.data) });

    await vi.waitFor(() => expect(asked).toHaveLength(3), 5_000);
    expect(heard).toEqual(["event 1", "event 2", "event 3"]);
    expect(asked).toEqual([undefined, "2", "3"]);
  });

  it("says when it is lost, and when it is there again", async () => {
    const { follow } = await import("./stream");
    answers = [events(1), cut, events(2)];
    const states: string[] = [];

    follow(url, {
      onEvent: () => undefined,
      onOpen: () => states.push("open"),
      onLost: (why) => states.push(why.code),
    });

    await vi.waitFor(() => expect(states).toEqual(["open", "unreachable", "open"]), 5_000);
  });

  it("asks no more once it is stopped", async () => {
    const { follow } = await import("./stream");
    answers = [events(1)];
    const heard: string[] = [];

    const stop = follow(url, {
      onEvent: (event) => {
        heard.push(event.data);
        stop();
      },
    });

    await new Promise((resolve) => setTimeout(resolve, 900));
    expect([heard.length, asked.length]).toEqual([1, 1]);
  });
});
